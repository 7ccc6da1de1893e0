"""Results as JSON, schema 1."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from modelcheck import __version__
from modelcheck.verdict import (
    ClaimResult,
    Holds,
    NotSupported,
    PossibleAttack,
    Undecided,
    Vacuous,
    Verdict,
    verdict_word,
)


def document(results: Sequence[ClaimResult]) -> dict[str, Any]:
    """Return the report as JSON values."""
    return {
        "schema": 1,
        "tool": {"name": "modelcheck", "version": __version__},
        "results": [_result(result) for result in results],
    }


def render(results: Sequence[ClaimResult]) -> str:
    """Return the report as JSON text."""
    return json.dumps(document(results), indent=2)


def _result(result: ClaimResult) -> dict[str, Any]:
    return {
        "file": result.file,
        "protocol": result.protocol,
        "claim": result.claim,
        "kind": result.kind,
        "text": result.text,
        "verdict": "holds" if isinstance(result.verdict, Holds) else verdict_word(result.verdict),
        "expected": result.expected,
        "reason": result.reason,
        "ok": result.ok,
        "seconds": round(result.seconds, 6),
        "audit_seconds": round(result.audit_seconds, 6),
        "assumptions": list(result.assumptions),
        "sources": list(result.sources),
        "evidence": _evidence(result.verdict),
    }


def _evidence(verdict: Verdict) -> dict[str, Any]:
    match verdict:
        case Holds(evidence=tuple() as paths):
            return {"honest_run": {"path": paths[0]}}
        case Holds(audited, questions):
            return {"invariant": {"audited": audited, "questions": questions}}
        case PossibleAttack(steps, conclusion):
            return {"derivation": {"steps": list(steps), "conclusion": conclusion}}
        case Undecided(reason) | Vacuous(reason):
            return {"reason": reason}
        case NotSupported(construct):
            return {"reason": f"{construct} is not supported yet"}
