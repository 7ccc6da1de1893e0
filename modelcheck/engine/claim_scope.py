"""Whether a claim speaks of what its roles hold at their points, found before anything is proved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelcheck import rules
from modelcheck.diagnostics import Diagnostic, Label
from modelcheck.machines.held import Held, Stance, tagged
from modelcheck.protocol.model import Agreement, Aliveness, Claim, Datum, Identifies, Leak, Point, Secrecy


def findings(held: Held, claim: Claim) -> Iterator[Diagnostic]:
    """Yield what is wrong with a claim: data that a role never holds there, leaks after points of another role."""
    match claim.property:
        case Secrecy(data, points):
            for point in points:
                stances = held.holding(point, data, claim.premise)
                yield from _lacking(held, claim, point.role, stances, data)
                yield from _foreign(claim, point)
        case Agreement(left, right, _, data):
            yield from _lacking(held, claim, left.role, held.where(held.stances(left), claim.premise), data)
            yield from _lacking(held, claim, right.role, held.runs(claim.property), data)
            yield from _foreign(claim, left)
        case Aliveness(left):
            yield from _foreign(claim, left)
        case Identifies(tag, data):
            ends = [stance for machine in held.tagged_machines(tag) for stance in tagged(held, machine, tag)]
            if not ends:
                yield _not_held(claim, "an accepted session", tag)
            for datum in data:
                if ends and not any(held.at(stance, datum) for stance in ends):
                    yield _not_held(claim, f"an accepted session with `{tag}`", datum)
        case _:
            pass


def _lacking(
    held: Held, claim: Claim, role: str, stances: Sequence[Stance], data: Sequence[Datum]
) -> Iterator[Diagnostic]:
    for datum in data:
        if stances and not any(held.tuples(stance, (datum,)) for stance in stances):
            yield _not_held(claim, role, datum)


def _not_held(claim: Claim, role: str, datum: Datum) -> Diagnostic:
    return Diagnostic(
        rules.NOT_HELD, f"{role} never holds `{datum}` at this point", Label(datum.span or claim.span),
        (Label(claim.span, "in this claim"),), "name something that the role holds, or judge it at a later point")  # fmt: skip


def _foreign(claim: Claim, judged: Point) -> Iterator[Diagnostic]:
    for power in claim.powers:
        if isinstance(power, Leak) and power.after is not None and power.after.role != judged.role:
            yield Diagnostic(
                rules.NOT_JUDGED_POINT,
                f"the leak comes after a point of {power.after.role}, but the claim judges {judged.role}",
                Label(power.span or claim.span), (Label(claim.span, "in this claim"),),
                "name a point of the judged role; write one claim for each role")  # fmt: skip
