"""Diagrams of protocols: for the command line, for Sphinx pages and for notebooks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias, assert_never, get_args

from modelcheck.diagnostics import did_you_mean
from modelcheck.files import resolved
from modelcheck.machines.machine import RoleMachine
from modelcheck.options import Options
from modelcheck.pipeline import Library, check_claim, open_library, select_claims
from modelcheck.protocol.model import Protocol
from modelcheck.render import key_schedule, ladder_rows, machine_diagram
from modelcheck.render import ladder as ladder_picture
from modelcheck.render.attack_rows import attack_picture, attack_text
from modelcheck.render.ladder_text import render_ladder
from modelcheck.render.machine import render_machine
from modelcheck.render.picture import Format, Picture
from modelcheck.verdict import Attack, ClaimResult, verdict_word

Kind: TypeAlias = Literal["ladder", "machine", "keys"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""The kinds of diagrams that a protocol has; an attack belongs to a claim."""


class NoDiagram(Exception):
    """What was asked for cannot be drawn; the text says why and what can be."""


@dataclass(frozen=True, slots=True)
class Diagram:
    """A diagram of a protocol, as text and as a picture; notebooks show the picture."""

    protocol: str
    kind: Kind | Literal["attack"]
    text: str
    _draw: Callable[[], Picture]

    def picture(self) -> Picture:
        """Return the picture; raise MissingExtra without the packages of the extra `pictures`."""
        return self._draw()

    def render(self, form: Format | Literal["text"]) -> bytes:
        """Return the diagram in a format."""
        return f"{self.text}\n".encode() if form == "text" else self.picture().render(form)

    def _repr_svg_(self) -> str:
        """Return what a notebook shows."""
        return self.picture().svg()

    def __str__(self) -> str:
        """Return the diagram as text."""
        return self.text


@dataclass(frozen=True, slots=True)
class Spec:
    """A spec file that can be looked at: its own protocols, and those it includes."""

    path: Path
    library: Library = field(repr=False)

    @property
    def protocols(self) -> tuple[Protocol, ...]:
        """The protocols that stand in the file itself, in order."""
        own = str(resolved(self.path))
        return tuple(p for p in self.library.protocols if str(resolved(p.span.source.path)) == own)

    def protocol(self, name: str | None = None) -> Protocol:
        """Return a protocol by name, the file's first without one; raise NoDiagram if there is none."""
        if name is None:
            if not self.protocols:
                raise NoDiagram(f"`{self.path}` has no protocol of its own")
            return self.protocols[0]
        for protocol in self.library.protocols:
            if protocol.name == name:
                return protocol
        names = [protocol.name for protocol in self.protocols]
        hint = did_you_mean(name, names) or f"there are {', '.join(names)}"
        raise NoDiagram(f"there is no protocol `{name}` in `{self.path}`; {hint}")

    def ladder(self, protocol: str | None = None) -> Diagram:
        """Return the message flow of a protocol."""
        return draw(self.library, self.protocol(protocol), "ladder")

    def machine(self, protocol: str | None = None, role: str | None = None, *, errors: bool = False) -> Diagram:
        """Return the state machines of a protocol's roles, or of one; ``errors`` adds where they fail, and by which check."""
        return draw(self.library, self.protocol(protocol), "machine", role, errors=errors)

    def keys(self, protocol: str | None = None) -> Diagram:
        """Return the key schedule of a protocol."""
        return draw(self.library, self.protocol(protocol), "keys")

    def diagram(
        self,
        kind: Kind | Literal["attack"],
        protocol: str | None = None,
        role: str | None = None,
        claim: str | None = None,
        *,
        errors: bool = False,
    ) -> Diagram:
        """Return a diagram of any kind; raise NoDiagram if there is none, or a name does not go with its kind."""
        if errors and kind != "machine":
            raise NoDiagram("only a state machine has edges for errors: use --kind machine with --errors")
        if kind == "attack":
            if claim is None or role is not None:
                raise NoDiagram("an attack is drawn for a claim: use --kind attack with --claim, without --role")
            return self.attack(claim, protocol)
        if claim is not None:
            raise NoDiagram("only an attack is drawn for a claim: use --kind attack with --claim")
        return draw(self.library, self.protocol(protocol), kind, role, errors=errors)

    def attack(self, claim: str, protocol: str | None = None) -> Diagram:
        """Return the attack on a claim, named by its label or ``protocol.label``; the claim is checked for it."""
        tasks = [task for task in select_claims(self.library, [self.path], claim)
                 if protocol is None or task.protocol == protocol]  # fmt: skip
        if not tasks:
            labels = [f"{t.protocol}.{t.claim}" for t in select_claims(self.library, [self.path])]
            hint = did_you_mean(claim, [*labels, *(label.rpartition(".")[2] for label in labels)])
            raise NoDiagram(f"no claim is called `{claim}`" + (f"; {hint}" if hint else ""))
        if len(tasks) > 1:
            raise NoDiagram(
                f"several claims are called `{claim}`: {', '.join(f'{t.protocol}.{t.claim}' for t in tasks)}"
            )
        return draw_attack(check_claim(tasks[0], Options(audit=False)))


def open_spec(path: str | Path) -> Spec:
    """Return a spec file; raise SpecRejected with everything that is wrong with it."""
    return Spec(Path(path), open_library([Path(path)]))


def draw(
    library: Library, protocol: Protocol, kind: Kind, role: str | None = None, *, errors: bool = False
) -> Diagram:  # fmt: skip
    """Return a diagram of a protocol; raise NoDiagram if it has none of that kind."""
    if not protocol.written:
        parts = ", ".join(part.name for part in protocol.beside)
        raise NoDiagram(f"`{protocol.name}` is a composition without a flow of its own; draw {parts} instead")
    if role is not None and kind != "machine":
        raise NoDiagram("only the machine of a role can be drawn on its own: use --kind machine with --role")
    match kind:
        case "ladder":
            rows = ladder_rows.ladder(protocol)
            return Diagram(protocol.name, kind, render_ladder(rows), lambda: ladder_picture.picture(rows))
        case "machine":
            chosen = _machines(library, protocol, role)
            text = "\n\n".join(render_machine(one, errors=errors) for one in chosen)
            return Diagram(protocol.name, kind, text, lambda: machine_diagram.picture(protocol, chosen, errors=errors))
        case "keys":
            text = key_schedule.render_key_schedule(protocol)
            return Diagram(protocol.name, kind, text, lambda: key_schedule.picture(protocol))
        case _:
            assert_never(kind)


def draw_attack(result: ClaimResult) -> Diagram:
    """Return the attack that refutes a claim; raise NoDiagram if the verdict is another."""
    attack = result.verdict
    if not isinstance(attack, Attack):
        raise NoDiagram(f"there is no attack to draw: the verdict on `{result.protocol}.{result.claim}` is "
                        f"{verdict_word(attack)}")  # fmt: skip
    return Diagram(result.protocol, "attack", attack_text(result, attack), lambda: attack_picture(result, attack))


def _machines(library: Library, protocol: Protocol, role: str | None) -> tuple[RoleMachine, ...]:
    machines = tuple(m for m in library.system(protocol).machines if m.protocol == protocol.name)
    if role is None:
        return machines
    chosen = tuple(machine for machine in machines if machine.role.name == role)
    if not chosen:
        names = [machine.role.name for machine in machines]
        raise NoDiagram(f"`{protocol.name}` has no role `{role}`; "
                        f"{did_you_mean(role, names) or 'its roles are ' + ', '.join(names)}")  # fmt: skip
    return chosen
