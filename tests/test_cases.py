"""Every claim of the Markdown cases comes out as its line expects, proofs audited."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from modelcheck.options import Options
from modelcheck.pipeline import check_claim
from modelcheck.verdict import verdict_word
from tests.support import tasks

BLOCK = re.compile(r"^```flow\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = [
    pytest.param(text, id=f"{path.stem}-{number}")
    for path in sorted((Path(__file__).parent / "cases").glob("*.md"))
    for number, text in enumerate(BLOCK.findall(path.read_text(encoding="utf-8")), 1)
]


@pytest.mark.parametrize("text", BLOCKS)
def test_case(text: str) -> None:
    wrong = []
    for task in tasks(text):
        result = check_claim(task, Options())
        if not result.ok:
            wrong.append(f"{task.protocol}.{task.claim}: {verdict_word(result.verdict)}, expected {result.expected}")
    assert wrong == []


def test_there_are_cases() -> None:
    assert len(BLOCKS) >= 10
