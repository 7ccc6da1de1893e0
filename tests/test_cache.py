"""Kept verdicts are found again exactly when nothing that they depend on has changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from modelcheck import cache
from modelcheck.cache import VerdictCache, key_of, related, run_key, texts_with_includes
from modelcheck.options import Options
from modelcheck.verdict import ClaimResult, Undecided
from tests.render import results

KEPT = [results.HOLDS, results.NOT_AUDITED, results.REACHED, results.ATTACK, results.BOUNDED, results.VACUOUS,
        results.NOT_SUPPORTED]  # fmt: skip


@pytest.fixture
def specs(tmp_path: Path) -> dict[str, Path]:
    files = {
        "base": "protocol base\n",
        "later": "protocol later after base\n",
        "alone": "protocol alone\n",
        "includes": 'include "base.flow"\nprotocol more\n',
    }
    for name, text in files.items():
        (tmp_path / f"{name}.flow").write_text(text, encoding="utf-8")
    return {name: (tmp_path / f"{name}.flow").resolve() for name in files}


@pytest.mark.parametrize("result", KEPT)
def test_a_kept_result_comes_back_as_it_was(result: ClaimResult, tmp_path: Path) -> None:
    kept = VerdictCache(tmp_path)
    kept.put("ab12", result, "the invariant")
    found = kept.get("ab12")
    assert found == replace(result, cached=True)
    assert kept.evidence("ab12") == "the invariant"


def test_what_another_run_may_decide_is_not_kept(tmp_path: Path) -> None:
    kept = VerdictCache(tmp_path)
    kept.put("ab12", results.result(Undecided("the time ran out")), None)
    kept.put_all("cd34", [results.HOLDS, results.UNDECIDED], {})
    assert kept.get("ab12") is None
    assert kept.get_all("cd34") is None


def test_a_whole_run_comes_back_with_its_notes(tmp_path: Path) -> None:
    kept = VerdictCache(tmp_path)
    kept.put_all("cd34", [results.HOLDS, results.ATTACK], {"p": ["type-flaw resistant"]})
    found = kept.get_all("cd34")
    assert found == (
        [replace(results.HOLDS, cached=True), replace(results.ATTACK, cached=True)], {"p": ["type-flaw resistant"]},
    )  # fmt: skip


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"kind_of_verdict": "Holds"}', b"\xff\xfe"])
def test_a_damaged_entry_is_as_good_as_none_and_is_replaced(damage: bytes, tmp_path: Path) -> None:
    kept = VerdictCache(tmp_path)
    kept.put("ab12", results.HOLDS, None)
    (tmp_path / "ab" / "ab12.json").write_bytes(damage)
    assert kept.get("ab12") is None
    kept.put("ab12", results.HOLDS, None)
    assert kept.get("ab12") == replace(results.HOLDS, cached=True)


def test_clearing_deletes_all_entries(tmp_path: Path) -> None:
    kept = VerdictCache(tmp_path)
    kept.put("ab12", results.HOLDS, "evidence")
    assert kept.clear() == 2
    assert kept.get("ab12") is None
    assert kept.clear() == 0


def test_a_file_depends_on_what_it_names_and_includes(specs: dict[str, Path]) -> None:
    texts = texts_with_includes(list(specs.values()))
    assert related(texts, specs["alone"]) == (specs["alone"],)
    assert related(texts, specs["later"]) == tuple(sorted((specs["base"], specs["later"])))
    assert related(texts, specs["includes"]) == tuple(sorted((specs["base"], specs["includes"])))


def test_an_included_file_is_read_though_only_the_other_is_named(specs: dict[str, Path]) -> None:
    assert set(texts_with_includes([specs["includes"]])) == {specs["includes"], specs["base"]}


def test_the_key_changes_with_text_claim_options_and_program(
    specs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a verdict depends on is in its key."""
    texts = texts_with_includes([specs["base"]])
    files = tuple(texts)
    keys = [
        key_of(texts, files, ("claim", "base", "c"), Options()),
        key_of(texts, files, ("claim", "base", "d"), Options()),
        key_of(texts, files, ("claim", "base", "c"), Options(budget=5)),
        key_of(texts, files, ("claim", "base", "c"), Options(sessions=2)),
        key_of(texts, files, ("claim", "base", "c"), Options(audit=False)),
        key_of({path: text + "# more\n" for path, text in texts.items()}, files, ("claim", "base", "c"), Options()),
    ]
    monkeypatch.setattr(cache, "program_hash", lambda: "another program")
    keys.append(key_of(texts, files, ("claim", "base", "c"), Options()))
    assert len(set(keys)) == len(keys)


def test_a_time_limit_is_no_part_of_the_key(specs: dict[str, Path]) -> None:
    files = [specs["alone"]]
    assert run_key(files, None, Options()) == run_key(files, None, Options(timeout=3.0))
    assert run_key(files, None, Options()) != run_key(files, "c", Options())
