"""Evidence of a proof as a file: the spec it speaks of, and per case the invariant that another program can re-check."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelcheck.engine.horn import Atom, Box, Clause, Differ, Goal, Program
from modelcheck.engine.prover import Proof
from modelcheck.protocol.model import Claim, Protocol

FORMAT = 1

Relations = Mapping[int, tuple[Box, ...]]


class BadEvidence(Exception):
    """A file is not evidence of this program; the argument says why."""


@dataclass(frozen=True, slots=True)
class CaseEvidence:
    """One case: for each of its stages the program and relations that are closed under it and exclude its goals."""

    label: str
    stages: tuple[tuple[Program, Relations], ...]


@dataclass(frozen=True, slots=True)
class Certificate:
    """The invariants of all cases of a claim."""

    protocol: str
    claim: str
    text: str
    source: str
    """Hash of the spec's text."""
    cases: tuple[CaseEvidence, ...]


def certificate(protocol: Protocol, claim: Claim, proof: Proof) -> Certificate:
    """Return the evidence for a proof."""
    cases = tuple(
        CaseEvidence(solved.case.label, tuple((program, fixpoint.relations) for program, fixpoint in solved.stages))
        for solved in proof.solved
    )
    digest = hashlib.sha256(protocol.span.source.text.encode()).hexdigest()
    return Certificate(protocol.name, claim.name, claim.text, digest, cases)


def dump(evidence: Certificate) -> str:
    """Return the evidence as JSON; masks are hexadecimal."""
    document = {
        "format": FORMAT, "protocol": evidence.protocol, "claim": evidence.claim, "text": evidence.text,
        "source": evidence.source,
        "cases": [
            {"label": case.label, "stages": [
                {"program": _program(program), "relations": {str(p): _boxes(b) for p, b in sorted(relations.items())}}
                for program, relations in case.stages]}
            for case in evidence.cases
        ],
    }  # fmt: skip
    return json.dumps(document, separators=(",", ":"))


def load(text: str) -> Certificate:
    """Return the evidence in a JSON text; raise :class:`BadEvidence` if it is none."""
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise BadEvidence(f"it has format {document['format']}, this program reads format {FORMAT}")
        cases = tuple(
            CaseEvidence(str(case["label"]), tuple(
                (_read_program(stage["program"]),
                 {int(p): _read_boxes(b) for p, b in stage["relations"].items()})
                for stage in case["stages"]))
            for case in document["cases"]
        )  # fmt: skip
        return Certificate(
            str(document["protocol"]), str(document["claim"]), str(document["text"]), str(document["source"]), cases
        )
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as problem:
        raise BadEvidence("it is no evidence file, or it is damaged") from problem


def _boxes(boxes: Sequence[Box]) -> list[list[str]]:
    return [[f"{mask:x}" for mask in box] for box in boxes]


def _read_boxes(boxes: Any) -> tuple[Box, ...]:
    return tuple(tuple(int(mask, 16) for mask in box) for box in boxes)


def _program(program: Program) -> dict[str, Any]:
    return {
        "columns": _boxes(program.columns),
        "clauses": [[_atom(c.head), [_atom(a) for a in c.body], _boxes([c.masks])[0], _differ(c.differ)]
                    for c in program.clauses],
        "goals": [[[_atom(a) for a in g.body], _boxes([g.masks])[0], _differ(g.differ)] for g in program.goals],
        "forbidden": {str(p): _boxes(boxes) for p, boxes in sorted(program.forbidden.items())},
    }  # fmt: skip


def _read_program(document: Any) -> Program:
    clauses = tuple(
        Clause(_read_atom(head), tuple(map(_read_atom, body)), _read_boxes([masks])[0], _read_differ(differ))
        for head, body, masks, differ in document["clauses"]
    )
    goals = tuple(
        Goal(tuple(map(_read_atom, body)), _read_boxes([masks])[0], _read_differ(differ))
        for body, masks, differ in document["goals"]
    )
    forbidden = {int(p): _read_boxes(boxes) for p, boxes in document["forbidden"].items()}
    return Program(_read_boxes(document["columns"]), clauses, goals, forbidden)


def _atom(atom: Atom) -> list[Any]:
    return [atom.predicate, list(atom.slots)]


def _read_atom(document: Any) -> Atom:
    return Atom(int(document[0]), tuple(int(slot) for slot in document[1]))


def _differ(conditions: Sequence[Differ]) -> list[list[Any]]:
    return [[d.left, d.right, f"{d.unique:x}"] for d in conditions]


def _read_differ(document: Any) -> tuple[Differ, ...]:
    return tuple(Differ(int(left), int(right), int(unique, 16)) for left, right, unique in document)
