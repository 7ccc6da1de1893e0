"""A derivation as numbered steps in the spec's own words: who does what, and what the attacker builds from what."""

from __future__ import annotations

from collections.abc import Iterator

from modelcheck.engine.clauses import Origin, Predicate
from modelcheck.engine.derivation import Derivation, Step
from modelcheck.engine.judged import STAR
from modelcheck.engine.prover import System
from modelcheck.engine.scene import Scene, Session
from modelcheck.engine.solver import Solved
from modelcheck.machines.machine import Keep, Reach, Recall, Receive, Send
from modelcheck.protocol.biterms import IN_TWO_FORMS
from modelcheck.protocol.model import Agreement, Aliveness, Claim, Identifies, Observational, Secrecy
from modelcheck.protocol.terms import App, Term, Var, canonical, exchange, replace, show, subterms
from modelcheck.protocol.theory import DISHONEST

LONGEST = 100
"""Characters of a term that are shown."""


class Narrator:
    """Tells one derivation of a solved case."""

    def __init__(self, system: System, solved: Solved) -> None:
        """Take the case with its fixpoints."""
        self.scene: Scene = solved.case.scene
        self.stages = solved.stages
        self.words = _words(system)

    def lines(self, derivation: Derivation) -> Iterator[str]:
        """Yield a line for each thing that a session does or that the attacker builds, in order."""
        later = False
        for step in derivation.steps:
            if step.stage and not later and len(self.stages) > 1:
                later = True
                yield "From here on the attacker also has what leaks later."
            line = self.line(step)
            if line:
                yield line

    def origin(self, step: Step) -> Origin | None:
        """Return the rule that a step is an instance of, None for data."""
        if step.clause is None:
            return None
        number = self.stages[step.stage][0].clauses[step.clause].origin
        rules = self.scene.clauses.rules
        if number < 0:
            return None
        if number < len(rules):
            return rules[number].origin
        extra = [*self.scene.leaked]
        offset = number - len(rules)
        return extra[offset].origin if offset < len(extra) else Origin("leak", "what leaks later")

    def line(self, step: Step) -> str:
        """Return the sentence for a step, "" for what goes without saying."""
        predicate = self.scene.clauses.predicates[step.predicate]
        origin = self.origin(step)
        if origin is None:
            return ""
        if predicate.kind == "state":
            return self.session_line(predicate, step, origin)
        if predicate.kind != "known" or predicate.name != "attacker":
            return ""
        return self.attacker_line(predicate, step, origin)

    def attacker_line(self, predicate: Predicate, step: Step, origin: Origin) -> str:
        """Return what the attacker does to know a term."""
        assert predicate.pattern is not None
        term = self.shown(predicate, step)
        match origin.kind:
            case "compose" if isinstance(predicate.pattern, App) and predicate.pattern.function not in (
                "g",
                IN_TWO_FORMS,
            ):
                return f"the attacker builds {term}"
            case "leak":
                return f"the attacker gets {term}: {origin.role} leaks" if origin.role else f"the attacker gets {term}"
            case "expose" if origin.needs:
                return f"the attacker opens a message of {origin.role} and learns {term}"
            case "expose" if not isinstance(predicate.pattern, Var):
                return f"the attacker takes {term} from what {origin.role} sent"
            case "given" if not isinstance(predicate.pattern, Var):
                return f"the attacker has {term}"
            case _:
                return ""

    def session_line(self, predicate: Predicate, step: Step, origin: Origin) -> str:
        """Return what a session does in one block."""
        label = self.scene.domain("session")[step.values[0]]
        session = self.scene.by_label[label]
        block = next(b for b in self.scene.clauses.blocks
                     if b.machine.role.name == origin.role and b.end == origin.state)  # fmt: skip
        deeds: list[str] = []
        for one in block.steps:
            match one:
                case Receive(names=names):
                    deeds.append(f"receives {_names(names)}")
                case Send(names=names):
                    deeds.append(f"sends {_names(names)}")
                case Recall(items):
                    deeds.append(f"recalls {', '.join(name for name, _ in items)}")
                case Keep(items):
                    deeds.append(f"keeps {', '.join(name for name, _ in items)}")
                case Reach(point) if point in ("accepts", "stops"):
                    deeds.append(point)
                case _:
                    pass
        values = self.values(predicate, step)
        return f"{self.session_name(session)} {' and '.join(deeds) or 'goes on'}{values}" if deeds else ""

    def values(self, predicate: Predicate, step: Step) -> str:
        """Return the values that a session has received so far, as an appendix."""
        parts = []
        column = 1
        for variable in predicate.variables:
            sorts = self.scene.clauses.column_sorts(variable.sort)
            words = [self.scene.domain(s)[v] for s, v in zip(sorts, step.values[column:], strict=False)]
            column += len(sorts)
            parts.append(
                f"{variable.name.replace('~', ' copy ')} = {self.leaf(words[0]) if len(words) == 1 else 'a stored value'}"
            )
        return f"   [{', '.join(parts)}]" if parts else ""

    def session_name(self, session: Session) -> str:
        """Return how a session is called: its role, its names, and whether it is the judged one."""
        machine = self.scene.machines[session.role]
        named = [f"{v.name} {_party(n)}" for v, n in zip(machine.role.parameters, session.names, strict=True)]
        words = f"{session.role} ({', '.join(named)})" if named else session.role
        if session.label == STAR:
            return f"the judged {words}"
        if session.spotlight:
            return f"{session.label.split(' ')[0].replace('maker', 'another').replace('second', 'a second')} {words}"
        return f"some {words}"

    def leaf(self, value: str) -> str:
        """Return how a leaf is called."""
        name, at, label = value.partition("@")
        if at and label in self.scene.by_label:
            return f"{name} of {self.session_name(self.scene.by_label[label])}"
        return _party(value)

    def shown(self, predicate: Predicate, step: Step) -> str:
        """Return the known term with its leaves, long terms by the flow's names for their parts."""
        assert predicate.pattern is not None
        column, leaves = 0, []
        table: dict[Var, Term] = {}
        for variable in predicate.variables:
            sorts = self.scene.clauses.column_sorts(variable.sort)
            words = [self.scene.domain(s)[v] for s, v in zip(sorts, step.values[column:], strict=False)]
            column += len(sorts)
            word = self.leaf(words[0]) if len(words) == 1 else variable.sort
            leaves.append(word)
            table[variable] = Var(word, variable.sort)
        skeleton = canonical(predicate.pattern)[0]
        if skeleton in self.words:
            inside = ", ".join(dict.fromkeys(leaves))
            return f"`{self.words[skeleton]}`" + (f" for {inside}" if inside else "")
        named = {part: Var(f"`{self.words[canonical(part)[0]]}`", "") for part in subterms(predicate.pattern)
                 if part is not predicate.pattern and canonical(part)[0] in self.words}  # fmt: skip
        text = show(replace(exchange(predicate.pattern, named), table))
        return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."

    def conclusion(self, claim: Claim, case: str) -> str:
        """Return the sentence that says why the claim is broken."""
        match claim.property:
            case Secrecy(data, points):
                what = ", ".join(f"`{datum}`" for datum in data)
                return f"so the attacker knows {what if len(data) == 1 else 'one of ' + what} when {points[0]}"
            case Agreement(left, right, _, data, injective):
                what = ", ".join(f"`{datum}`" for datum in data) or "their names"
                if injective and "two sessions" in case:
                    return f"so two sessions of {left.role} commit to one session of {right.role} with the same {what}"
                return f"so {left} although no session of {right.role} holds the same {what} (here {self.tidy(case)})"
            case Aliveness(left, role):
                return f"so {left} although no {role} under that name has done anything"
            case Observational("resists guessing"):
                return f"so {case}"
            case Observational("unlinkable", subject):
                return f"so a second session with the same `{subject}` looks different from one with another: {case}"
            case Observational(subject=subject):
                return f"so the two sides of `{subject}` look different: {case}"
            case Identifies(tag):
                return f"so two sessions ({case}) have the same `{tag}` and differ elsewhere"
            case _:
                return ""

    def tidy(self, case: str) -> str:
        """Return a case's label with leaves as a reader calls them."""
        parts = []
        for part in case.split(", ") if " = " in case else []:
            name, equals, value = part.partition(" = ")
            parts.append(f"{name} = {self.leaf(value)}" if equals else part)
        return ", ".join(parts) or case


def _party(name: str) -> str:
    return "the attacker" if name == DISHONEST else "another party" if name == "other" else name


def _names(names: tuple[str, ...]) -> str:
    bare = [name for name in names if "." not in name]
    return ", ".join(bare) or "a message"


def _words(system: System) -> dict[Term, str]:
    """Return the flow's names for composite terms, by their skeleton."""
    found: dict[Term, str] = {}
    for machine in system.machines:
        protocol = next((p for p in system.protocol.with_beside() if p.name == machine.protocol), None)
        for state in machine.states if protocol is not None else ():
            for index, view in state.views.items():
                for name, value in protocol.paths[index].values.items():  # type: ignore[union-attr]
                    if isinstance(value, App) and "." not in name and value.function != "g":
                        own = view.of(value)
                        if own is not None:
                            found.setdefault(canonical(own)[0], name)
    return found
