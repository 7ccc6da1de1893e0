"""Whole-process times: how long `modelcheck` takes to start, and to check a small spec, measured with pyperf.

Run `python benchmarks/startup.py -o startup.json`, then `python -m pyperf stats startup.json`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pyperf

from modelcheck.starter import starting_spec


def main() -> None:
    runner = pyperf.Runner(processes=5, values=3, warmups=1)
    command = [sys.executable, "-m", "modelcheck"]
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder) / "hello.flow"
        spec.write_text(starting_spec("hello"), encoding="utf-8")
        runner.bench_command("version", [*command, "--version"])
        runner.bench_command("explain", [*command, "explain", "MC110"])
        runner.bench_command("machine", [*command, "machine", str(spec)])
        runner.bench_command("check without audit", [*command, "check", "--no-audit", str(spec)])
        runner.bench_command("check", [*command, "check", str(spec)])


if __name__ == "__main__":
    main()
