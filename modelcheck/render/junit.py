"""Results as JUnit XML: a suite per protocol, a case per claim."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

from modelcheck.verdict import ClaimResult, InternalError, account, expectation, left_open, verdict_word

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML cannot carry, not even as references."""


def render(results: Sequence[ClaimResult], mistake: str = "") -> str:
    """Return the report: unexpected claims as failures, open ones as skipped, ``mistake`` (if any) as an error."""
    suites = [list(claims) for _, claims in groupby(results, lambda one: (one.file, one.protocol))]
    total = _attributes(name="modelcheck", tests=len(results) + bool(mistake), failures=_failures(results),
                        errors=sum(map(_is_mistake, results)) + bool(mistake), time=_seconds(results))  # fmt: skip
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<testsuites{total}>"]
    for suite in suites:
        lines += _suite(suite)
    if mistake:
        lines += _error(mistake)
    return "\n".join([*lines, "</testsuites>"])


def _suite(claims: Sequence[ClaimResult]) -> Iterator[str]:
    about = _attributes(name=claims[0].protocol, tests=len(claims), failures=_failures(claims), errors=sum(map(_is_mistake, claims)),
                        skipped=_skipped(claims), time=_seconds(claims), file=claims[0].file)  # fmt: skip
    yield f"  <testsuite{about}>"
    for one in claims:
        yield from _case(one)
    yield "  </testsuite>"


def _case(one: ClaimResult) -> Iterator[str]:
    case = _attributes(name=one.claim, classname=f"{one.file}/{one.protocol}", time=_seconds([one]))
    if one.ok:
        yield f"    <testcase{case}/>"
        return
    outcome = "skipped" if left_open(one.verdict) else "error" if _is_mistake(one) else "failure"
    about = _attributes(type=type(one.verdict).__name__, message=f"{verdict_word(one.verdict)}, {expectation(one)}")
    text = "\n".join((f"{one.file}:{one.line}:{one.column}", *account(one)))
    yield f"    <testcase{case}>"
    yield f"      <{outcome}{about}>{_text(text)}</{outcome}>"
    yield "    </testcase>"


def _is_mistake(one: ClaimResult) -> bool:
    return isinstance(one.verdict, InternalError)


def _error(mistake: str) -> Iterator[str]:
    """Yield the suite of a run that ended before all claims were checked."""
    yield f"  <testsuite{_attributes(name='modelcheck', tests=1, failures=0, errors=1, skipped=0)}>"
    yield f"    <testcase{_attributes(name='internal error', classname='modelcheck')}>"
    yield f"      <error{_attributes(type='internal error', message=mistake)}/>"
    yield "    </testcase>"
    yield "  </testsuite>"


def _failures(claims: Sequence[ClaimResult]) -> int:
    return sum(not one.ok and not left_open(one.verdict) and not _is_mistake(one) for one in claims)


def _skipped(claims: Sequence[ClaimResult]) -> int:
    return sum(not one.ok and left_open(one.verdict) for one in claims)


def _seconds(claims: Sequence[ClaimResult]) -> str:
    return f"{sum(one.seconds + one.audit_seconds for one in claims):.3f}"


def _attributes(**values: str | int) -> str:
    # Readers turn line ends and tabs in attributes into blanks unless they are references.
    kept = {ord(blank): f"&#{ord(blank)};" for blank in "\t\n\r"}
    return "".join(f' {key}="{_text(str(value)).translate(kept)}"' for key, value in values.items())


def _text(text: str) -> str:
    return escape(_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text))
