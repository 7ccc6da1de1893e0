"""Results as workflow commands, which GitHub Actions shows as annotations of the changed files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelcheck.render.text import tally
from modelcheck.verdict import ClaimResult, account, headline, left_open


def render(results: Sequence[ClaimResult], mistake: str = "") -> str:
    """Return a command for each claim that is not as expected, and a notice that sums up.

    ``mistake`` is what ended the run before all claims were checked, if something did.
    """
    return "\n".join(_commands(results, mistake))


def _commands(results: Sequence[ClaimResult], mistake: str) -> Iterator[str]:
    for one in results:
        if not one.ok:
            level = "warning" if left_open(one.verdict) else "error"
            place = {"file": one.file, "line": str(one.line), "col": str(one.column)}
            yield _command(level, {**place, "title": headline(one)}, "\n".join(account(one)))
    if mistake:
        yield _command("error", {"title": "modelcheck: internal error"}, mistake)
    yield _command("notice", {"title": "modelcheck"}, tally(results))


def _command(name: str, properties: dict[str, str], message: str) -> str:
    listed = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{name} {listed}::{_data(message)}"


def _data(text: str) -> str:
    """Return a message as it stands behind the second `::`; the percent sign goes first, for the others bring one."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
