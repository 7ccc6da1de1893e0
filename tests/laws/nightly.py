"""A long run of the engines against each other: `python -m tests.laws.nightly --cases 3000 [--seed N]`.

Random protocols, two of them side by side, and mutations of the packaged specs in turn, until so many claims are decided. It prints what came out
how often, and ends with an exception at the first contradiction or run that does not replay.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from itertools import count
from random import Random
from time import perf_counter

from modelcheck.diagnostics import SpecRejected
from modelcheck.pipeline import ClaimTask
from modelcheck.protocol.model import Agreement, Aliveness, Identifies, Secrecy
from modelcheck.resources import specs_folder
from tests.laws.test_engines import SOURCES, mutations, powered, verdicts
from tests.laws.test_explicit import claims_of, claims_of_composition, refuted
from tests.support import tasks

MORE = (*SOURCES, "tls13/downgrade.flow", "classics/sts.flow", "tls12/triple_handshake.flow")
"""Specs whose mutations are tried, those with branches and longer sessions included."""


def cases(seed: int) -> Iterator[tuple[str, ClaimTask, bool]]:
    """Yield claims with where they come from, and whether explicit search applies."""
    for number in count(seed):
        yield from ((f"random {number}", task, True) for task in claims_of(number))
        if number % 2 == 0:
            yield from ((f"composed {number}", task, True) for task in claims_of_composition(number // 2))
        yield from ((f"powers {number}", task, False) for task in powered(number))
        name = MORE[number % len(MORE)]
        for mutant in mutations((specs_folder() / name).read_text(encoding="utf-8"), Random(number)):
            try:
                mutated = [
                    t
                    for t in tasks(mutant)
                    if isinstance(t.what.property, Secrecy | Agreement | Aliveness | Identifies)
                ]
                for task in mutated:
                    task.library.system(task.owner)
            except SpecRejected:
                continue
            yield from ((f"{name} {number}", task, False) for task in mutated)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1000)
    arguments = parser.parse_args()
    counted: Counter[str] = Counter()
    started = perf_counter()
    for origin, task, explicit in cases(arguments.seed):
        holds, attacked = verdicts(task, (1, 2, 3) if explicit else (1, 2))
        if explicit and refuted(task) and not attacked:
            raise AssertionError(f"{origin}: {task.protocol}.{task.claim} is refuted and no run is found")
        counted["proven" if holds else "attacked" if attacked else "open"] += 1
        if counted["proven"] + counted["attacked"] >= arguments.cases:
            break
        if counted.total() % 250 == 0:
            print(f"{perf_counter() - started:.0f} s: {dict(counted)}", flush=True)  # noqa: T201
    print(f"no contradiction in {perf_counter() - started:.0f} s: {dict(counted)}")  # noqa: T201


if __name__ == "__main__":
    main()
