"""Settings of a project: where they are found, what they may be, and what is said about those that cannot be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from modelcheck import rules
from modelcheck.configuration import KEYS, Settings, find_settings
from modelcheck.diagnostics import SpecRejected


def write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    return folder


def rejection(folder: Path) -> str:
    """What is said about the settings of a folder."""
    with pytest.raises(SpecRejected) as rejected:
        find_settings(folder)
    return str(rejected.value)


ALL = """\
[tool.modelcheck]
paths = ["specs", "more/a.flow"]
budget = 1000
sessions = 3
timeout = 60
memory = 512
jobs = 2
audit = false
cache = false
format = "sarif"
output = "out/report.sarif"
verbose = true
"""


def test_every_setting(tmp_path: Path) -> None:
    assert find_settings(write(tmp_path, ALL)) == Settings(
        (Path("specs"), Path("more/a.flow")), 1000, 3, 60, 512, 2, False, False, "sarif", Path("out/report.sarif"), True
    )
    assert all(f"\n{key} = " in ALL for key in KEYS)


def test_paths_are_seen_from_the_working_directory(tmp_path: Path) -> None:
    write(tmp_path, ALL)
    (tmp_path / "specs").mkdir()
    settings = find_settings(tmp_path / "specs")
    assert settings.paths == (Path("."), Path("../more/a.flow"))
    assert settings.output == Path("../out/report.sarif")


def test_the_nearest_table_counts_and_files_without_one_are_passed_by(tmp_path: Path) -> None:
    write(tmp_path, "[tool.modelcheck]\nsessions = 1\n")
    write(tmp_path / "a", "[tool.modelcheck]\nsessions = 2\n")
    inner = write(tmp_path / "a" / "b", "[tool.ruff]\nline-length = 120\n")
    assert find_settings(inner).sessions == 2


def test_an_empty_table_ends_the_search(tmp_path: Path) -> None:
    write(tmp_path, ALL)
    assert find_settings(write(tmp_path / "a", "[tool.modelcheck]\n")) == Settings()


def test_a_file_of_others_is_of_no_concern(tmp_path: Path) -> None:
    write(tmp_path, "[tool.modelcheck]\nsessions = 1\n")
    assert find_settings(write(tmp_path / "a", 'tool = "hammer"\n')).sessions == 1


def test_a_misspelt_setting_and_a_wrong_value_are_named_with_their_places(tmp_path: Path) -> None:
    write(tmp_path, '[project]\nformt = 1\n\n[tool.modelcheck]\nsessions = "four"\nformt = "sarif"\n')
    (tmp_path / "a").mkdir()
    assert rejection(tmp_path / "a") == (
        'error[MC131 bad-setting]: `sessions` must be a whole number from 1 to 64, not `"four"`\n'
        "  --> ../pyproject.toml:5:1\n"
        "  |\n"
        '5 | sessions = "four"\n'
        "  | ^^^^^^^^\n"
        "  = hint: correct `sessions`, or remove the line\n"
        "error[MC130 unknown-setting]: there is no setting `formt`\n"
        "  --> ../pyproject.toml:6:1\n"
        "  |\n"
        '6 | formt = "sarif"\n'
        "  | ^^^^^\n"
        "  = hint: did you mean `format`?"
    )


def test_a_setting_like_no_other_gets_the_list(tmp_path: Path) -> None:
    said = rejection(write(tmp_path, "[tool.modelcheck]\nzzz = 1\n"))
    assert said.endswith(
        "  = hint: the settings are paths, budget, sessions, timeout, memory, jobs, audit, cache, format, output, verbose"
    )


@pytest.mark.parametrize(
    ("line", "must"),
    [
        ('paths = "specs"', "a list of paths"),
        ("paths = []", "a list of paths"),
        ("paths = [1]", "a list of paths"),
        ('paths = [""]', "a list of paths"),
        ("budget = 0", "a whole number from 1"),
        ("budget = 1.5", "a whole number from 1"),
        ("budget = true", "a whole number from 1"),
        ("sessions = 65", "a whole number from 1 to 64"),
        ("timeout = -1", "a number of seconds"),
        ("timeout = nan", "a number of seconds"),
        ("timeout = true", "a number of seconds"),
        ('timeout = "1"', "a number of seconds"),
        ("memory = 127", "a whole number of MiB from 128"),
        ("jobs = 0", "a whole number from 1, or `auto`"),
        ('jobs = "all"', "a whole number from 1, or `auto`"),
        ("audit = 1", "`true` or `false`"),
        ("cache = 0", "`true` or `false`"),
        ('verbose = "yes"', "`true` or `false`"),
        ('format = "xml"', "one of `text`, `concise`, `json`, `sarif`, `junit`, `github`"),
        ('format = ["text"]', "one of `text`, `concise`, `json`, `sarif`, `junit`, `github`"),
        ("output = 1", "a path"),
        ('output = "a\\u0000b"', "a path"),
        ("output = 2026-01-01", "a path"),
    ],
)
def test_values_of_another_type_or_out_of_range(tmp_path: Path, line: str, must: str) -> None:
    said = rejection(write(tmp_path, f"[tool.modelcheck]\n{line}\n"))
    key = line.split(" ", maxsplit=1)[0]
    assert said.startswith(f"error[MC131 bad-setting]: `{key}` must be {must}, not `")
    assert "\n  --> pyproject.toml:2:1\n" in said


def test_a_misspelt_format_gets_a_suggestion(tmp_path: Path) -> None:
    said = rejection(write(tmp_path, '[tool.modelcheck]\nformat = "sarf"\n'))
    assert said.endswith("\n  = hint: did you mean `sarif`?")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("tool = { modelcheck = { zzz = 1 } }\n", "pyproject.toml"),
        ("tool.modelcheck.zzz = 1\n", "pyproject.toml:1:17"),
        ("[tool]\nmodelcheck.zzz = 1\n", "pyproject.toml:2:12"),
        ("[tool]\nmodelcheck = 5\n", "pyproject.toml:2:1"),
        ("[tool.modelcheck.zzz]\n", "pyproject.toml:1:18"),
        ('[tool.modelcheck]\n"zzz" = 1\n', "pyproject.toml:2:2"),
        ("[ tool.modelcheck ]\n  zzz=1\n", "pyproject.toml:2:3"),
    ],
)
def test_places_in_other_ways_of_writing_a_table(tmp_path: Path, text: str, place: str) -> None:
    assert f"  --> {place}\n" in rejection(write(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "sentence", "place"),
    [
        ("[tool.modelcheck]\nbudget = = 3\n", "invalid value", "2:10"),
        ("a = 1\r\n[tool\r\n", "expected ']' at the end of a table declaration", "2:6"),
        ('a = "', "unterminated string", "1:6"),
    ],
)
def test_a_file_that_is_no_toml(tmp_path: Path, text: str, sentence: str, place: str) -> None:
    (tmp_path / "pyproject.toml").write_bytes(text.encode())
    said = rejection(tmp_path).splitlines()
    assert said[0] == f"error[MC131 bad-setting]: the file is no TOML: {sentence}"
    assert said[1] == f"  --> pyproject.toml:{place}"


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b"\xff")
    assert rejection(tmp_path).startswith("error[MC102 not-text]: `pyproject.toml` is not UTF-8 text\n")


def test_jobs_can_be_left_to_the_machine(tmp_path: Path) -> None:
    assert find_settings(write(tmp_path, '[tool.modelcheck]\njobs = "auto"\n')) == Settings(jobs="auto")


def test_the_page_of_unknown_settings_names_every_setting() -> None:
    assert all(f"`{key}`" in rules.UNKNOWN_SETTING.explanation for key in KEYS)


DOCS = Path(__file__).parent.parent / "docs"


@pytest.mark.parametrize("page", ["how-to/continuous-integration.md", "reference/command-line.md"])
def test_the_examples_of_the_documentation_are_settings(page: str, tmp_path: Path) -> None:
    examples = re.findall(r"```toml[^\n]*\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)
    assert examples
    for text in examples:
        assert find_settings(write(tmp_path, text)) != Settings()


def test_the_reference_has_a_row_for_every_setting() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", (DOCS / "reference/command-line.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == list(KEYS)
