"""The cache of verdicts: what a key depends on, what is kept and given back, and what damage does."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from modelcheck import cache, resources
from modelcheck.cache import Included, Note, Plan, Planned, VerdictCache, claim_key, text_closure, user_cache
from modelcheck.options import Options
from modelcheck.pipeline import open_library
from modelcheck.protocol.resolve import Resolver
from modelcheck.source import Source
from modelcheck.syntax.load import parse
from modelcheck.verdict import ClaimResult, Holds, InternalError
from tests.render import results

PLANNED = Planned("b.flow", "p", "server_auth", 70, 5, "ab12", "cd34")
PLAN = Plan((PLANNED,), (Note("p", ("a note",)),), (Included("c.flow", "ef56"),))
OTHERS: dict[str, Any] = {
    "budget": 1, "sessions": 2, "attack_budget": 3, "audit": False, "audit_budget": 4, "vacuity": False}  # fmt: skip


@pytest.fixture
def kept(tmp_path: Path) -> VerdictCache:
    return VerdictCache(tmp_path / "verdicts")


class TestKeys:
    @pytest.mark.parametrize("name", [field.name for field in fields(Options)])
    def test_every_option_but_the_time_matters(self, name: str) -> None:
        usual = claim_key({"p": "text"}, "p", "c", Options())
        if name == "timeout":
            assert claim_key({"p": "text"}, "p", "c", Options(timeout=1)) == usual
        else:
            assert claim_key({"p": "text"}, "p", "c", replace(Options(), **{name: OTHERS[name]})) != usual

    def test_texts_names_and_the_program_matter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        keys = {
            claim_key(texts, protocol, claim, Options())
            for texts in ({"p": "text"}, {"p": "texts"}, {"p": "text", "q": ""})
            for protocol in ("p", "q")
            for claim in ("c", "d")
        }
        assert len(keys) == 12
        monkeypatch.setattr(cache, "program", lambda: "another program")
        assert claim_key({"p": "text"}, "p", "c", Options()) not in keys

    def test_the_program_is_all_of_its_sources(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        package = tmp_path / "modelcheck"
        (package / "engine").mkdir(parents=True)
        (package / "engine" / "boxes.py").write_text("ONE = 1\n", encoding="utf-8")
        monkeypatch.setattr(cache, "__file__", str(package / "cache.py"))
        before = cache.program.__wrapped__()
        assert cache.program.__wrapped__() == before
        (package / "engine" / "boxes.py").write_text("ONE = 2\n", encoding="utf-8")
        assert cache.program.__wrapped__() != before

    def test_a_protocol_depends_on_what_it_names(self) -> None:
        texts = {
            "base": "protocol base", "mine": "variant mine of base", "later": "protocol later after mine",
            "lone": "protocol lone", "cycle": "protocol cycle names later, cycle"}  # fmt: skip
        assert [sorted(text_closure(texts, name)) for name in texts] == [
            ["base"], ["base", "mine"], ["base", "later", "mine"], ["lone"], ["base", "cycle", "later", "mine"]]  # fmt: skip

    def test_whatever_a_packaged_protocol_is_resolved_from_is_in_its_texts(self) -> None:
        """Resolved on its own, from nothing but these texts, every protocol is the same as among all the others."""
        library = open_library(sorted(resources.specs_folder().rglob("*.flow")))
        for protocol in library.protocols:
            closure = text_closure(library.texts, protocol.name)
            alone = Resolver([parse(Source("alone.flow", "\n".join(closure.values())))]).all()
            assert {one.name: one for one in alone}[protocol.name] == protocol


class TestEntries:
    @pytest.mark.parametrize(
        "result",
        [results.HOLDS, results.UNEXPECTED, results.BOUNDED, results.UNDECIDED, results.VACUOUS, results.REACHED],
    )
    def test_a_kept_result_stands_where_the_claim_stands_now(self, kept: VerdictCache, result: ClaimResult) -> None:
        kept.keep(PLANNED.key, result, None, timed=False)
        assert kept.result(PLANNED) == replace(result, file="b.flow", line=70, column=5, cached=True)

    def test_evidence_is_evidence_about_the_file_as_it_is_now(self, kept: VerdictCache) -> None:
        kept.keep(PLANNED.key, results.HOLDS, '{"format":1,"source":"old","cases":[]}', timed=False)
        assert kept.evidence(PLANNED) == '{"format":1,"source":"cd34","cases":[]}'

    def test_what_is_not_there(self, kept: VerdictCache) -> None:
        assert (kept.result(PLANNED), kept.evidence(PLANNED), kept.plan("ab12")) == (None, None, None)

    def test_mistakes_of_the_program_are_not_kept(self, kept: VerdictCache) -> None:
        kept.keep(PLANNED.key, results.result(InternalError("a mistake", "crash.txt")), None, timed=False)
        assert kept.result(PLANNED) is None

    @pytest.mark.parametrize(
        ("result", "there"),
        [(results.UNDECIDED, False), (results.BOUNDED, False), (results.HOLDS, True), (results.UNEXPECTED, True)],
    )
    def test_what_time_may_have_cut_off_is_not_kept(self, kept: VerdictCache, result: ClaimResult, there: bool) -> None:
        kept.keep(PLANNED.key, result, None, timed=True)
        assert (kept.result(PLANNED) is not None) == there

    def test_what_json_cannot_say_is_not_kept(self, kept: VerdictCache) -> None:
        kept.keep(PLANNED.key, replace(results.HOLDS, verdict=Holds(True, 1, {1, 2})), "{}", timed=False)
        assert not kept.folder.exists()

    def test_the_entry_of_another_claim_is_not_taken(self, kept: VerdictCache) -> None:
        kept.keep(PLANNED.key, results.HOLDS, None, timed=False)
        assert kept.result(replace(PLANNED, claim="other")) is None

    def test_plans_come_back_as_they_were(self, kept: VerdictCache) -> None:
        kept.keep_plan("ab12", PLAN)
        assert kept.plan("ab12") == PLAN

    def test_entries_of_another_program_are_not_seen(self, kept: VerdictCache, monkeypatch: pytest.MonkeyPatch) -> None:
        kept.keep(PLANNED.key, results.HOLDS, None, timed=False)
        monkeypatch.setattr(cache, "program", lambda: "f" * 64)
        assert kept.result(PLANNED) is None

    def test_entries_of_another_program_are_forgotten_when_they_are_old(
        self, kept: VerdictCache, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, age in (("old", 31), ("recent", 29)):
            monkeypatch.setattr(cache, "program", lambda name=name: name)
            kept.keep(PLANNED.key, results.HOLDS, None, timed=False)
            then = time.time() - age * 24 * 3600
            os.utime(kept.folder / name, (then, then))
        monkeypatch.setattr(cache, "program", lambda: "new")
        kept.keep(PLANNED.key, results.HOLDS, None, timed=False)
        assert sorted(one.name for one in kept.folder.iterdir()) == ["new", "recent"]


class TestDamage:
    @pytest.mark.parametrize("damage", ["", "\0", "abc\n{}", "[]", "a" * 64 + "\n[1]"])
    def test_a_damaged_entry_is_none_and_is_written_again(self, kept: VerdictCache, damage: str) -> None:
        kept.keep(PLANNED.key, results.HOLDS, "{}", timed=False)
        kept.keep_plan(PLANNED.key, PLAN)
        for path in kept.folder.glob("*/*"):
            path.write_text(damage, encoding="utf-8")
        assert (kept.result(PLANNED), kept.evidence(PLANNED), kept.plan(PLANNED.key)) == (None, None, None)
        kept.keep(PLANNED.key, results.HOLDS, "{}", timed=False)
        assert kept.result(PLANNED) is not None

    def test_a_changed_verdict_is_not_believed(self, kept: VerdictCache) -> None:
        kept.keep(PLANNED.key, results.UNEXPECTED, None, timed=False)
        (path,) = kept.folder.glob("*/*")
        path.write_text(path.read_text(encoding="utf-8").replace("attacker", "defender"), encoding="utf-8")
        assert kept.result(PLANNED) is None

    def test_bytes_that_are_no_text_are_none(self, kept: VerdictCache) -> None:
        kept.keep(PLANNED.key, results.HOLDS, None, timed=False)
        (path,) = kept.folder.glob("*/*")
        path.write_bytes(b"\xff\xfe")
        assert kept.result(PLANNED) is None

    def test_a_folder_that_cannot_be_made_is_done_without(self, tmp_path: Path) -> None:
        blocked = tmp_path / "file"
        blocked.write_text("", encoding="utf-8")
        kept = VerdictCache(blocked / "verdicts")
        kept.keep(PLANNED.key, results.HOLDS, None, timed=False)
        kept.keep_plan("ab12", PLAN)
        assert kept.result(PLANNED) is None

    def test_many_may_write_at_once(self, kept: VerdictCache) -> None:
        def write(_: int) -> ClaimResult | None:
            kept.keep(PLANNED.key, results.HOLDS, "{}", timed=False)
            return kept.result(PLANNED)

        with ThreadPoolExecutor(8) as pool:
            found = set(pool.map(write, range(100)))
        assert found == {replace(results.HOLDS, file="b.flow", line=70, column=5, cached=True)}
        assert sorted(path.name for path in kept.folder.glob("*/*")) == ["ab12.evidence", "ab12.json"]


class TestClearing:
    def test_all_entries_are_deleted_and_nothing_else(self, own_cache: Path) -> None:
        kept = user_cache()
        assert kept is not None
        kept.keep(PLANNED.key, results.HOLDS, "{}", timed=False)
        (own_cache / "notes.txt").write_text("mine", encoding="utf-8")
        assert kept.clear() == 2
        assert sorted(path.suffix for path in own_cache.iterdir()) == [".json", ".txt"]
        assert kept.clear() == 0

    def test_a_user_without_a_home_has_no_cache(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(resources, "cache_folder", lambda: None)
        assert user_cache() is None
