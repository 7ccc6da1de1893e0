"""Scenario queries of growing size: TLS 1.3 with exported authenticators, half of the sessions clients, half servers.

Run `python benchmarks/sessions.py`; `--most N` ends at N sessions. Each row encodes and solves one query: an agreement
that holds, so that the solver has to exclude every run. The table is Markdown; growth is the ratio to the row before.
"""

from __future__ import annotations

import argparse
import gc
from pathlib import Path
from time import perf_counter

from modelcheck.engine.cnf import solve
from modelcheck.engine.query import Query
from modelcheck.pipeline import open_library, select_claims

BUDGET = 4_000_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=int, default=64)
    parser.add_argument("--protocol", default="ea.server")
    parser.add_argument("--claim", default="bound")
    arguments = parser.parse_args()
    path = Path(__file__).with_name("sessions.flow")
    library = open_library([path])
    task = next(
        t for t in select_claims(library, [path]) if (t.protocol, t.claim) == (arguments.protocol, arguments.claim)
    )
    system = library.system(task.owner)
    print("| sessions | literals | clauses | encode | solve | growth |\n|--:|--:|--:|--:|--:|--:|")
    gc.disable()  # as when claims are checked
    size, before = 2, 0.0
    while size <= arguments.most:
        clauses = system.clauses(task.what)
        started = perf_counter()
        query = Query(clauses, system.held(clauses), [task.what], size // 2)
        encoded = perf_counter()
        found = solve(query.scenario.cnf, BUDGET, [query.violations[task.claim].selector])
        solved = perf_counter()
        total = solved - started
        cnf = query.scenario.cnf
        growth = f"{total / before:.1f}" if before else ""
        print(f"| {size} | {cnf.top:,} | {len(cnf.lines):,} | {1000 * (encoded - started):,.0f} ms | "
              f"{1000 * (solved - encoded):,.0f} ms | {growth} |{'' if found is None else ' attack'}", flush=True)  # fmt: skip
        size, before = size * 2, total


if __name__ == "__main__":
    main()
