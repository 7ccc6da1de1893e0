"""Offline tests of a guess: what an attacker computes from what it has seen and a guess comes out differently if it is wrong.

This belongs to the replayer. It computes everything twice, with the secret and with another value in its place, and
knows the table of primitives only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from modelcheck.engine.deduction import Knowledge
from modelcheck.machines.view import fill
from modelcheck.protocol.terms import App, Const, Term, Var, sort_of
from modelcheck.protocol.theory import IDENTITY, OPENINGS, Recipe, is_data, match, recipes

WRONG = "a wrong guess"
"""The value that stands for the secret when the guess is wrong."""

NOTHING = Const("nothing", "nothing")
"""What a computation gives that fails."""


@dataclass(frozen=True, slots=True)
class OfflineTest:
    """A term that the attacker has, and what it holds against it: an equal term, or a key that opens or verifies it."""

    kind: Literal["compare", "open", "verify"]
    term: Term
    computed: Term
    steps: tuple[Term, ...]
    """What is computed with the guess on the way, in order, the last one included."""


class Guesser:
    """What the attacker computes with a guess for a secret, when the guess is right and when it is wrong."""

    def __init__(self, knowledge: Knowledge, secret: Term) -> None:
        """Take what the attacker knows when all sessions are over."""
        self.knowledge, self.secret = knowledge, knowledge.ring.normal(secret)
        self._wrong: dict[Term, Term | None] = {}
        self._parts: dict[Term, tuple[Term, ...]] = {}

    def best(self) -> OfflineTest | None:
        """Return the simplest test that the right guess passes and the wrong one does not, None if there is none."""
        order = ("open", "verify", "compare")
        return min(
            self.tests(), key=lambda t: (t.term is not self.secret, order.index(t.kind), len(t.steps)), default=None
        )

    def tests(self) -> Iterator[OfflineTest]:
        """Yield the tests that the right guess passes and the wrong one does not."""
        for term in self.knowledge.learned:
            for opening in OPENINGS:
                bound: dict[Var, Term] = {}
                if opening.gives is None or opening.weak or not match(opening.sealed, term, bound):
                    continue
                for need in opening.needs or opening.role_needs:
                    key = self.knowledge.ring.normal(fill(need, bound))
                    if self._differs(key):
                        yield OfflineTest("open" if opening.needs else "verify", term, key, self._way(key))
            if self._differs(term) and not (isinstance(term, App) and is_data(term.function)):
                yield OfflineTest("compare", term, term, self._way(term))

    def _differs(self, term: Term) -> bool:
        """Return whether a term is computed with the guess and comes out differently with a wrong one."""
        wrong = self.wrong(term)
        return wrong is not None and wrong is not term

    def wrong(self, term: Term) -> Term | None:
        """Return what the computation of a term gives for a wrong guess, None if no computation uses the guess."""
        term = self.knowledge.ring.normal(term)
        if term not in self._wrong:
            self._wrong[term] = None  # a computation that needs the term itself is none
            self._wrong[term] = self._computed(term)
        return self._wrong[term]

    def _computed(self, term: Term) -> Term | None:
        if term is self.secret:
            return Const(WRONG, str(sort_of(term)))
        if not isinstance(term, App) or term.function == IDENTITY:
            return None
        for needs, recipe in recipes(term, self.knowledge.weak):
            for filled in self.knowledge.filled(needs):
                parts = tuple(map(self.knowledge.ring.normal, filled))
                wrong = [self.wrong(part) for part in parts]
                if not any(wrong) or not all(w or self.knowledge.can(p) for w, p in zip(wrong, parts, strict=True)):
                    continue
                self._parts[term] = parts
                return self._made(term, recipe, tuple(w or p for w, p in zip(wrong, parts, strict=True)))
        return None

    def _made(self, term: App, recipe: Recipe | None, parts: tuple[Term, ...]) -> Term:
        """Return what the way in which a term is made gives for other parts."""
        if recipe is None:
            return self.knowledge.ring.normal(App(term.function, parts))
        bound: dict[Var, Term] = {}
        if not all(match(need, part, bound) for need, part in zip(recipe.needs, parts, strict=True)):
            return NOTHING
        return self.knowledge.ring.normal(fill(recipe.gives, bound))

    def _way(self, term: Term) -> tuple[Term, ...]:
        """Return the composite terms that are computed with the guess on the way to a term, inner ones first."""
        found: dict[Term, None] = {}
        todo = [term]
        while todo:
            part = todo.pop()
            if part in self._parts:
                found.pop(part, None)
                found[part] = None
                todo += [inner for inner in self._parts[part] if self._wrong.get(inner) is not None]
        return tuple(reversed(found))
