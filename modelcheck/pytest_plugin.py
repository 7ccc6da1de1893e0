"""The pytest plugin: every claim of every ``.flow`` file is a test.

pytest loads it in every project where modelcheck is installed, so everything heavy is imported when a spec is found.
"""

from __future__ import annotations

import os
from argparse import ArgumentTypeError
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from modelcheck.cache import Planned
    from modelcheck.checking import Prepared, Request
    from modelcheck.verdict import ClaimResult

REQUEST = pytest.StashKey["Request"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and the setting that decide whether specs are collected, and how far attacks are searched."""
    group = parser.getgroup("modelcheck", "claims of .flow specs")
    group.addoption("--no-flow", action="store_true", help="do not collect .flow specs")
    group.addoption("--flow-sessions", type=_sessions, metavar="N",
                    help="sessions of each role up to which an attack is searched")  # fmt: skip
    parser.addini("flow_collect", "whether .flow specs are collected", type="bool", default=True)


def _sessions(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise ArgumentTypeError(f"`{text}` is no whole number from 1 to 64")
    return int(text)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "flow: a claim of a .flow spec")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> FlowFile | None:
    """Return the collector of a spec, None for other files and where specs are not wanted."""
    wanted = (
        file_path.suffix == ".flow"
        and parent.config.getini("flow_collect")
        and not parent.config.getoption("--no-flow")
    )
    return FlowFile.from_parent(parent, path=file_path) if wanted else None


class FlowFile(pytest.File):
    """A spec: its claims are its tests."""

    def collect(self) -> Iterator[FlowItem]:
        """Yield an item for each claim, in the order of the spec.

        A spec or a setting that is rejected is an error of collection.
        """
        from modelcheck.checking import prepare
        from modelcheck.diagnostics import SpecRejected

        try:
            prepared = prepare((Path(_shown(self.path)),), _request(self.config))
        except SpecRejected as rejected:
            raise self.CollectError(str(rejected)) from None
        for planned in prepared.claims:
            yield FlowItem.from_parent(
                self, name=f"{planned.protocol}.{planned.claim}", prepared=prepared, planned=planned
            )


class FlowItem(pytest.Item):
    """A claim: it passes if its verdict is the one that the spec expects."""

    def __init__(self, *, prepared: Prepared, planned: Planned, **rest: Any) -> None:
        super().__init__(**rest)
        self.prepared, self.planned = prepared, planned
        self.add_marker(pytest.mark.flow)

    def runtest(self) -> None:
        """Raise what keeps the claim from passing: another verdict than expected, or none; skip kinds that no engine decides."""
        from modelcheck.checking import check_all
        from modelcheck.verdict import NotSupported, verdict_word

        (result,) = check_all(self.prepared.only(self.name), _request(self.config))
        self.user_properties.append(("verdict", verdict_word(result.verdict)))
        if isinstance(result.verdict, NotSupported):
            pytest.skip(f"not supported yet: {result.verdict.construct}")
        if not result.ok:
            raise Unexpected(result)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return the claim with its line and its verdict, and what is behind it; the traceback of other exceptions."""
        if isinstance(excinfo.value, Unexpected):
            return "\n".join(_failure(excinfo.value.result, self.path))
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return where the claim stands, the line counted from 0, and its headline in reports of failures."""
        return self.path, self.planned.line - 1, f"claim {self.name}"


class Unexpected(Exception):
    """A claim does not come out as its spec expects."""

    def __init__(self, result: ClaimResult) -> None:
        super().__init__(f"{result.protocol}.{result.claim}")
        self.result = result


def _shown(path: Path) -> str:
    """Return a path as a person in the working directory would write it."""
    try:
        return os.path.relpath(path)
    except ValueError:  # another drive
        return str(path)


def _request(config: pytest.Config) -> Request:
    """Return how claims are decided: by the project's settings, and the options of this run."""
    if REQUEST not in config.stash:
        config.stash[REQUEST] = _read_request(config)
    return config.stash[REQUEST]


def _read_request(config: pytest.Config) -> Request:
    from modelcheck.cache import user_cache
    from modelcheck.checking import Request
    from modelcheck.configuration import find_settings
    from modelcheck.options import Options

    settings = find_settings(config.rootpath)
    chosen = {name: getattr(settings, name) for name in ("budget", "sessions", "timeout", "audit")}
    chosen |= {"sessions": config.getoption("--flow-sessions") or settings.sessions}
    return Request(Options(**{name: value for name, value in chosen.items() if value is not None}), cache=user_cache())


def _failure(result: ClaimResult, path: Path) -> Iterator[str]:
    from modelcheck.syntax.load import read_source
    from modelcheck.verdict import account, headline

    number = str(result.line)
    yield headline(result)
    yield f"  --> {result.file}:{result.line}:{result.column}"
    yield f"{' ' * len(number)} |"
    yield f"{number} | {read_source(path).line(result.line)}"
    yield f"{' ' * len(number)} | {' ' * (result.column - 1)}{'^' * len(result.claim)}"
    yield from account(result)
