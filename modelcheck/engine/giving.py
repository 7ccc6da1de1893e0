"""What an observer is given of runs besides what it reads: values that leak, and what weak primitives give away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal as OneOf

from modelcheck.engine.deduction import KeyRing
from modelcheck.engine.prover import System
from modelcheck.engine.runs import GIVEN, Message, Party, Run
from modelcheck.engine.violation import given_up
from modelcheck.machines.held import Held
from modelcheck.protocol.model import Claim, Fact, Leak, Weak
from modelcheck.protocol.terms import Const, Term, subterms


class Giving:
    """The powers of a claim, as far as they give away what parties of runs hold."""

    def __init__(self, system: System, claim: Claim, ring: KeyRing) -> None:
        self.protocol, self.ring = system.protocol.name, ring
        self.held = Held(system.protocol, system.machines)
        weak = [power for power in claim.powers if isinstance(power, Weak)]
        self.everywhere = frozenset(power.form for power in weak if power.when is None)
        self.somewhere = tuple((power.form, power.when) for power in weak if power.when is not None)

    def of(self, run: Run, protocol: str, owner: OneOf["own", "other"], leaks: Sequence[Leak]) -> Run:
        """Return a run of a protocol with what leaks of it, sooner or later, and what is weak in its sessions."""
        leaked = tuple(
            Message(GIVEN, datum.name, (datum.name,), value)
            for power in leaks for datum in power.data
            if datum.kind != "key" and self.held.concerns(datum, protocol, self.protocol)
            and (datum.owner or power.owner in (owner, "all"))
            and (value := run.held(self.held.honest(run.path, datum))) is not None
        )  # fmt: skip
        run = replace(run, messages=(*run.messages, *leaked))
        given: dict[Term, Message] = {}
        weak: set[Term] = set()
        for form, fact in self.somewhere:
            if self._is_true(fact, run, protocol):
                for party in run.parties:
                    # A role that never learns the value counts as one of a weak session in proofs, in no attack.
                    sure = party.view.of(run.path.values[fact.subject.name]) is not None
                    for part, gift in self._given_up(run, party, form):
                        given.setdefault(gift, Message(GIVEN, f"what weak {form} gives away", (), gift))
                        weak |= {gift if form in ("sign", "rsa") else part} if sure else set()
        return replace(run, given=tuple(given.values()), weak=frozenset(weak))

    def _is_true(self, fact: Fact, run: Run, protocol: str) -> bool:
        """Return whether a condition on a value holds in the sessions of a run."""
        value = run.value(fact.subject.name) if self.held.concerns(fact.subject, protocol, protocol) else None
        return isinstance(value, Const) and value.value in fact.values

    def _given_up(self, run: Run, party: Party, form: str) -> Iterator[tuple[Term, Term]]:
        """Yield what a primitive is applied to in what a party sends, receives and can compute, and what that gives away."""
        computed = (run.value(name) for name, term in run.path.values.items() if party.view.of(term) is not None)
        for term in (*party.messages, *computed):
            for part in subterms(self.ring.normal(term)) if term is not None else ():
                yield from ((part, gift) for gift in given_up(part, form))
