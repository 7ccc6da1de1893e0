"""Times of the stages on the packaged specs: reading and projecting, proving each claim, auditing each proof.

Run `python benchmarks/claims.py [PATHS]`; without paths it measures all packaged specs. Each figure is the median of
several runs in one process, after one that warms up. The table is Markdown.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import median
from time import perf_counter

from modelcheck.options import Options
from modelcheck.pipeline import ClaimTask, check_claim, open_library, select_claims
from modelcheck.resources import specs_folder
from modelcheck.spec_paths import find_specs


def opening_seconds(path: Path, runs: int) -> float:
    """Return the median time from a file to its role machines."""
    times = []
    for _ in range(runs):
        started = perf_counter()
        open_library([path])
        times.append(perf_counter() - started)
    return median(times)


def claim_seconds(task: ClaimTask, runs: int) -> tuple[float, float]:
    """Return the median times of prover and audit."""
    check_claim(task, Options(audit=False))
    results = [check_claim(task, Options()) for _ in range(runs)]
    return median(r.seconds for r in results), median(r.audit_seconds for r in results)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", type=Path, default=[specs_folder()])
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    print(
        "| spec | claims | read and project | prover, all claims | median claim | slowest claim | audit, all claims |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|")
    every: list[float] = []
    for path in find_specs(arguments.paths):
        tasks = select_claims(open_library([path]), [path], None)
        times = [claim_seconds(task, arguments.runs) for task in tasks]
        if not times:
            continue
        proving, auditing = [one for one, _ in times], [one for _, one in times]
        every += proving
        figures = (opening_seconds(path, arguments.runs), sum(proving), median(proving), max(proving), sum(auditing))
        cells = [f"{path.parent.name}/{path.stem}", str(len(tasks)), *(f"{1000 * one:,.0f} ms" for one in figures)]
        print("| " + " | ".join(cells) + " |")
    print(f"\nMedian claim: {1000 * median(every):.0f} ms of prover time." if every else "no claims found")


if __name__ == "__main__":
    main()
