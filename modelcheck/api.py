"""What programs and notebooks use: specs, their claims and pictures, verdicts with their evidence.

Everything that this module exports keeps its meaning from one minor version to the next; other modules may change.
"""

from __future__ import annotations

from pathlib import Path
from time import monotonic

from modelcheck.diagnostics import Diagnostic, SpecRejected, did_you_mean, render_diagnostic
from modelcheck.diagram import Diagram, NoDiagram, Spec, draw_attack, open_spec
from modelcheck.machines.machine import RoleMachine
from modelcheck.options import Options
from modelcheck.pipeline import ClaimTask, InvariantRejected, check_claim, evidence_text, select_claims, warnings_of
from modelcheck.pipeline import audit_file as _audit_file
from modelcheck.pipeline import machines as _machines
from modelcheck.protocol.model import Claim, Protocol
from modelcheck.render.picture import MissingExtra, Picture
from modelcheck.verdict import (
    Attack,
    AttackSession,
    AttackStep,
    BoundedSearch,
    ClaimResult,
    Holds,
    InternalError,
    NotSupported,
    PossibleDifference,
    Undecided,
    Vacuous,
    Verdict,
    explanation,
    verdict_word,
)

__all__ = [
    "Attack", "AttackSession", "AttackStep", "BoundedSearch", "Claim", "ClaimResult", "Diagnostic", "Diagram", "Holds",
    "InternalError", "InvariantRejected", "MissingExtra", "NoClaim", "NoDiagram", "NotSupported", "Options", "Picture",
    "PossibleDifference", "Protocol", "RoleMachine", "Spec", "SpecRejected", "Undecided", "Vacuous", "Verdict",
    "audit_file", "check", "check_all", "claims", "draw_attack", "evidence_text", "explanation", "machines", "notes",
    "open_spec", "render_diagnostic", "verdict_word",
]  # fmt: skip


class NoClaim(LookupError):
    """No claim of a spec has the name that was asked for, or several have; the text says which there are."""


def claims(spec: Spec) -> tuple[str, ...]:
    """Return the names of a spec's claims, each as ``protocol.label``, in the order of the file."""
    return tuple(map(_name, select_claims(spec.library, [spec.path])))


def check(spec: Spec, claim: str, options: Options | None = None) -> ClaimResult:
    """Return the verdict on a claim with its evidence; it is decided anew, in this process.

    The claim is named by its label or by ``protocol.label``; ``timeout`` counts for it alone. Raises :class:`NoClaim` if that names none or several, and
    :class:`InvariantRejected` if the audit refutes a proof: then the program has made a mistake.
    """
    chosen = options or Options()
    deadline = None if chosen.timeout is None else monotonic() + chosen.timeout
    return check_claim(_task(spec, claim), chosen, deadline)


def check_all(spec: Spec, options: Options | None = None) -> tuple[ClaimResult, ...]:
    """Return the verdicts on all claims of a spec, in the order of the file; raise as :func:`check` does."""
    return tuple(check(spec, name, options) for name in claims(spec))


def notes(spec: Spec, protocol: str | None = None) -> tuple[str, ...]:
    """Return what a reader of a protocol's verdicts should know: whether formats can be confused, remarks on roles.

    Without a name the protocol is the file's first. One without claims has no verdicts, hence no notes. Raises
    :class:`NoDiagram` if the spec has no such protocol.
    """
    name = spec.protocol(protocol).name
    tasks = (task for task in select_claims(spec.library, [spec.path]) if task.protocol == name)
    return next(map(warnings_of, tasks), ())


def machines(spec: Spec) -> tuple[RoleMachine, ...]:
    """Return the state machine of every role of a spec's own protocols: what is proven, rather than the arrows."""
    return tuple(_machines(spec.library, [spec.path]))


def audit_file(path: str | Path) -> tuple[bool, str]:
    """Return whether the solver confirms saved evidence, a text of :func:`evidence_text`, and a sentence about it.

    Raises OSError if the file cannot be read.
    """
    return _audit_file(Path(path))


def _task(spec: Spec, claim: str) -> ClaimTask:
    found = select_claims(spec.library, [spec.path], claim)
    if len(found) == 1:
        return found[0]
    if found:
        raise NoClaim(f"several claims are called `{claim}`: {', '.join(map(_name, found))}")
    names = claims(spec)
    hint = did_you_mean(claim, [*names, *(name.rpartition(".")[2] for name in names)])
    raise NoClaim(f"no claim is called `{claim}`; {hint or 'there are ' + (', '.join(names) or 'none')}")


def _name(task: ClaimTask) -> str:
    return f"{task.protocol}.{task.claim}"
