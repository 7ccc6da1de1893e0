"""From files to verdicts: the only place that chains the stages."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter

from modelcheck import rules
from modelcheck.diagnostics import Diagnostic, Label, SpecRejected, in_source_order
from modelcheck.engine import guessing, sidebyside
from modelcheck.engine.agreement import TooMany
from modelcheck.engine.attacks import Searched, find_attack
from modelcheck.engine.audit import BudgetSpent, Stage, audit
from modelcheck.engine.bibench import Shown
from modelcheck.engine.boxes import Budget, BudgetExceeded, TimeExceeded
from modelcheck.engine.claim_scope import findings
from modelcheck.engine.comparable import assumptions, picked_alike
from modelcheck.engine.derivation import explain
from modelcheck.engine.equivalence import decide, words_of
from modelcheck.engine.evidence import BadEvidence, Certificate, certificate, dump, load
from modelcheck.engine.forms import decide_forms
from modelcheck.engine.guessing import Untested
from modelcheck.engine.judged import Unsupported
from modelcheck.engine.lengths import decide_lengths, length_assumptions
from modelcheck.engine.narrate import Narrator
from modelcheck.engine.observer import decide_observed, starts_with
from modelcheck.engine.probing import probed
from modelcheck.engine.prover import Proof, System, honest_paths, idle_protocol, paths_to, prove, reaches_point
from modelcheck.engine.solver import Derived, Solved, Solver
from modelcheck.engine.unlinkability import as_comparison
from modelcheck.files import resolved
from modelcheck.machines.held import Held
from modelcheck.machines.machine import Receive, RoleMachine, Send
from modelcheck.machines.project import project_all
from modelcheck.machines.review import review
from modelcheck.options import Options
from modelcheck.protocol.model import Claim, Observational, Protocol, Reachable
from modelcheck.protocol.resolve import Resolver
from modelcheck.protocol.typeflaw import flaws
from modelcheck.source import Source
from modelcheck.syntax import file_tree
from modelcheck.syntax.load import parse, read_source
from modelcheck.verdict import (
    Attack,
    BoundedSearch,
    ClaimResult,
    Holds,
    NotSupported,
    PossibleDifference,
    Undecided,
    Vacuous,
    Verdict,
    verdict_word,
)

TYPED = "messages are used in the format in which they are sent"

COMPARED = ("indistinguishable", "unlinkable")
"""The properties that compare what an observer sees."""


@dataclass(slots=True)
class Library:
    """The protocols of some files, resolved against each other; projections are made when first needed."""

    files: tuple[Path, ...]
    protocols: tuple[Protocol, ...]
    warnings: tuple[Diagnostic, ...]
    sources: tuple[Source, ...] = ()
    """What was read: the files, and those they include."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """The text of every protocol, variant and composition, by its name."""
    _systems: dict[str, System] = field(default_factory=dict)

    def system(self, protocol: Protocol) -> System:
        """Return a protocol with its role machines.

        Raises SpecRejected if a role cannot do what the flow says, or a claim speaks of what a role never holds.
        """
        if protocol.name not in self._systems:
            machines, found = project_all(protocol)
            if found:
                raise SpecRejected(in_source_order(found))
            held = Held(protocol, machines)
            wrong = [finding for claim in protocol.claims for finding in findings(held, claim)]
            if wrong:
                raise SpecRejected(in_source_order(wrong))
            self._systems[protocol.name] = System(protocol, machines)
        return self._systems[protocol.name]


@dataclass(frozen=True, slots=True)
class ClaimTask:
    """A claim to be checked."""

    file: str
    library: Library
    owner: Protocol
    what: Claim

    @property
    def protocol(self) -> str:
        """The protocol's name."""
        return self.owner.name

    @property
    def claim(self) -> str:
        """The claim's label."""
        return self.what.name


def open_library(files: Sequence[Path], known: Mapping[Path, Source] | None = None) -> Library:
    """Return the protocols of some files and of those they include; raise SpecRejected with everything that is wrong.

    Texts that are ``known``, by their resolved paths, are not read again.
    """
    trees: dict[Path, file_tree.File] = {}
    sources: dict[Path, Source] = {}
    found: list[Diagnostic] = []
    todo = [(path, None) for path in files]
    while todo:
        path, included = todo.pop(0)
        key = resolved(path)
        if key in trees:
            continue
        try:
            sources[key] = (known or {}).get(key) or _read(path, included)
            trees[key] = parse(sources[key])
        except SpecRejected as rejected:
            found += rejected.diagnostics
            continue
        for item in trees[key].items:
            if isinstance(item, file_tree.Include):
                if item.path.endswith(".flow"):
                    todo.append((path.parent / item.path, item))  # type: ignore[arg-type]
                else:
                    found.append(Diagnostic(rules.BAD_INCLUDE, f"`{item.path}` is no spec", Label(item.span), (),
                                            "name a file that ends in `.flow`"))  # fmt: skip
    if found:
        raise SpecRejected(in_source_order(found))
    protocols = Resolver(trees.values()).all()
    items = [item for file in trees.values() for item in file.items if not isinstance(item, file_tree.Include)]
    texts = {item.name.text: item.span.text for item in items}
    library = Library(tuple(files), protocols, (), tuple(sources.values()), texts)
    _project_all(library)
    return library


def _read(path: Path, included: file_tree.Include | None) -> Source:
    try:
        return read_source(path)
    except SpecRejected as rejected:
        if included is None:
            raise
        message = f"the included file cannot be read: {rejected.diagnostics[0].message}"
        raise SpecRejected([Diagnostic(rules.BAD_INCLUDE, message, Label(included.span), (),
                                       "correct the path, relative to this file")]) from None  # fmt: skip


def _project_all(library: Library) -> None:
    found: list[Diagnostic] = []
    for protocol in library.protocols:
        try:
            library.system(protocol)
        except SpecRejected as rejected:
            found += rejected.diagnostics
    if found:
        raise SpecRejected(in_source_order(found))


def select_claims(library: Library, files: Sequence[Path], pattern: str | None = None) -> tuple[ClaimTask, ...]:
    """Return the claims of some files, those of one label (or ``protocol.label``) if ``pattern`` is given."""
    wanted = {str(resolved(path)): str(path) for path in files}
    tasks = []
    for protocol in library.protocols:
        path = str(resolved(protocol.span.source.path))
        if path not in wanted:
            continue
        for claim in protocol.claims:
            if pattern is None or pattern in (claim.name, f"{protocol.name}.{claim.name}"):
                tasks.append(ClaimTask(wanted[path], library, protocol, claim))
    return tuple(tasks)


def machines(library: Library, files: Sequence[Path]) -> Iterator[RoleMachine]:
    """Yield the role machines of the protocols that stand in some files."""
    wanted = {resolved(path) for path in files}
    for protocol in library.protocols:
        if resolved(protocol.span.source.path) in wanted:
            yield from (m for m in library.system(protocol).machines if m.protocol == protocol.name)


def type_flaws(system: System) -> tuple[tuple[str, str], ...]:
    """Return the pairs of message parts that break type-flaw resistance."""
    steps = [state.step for machine in system.machines for state in machine.states]
    terms = [s.term if isinstance(s, Send) else s.pattern for s in steps if isinstance(s, Send | Receive)]
    return flaws(terms)


def _assumptions(claim: Claim, protocol: Protocol) -> tuple[str, ...]:
    match claim.property:
        case Observational(word) if word in COMPARED:
            return (TYPED, *assumptions(protocol))
        case Observational("resists guessing"):
            return (TYPED, *guessing.assumptions())
        case Observational("lengths"):
            return tuple(length_assumptions())
        case _:
            return (TYPED,)


# ------------------------------------------------------------------------------------------------ one claim


class InvariantRejected(Exception):
    """The audit refutes an invariant that the fixpoint claims: one of the two is wrong, and no verdict is to be had."""


def check_claim(task: ClaimTask, options: Options, deadline: float | None = None) -> ClaimResult:
    """Return the verdict on one claim; it is left undecided when the monotonic clock passes ``deadline``.

    Raises :class:`InvariantRejected` if the engines contradict each other.
    """
    system = task.library.system(task.owner)
    budget = Budget(options.budget, deadline=deadline)
    started = perf_counter()
    verdict: Verdict
    proof: Proof | None = None
    # The fixpoint makes many objects and few cycles: looking for cycles meanwhile takes a fifth of its time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        outcome = _decide(system, task.what, budget, options, deadline)
        if isinstance(outcome, Proof):
            proof = outcome
            verdict = Undecided("the proof was not audited")
        else:
            verdict = outcome
    except BudgetExceeded:
        verdict = Undecided(f"the budget of {options.budget} work units ran out (raise it with --budget)")
    except TimeExceeded:
        verdict = Undecided("the time ran out (raise it with --timeout)")
    except TooMany:
        verdict = Undecided("the data of the agreement have too many values to be tried one by one")
    finally:
        if collecting:
            gc.enable()
    seconds = perf_counter() - started
    audited = perf_counter()
    if proof is not None:
        verdict = _audited(task, proof, options, deadline)
    return result_of(task, verdict, seconds, perf_counter() - audited if proof is not None else 0.0)


def result_of(task: ClaimTask, verdict: Verdict, seconds: float = 0.0, audit_seconds: float = 0.0) -> ClaimResult:
    """Return a verdict as the result of a claim."""
    claim = task.what
    line, column = claim.span.source.position(claim.span.start)
    return ClaimResult(
        task.file, task.protocol, claim.name, claim.kind, claim.text, verdict, claim.expected, claim.reason, seconds,
        audit_seconds, _assumptions(claim, task.owner), claim.ids, line, column)  # fmt: skip


def _decide(system: System, claim: Claim, budget: Budget, options: Options, deadline: float | None) -> Proof | Verdict:
    if isinstance(claim.property, Observational):
        return _observed(system, claim, claim.property, budget, options)
    if isinstance(claim.property, Reachable):
        paths = paths_to(system, claim.property.point)
        if not paths:
            return Vacuous(f"no honest run gets to the point where {claim.property.point}")
        return Holds(True, 0, tuple(str(index) for index in paths))
    if options.vacuity and (idle := idle_protocol(system)) is not None:
        return _unfinished(idle)
    try:
        if options.vacuity and not reaches_point(system, claim, budget):
            return Vacuous("no session ever gets to the point that the claim judges with its premise true")
        searched: Attack | Searched | None = None
        if claim.expected == "attack":
            searched = find_attack(system, claim, options.sessions, options.attack_budget, deadline)
            if isinstance(searched, Attack):
                return searched
        result = prove(system, claim, budget)
    except Unsupported as unsupported:
        return NotSupported(str(unsupported))
    if isinstance(result, Proof):
        return result
    searched = searched or find_attack(system, claim, options.sessions, options.attack_budget, deadline)
    if isinstance(searched, Attack):
        return searched
    return BoundedSearch(searched.sessions, *_told(system, claim, result.solved, budget))


def _observed(
    system: System, claim: Claim, wanted: Observational, budget: Budget, options: Options
) -> Proof | Verdict:  # fmt: skip
    """Return the verdict on a claim about what an observer can tell, or the proof that it cannot."""
    idle = idle_protocol(system)
    if idle is not None:
        return _unfinished(idle)
    try:
        if wanted.word == "lengths":
            paths = [system.protocol.paths[index] for index in honest_paths(system, system.protocol)]
            return decide_lengths(paths, system.protocol.finite_sorts(), claim, wanted)
        if wanted.word == "resists guessing":
            found = guessing.decide(system, claim, wanted, budget, vacuity=options.vacuity)
            if isinstance(found, Untested):
                return PossibleDifference(*_told(system, claim, found.solved, budget))
            return found
        if wanted.word == "indistinguishable" and not starts_with(system, wanted):
            return _picks_observed(system, claim, wanted, budget, options)
        wanted = as_comparison(wanted) if wanted.word == "unlinkable" else wanted
        result = decide(system, claim, wanted, budget, vacuity=options.vacuity)
    except Unsupported as unsupported:
        return NotSupported(str(unsupported))
    return _compared(system, claim, wanted, budget, options, result)


def _picks_observed(
    system: System, claim: Claim, wanted: Observational, budget: Budget, options: Options
) -> Proof | Verdict:  # fmt: skip
    """Return the verdict on two picks: side by side if messages keep their form, else, or to see more, run by run.

    An observer of whole runs may fail to see what roles that compare side by side show.
    """
    refused: Unsupported | None = None
    if picked_alike(system, wanted) is not None:
        try:
            result = decide(system, claim, wanted, budget, vacuity=options.vacuity)
        except Unsupported as unsupported:
            refused = unsupported
        else:
            if not claim.passive or isinstance(result, Proof):
                return _compared(system, claim, wanted, budget, options, result)
    try:
        return decide_observed(system, claim, wanted, vacuity=options.vacuity)
    except Unsupported as unsupported:
        if claim.passive or refused is not None:
            found = None if claim.passive else _probed(system, claim, wanted)
            if found is None:
                raise refused or unsupported from None
            return found
        return _forms_compared(system, claim, wanted, budget, options)


def _forms_compared(
    system: System, claim: Claim, wanted: Observational, budget: Budget, options: Options
) -> Proof | Verdict:  # fmt: skip
    """Return the verdict on two picks that lead to messages of other forms, to an attacker who sends.

    What is expected is tried first: looking for an attack takes longer than proving that there is none.
    """
    first = claim.expected == "attack"
    found = _probed(system, claim, wanted) if first else None
    if found is not None:
        return found
    try:
        result = decide_forms(system, claim, wanted, budget, vacuity=options.vacuity)
    except Unsupported:
        found = None if first else _probed(system, claim, wanted)
        if found is None:
            raise
        return found
    if not isinstance(result, Derived):
        return result
    found = None if first else _probed(system, claim, wanted)
    return found or PossibleDifference(*_told(system, claim, result.solved, budget))


def _probed(system: System, claim: Claim, wanted: Observational) -> Attack | None:
    """Return what an attacker who sends messages sees of a pick, None if nothing is found or the search does not cover it."""
    try:
        return probed(system, claim, wanted)
    except Unsupported:
        return None


def _compared(
    system: System, claim: Claim, wanted: Observational, budget: Budget, options: Options,
    result: Proof | Shown | Vacuous,
) -> Proof | Verdict:  # fmt: skip
    """Return the verdict that a comparison of two systems comes to; a difference is an attack if it was executed.

    In the comparison any session may get what another sent. An attacker who only reads does not bring that about, so where
    it makes a difference honest runs decide.
    """
    if not isinstance(result, Shown):
        return result
    watched = _watched(system, claim, wanted, options) if claim.passive else None
    if watched is not None and (result.seen is None or not isinstance(watched, Attack)):
        return watched
    steps, conclusion = _told(system, claim, result.solved, budget)
    attack = None if result.seen is None else sidebyside.told(system, claim, wanted, result.seen, conclusion)
    return attack or PossibleDifference(steps, conclusion)


def _unfinished(protocol: str) -> Vacuous:
    return Vacuous(f"with honest partners and no attacker some role of `{protocol}` cannot take all of its steps")


def _watched(system: System, claim: Claim, wanted: Observational, options: Options) -> Verdict | None:
    """Return what honest runs say to an observer, None if they leave it open or are not covered."""
    try:
        found = decide_observed(system, claim, wanted, vacuity=options.vacuity)
    except Unsupported:
        return None
    return None if isinstance(found, PossibleDifference) else found


def _told(system: System, claim: Claim, solved: Solved, budget: Budget) -> tuple[tuple[str, ...], str]:
    """Return a derivation in the spec's words; a cheap one that does not hold step by step is derived again exactly."""
    assert solved.goal is not None
    derivation = explain(solved.stages, solved.goal, budget)
    if derivation is None:
        solved = Solver(budget).solve(solved.case, exact=True)
        assert solved.goal is not None
        derivation = explain(solved.stages, solved.goal, budget)
    narrator = Narrator(system, solved)
    steps = tuple(narrator.lines(derivation)) if derivation is not None else ()
    label = words_of(solved) if isinstance(claim.property, Observational) else solved.case.label
    return steps, narrator.conclusion(claim, label)


def _audited(task: ClaimTask, proof: Proof, options: Options, deadline: float | None) -> Verdict:
    evidence = certificate(task.owner, task.what, proof)
    verdict = audit_verdict(evidence, options.audit_budget, deadline) if options.audit else Holds(False, 0, evidence)
    return replace(verdict, turned=proof.turned) if isinstance(verdict, Holds) else verdict


def audit_verdict(evidence: Certificate, budget: int, deadline: float | None = None) -> Holds | Undecided:
    """Return "holds" if the solver confirms every invariant of the evidence, undecided if the budget does not suffice.

    Raises :class:`InvariantRejected` if the solver finds one that is none.
    """
    questions = 0
    for case in evidence.cases:
        report = audit([Stage(program, relations) for program, relations in case.stages], budget, deadline)
        questions += report.checks
        wrong = [failure for failure in report.failures if not isinstance(failure, BudgetSpent)]
        if wrong:
            raise InvariantRejected(f"the invariant of case `{case.label}` is refuted: {wrong[0]}")
        if report.failures:
            return Undecided(f"the audit's budget ran out in case `{case.label}`: {report.failures[0]}")
    return Holds(True, questions, evidence)


def attack_on(task: ClaimTask, options: Options) -> Attack | str:
    """Return an attack on a claim, or the sentence that says how far the search for one got."""
    if isinstance(task.what.property, Observational):
        verdict = check_claim(task, options).verdict
        return verdict if isinstance(verdict, Attack) else f"no attack; the verdict is: {verdict_word(verdict)}"
    found = find_attack(task.library.system(task.owner), task.what, options.sessions, options.attack_budget)
    return found if isinstance(found, Attack) else f"no attack with up to {found.sessions} sessions of each role"


# ------------------------------------------------------------------------------------------------ around a claim


def warnings_of(task: ClaimTask) -> tuple[str, ...]:
    """Return what a reader of a protocol's verdicts should know.

    That is whether formats can be confused, what an observer is taken to see if a claim speaks of one, remarks on roles.
    """
    pairs = type_flaws(task.library.system(task.owner))
    system = task.library.system(task.owner)
    seen = any(isinstance(c.property, Observational) and c.property.word in COMPARED for c in task.owner.claims)
    remarks = (
        *((next(assumptions(task.owner)),) if seen else ()),
        *(f"{one.message} ({one.rule.code})" for one in review(task.owner, system.machines)),
    )
    if not pairs:
        return ("type-flaw resistant: attackers who respect message formats lose nothing", *remarks)
    left, right = (part if len(part) <= 70 else part[:67] + "..." for part in pairs[0])
    more = f" (and {len(pairs) - 1} more such pairs)" if len(pairs) > 1 else ""
    return (f"not type-flaw resistant: `{left}` could be taken for `{right}`{more}", *remarks)


def evidence_text(result: ClaimResult) -> str | None:
    """Return the evidence of a proof as the text of a file, None if there is none."""
    if isinstance(result.verdict, Holds) and isinstance(result.verdict.evidence, Certificate):
        return dump(result.verdict.evidence)
    return None


def audit_file(path: Path) -> tuple[bool, str]:
    """Return whether the solver confirms the invariants in an evidence file, and a sentence about it."""
    try:
        evidence = load(path.read_text(encoding="utf-8"))
    except (BadEvidence, UnicodeDecodeError) as problem:
        return False, str(problem) if isinstance(problem, BadEvidence) else "it is no text"
    try:
        verdict = audit_verdict(evidence, Options().audit_budget)
    except InvariantRejected as refuted:
        return False, str(refuted)
    if isinstance(verdict, Holds):
        return True, f"{evidence.protocol}.{evidence.claim}: every invariant confirmed ({verdict.questions} questions)"
    return False, verdict.reason
