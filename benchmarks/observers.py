"""Sizes and times of all claims that two names, or two picked values, cannot be told apart.

Run `python benchmarks/observers.py [PATHS]`; without paths it measures all packaged specs. Every claim is decided anew,
clauses included, and each time is the best of several runs in one process after one that warms up. The column `ratio`
relates the prover's time to that of the claim `tls13.full.server_auth` in the same process, which depends less on the
machine. Predicates, rules, tests and boxes are those of the invariant, summed over its cases and their stages; an attack
has none. The table is Markdown.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from modelcheck.engine.evidence import Certificate
from modelcheck.options import Options
from modelcheck.pipeline import ClaimTask, check_claim, open_library, select_claims
from modelcheck.protocol.model import Observational
from modelcheck.resources import specs_folder
from modelcheck.spec_paths import find_specs
from modelcheck.verdict import ClaimResult, Holds, verdict_word

BASELINE = ("tls13/full.flow", "tls13.full.server_auth")
"""The claim whose prover time is 1."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """What an invariant consists of."""

    predicates: int
    rules: int
    tests: int
    boxes: int


def sizes(result: ClaimResult) -> Sizes | None:
    """Return the size of the invariant that a verdict rests on, None if it rests on none."""
    if not isinstance(result.verdict, Holds) or not isinstance(result.verdict.evidence, Certificate):
        return None
    stages = [stage for case in result.verdict.evidence.cases for stage in case.stages]
    return Sizes(
        max(len(program.columns) for program, _ in stages),
        sum(len(program.clauses) for program, _ in stages),
        sum(len(program.goals) for program, _ in stages),
        sum(len(boxes) for _, relations in stages for boxes in relations.values()),
    )


def measured(path: Path, name: str, runs: int) -> tuple[ClaimResult, float, float]:
    """Return the result of one claim and the best times of prover and audit; nothing is kept between runs."""
    results = []
    for _ in range(runs + 1):
        (task,) = select_claims(open_library([path]), [path], name)
        results.append(check_claim(task, Options()))
    return results[-1], min(r.seconds for r in results[1:]), min(r.audit_seconds for r in results[1:])


def is_comparison(task: ClaimTask) -> bool:
    """Return whether a claim is about what an observer sees besides lengths."""
    wanted = task.what.property
    return isinstance(wanted, Observational) and wanted.word in ("indistinguishable", "unlinkable")


def row(task: ClaimTask, path: Path, runs: int, baseline: float) -> str:
    """Return the line of one claim."""
    name = f"{task.protocol}.{task.claim}"
    result, proving, auditing = measured(path, name, runs)
    size = sizes(result)
    counts = ["", "", "", ""] if size is None else [
        f"{count:,}" for count in (size.predicates, size.rules, size.tests, size.boxes)]  # fmt: skip
    audit = f"{1000 * auditing:,.0f} ms" if size is not None else ""
    cells = [name, verdict_word(result.verdict), f"{1000 * proving:,.0f} ms", f"{proving / baseline:.1f}", audit]
    return "| " + " | ".join([*cells, *counts]) + " |"


def main() -> None:
    """Nothing; the table is printed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", type=Path, default=[specs_folder()])
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    file, name = BASELINE
    _, baseline, _ = measured(specs_folder() / file, name, arguments.runs)
    print("| claim | verdict | prover | ratio | audit | predicates | rules | tests | boxes |")
    print("|---|---|--:|--:|--:|--:|--:|--:|--:|")
    for path in find_specs(arguments.paths):
        for task in select_claims(open_library([path]), [path], None):
            if is_comparison(task):
                print(row(task, path, arguments.runs, baseline), flush=True)
    print(f"\nRatio 1 is {1000 * baseline:.0f} ms, the prover's time of `{name}`.")


if __name__ == "__main__":
    main()
