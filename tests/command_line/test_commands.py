"""The small commands: versions and help, `fmt`, `explain`, `new`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from modelcheck import __version__
from modelcheck.starter import starting_spec
from tests.command_line.outcome import Run


def test_the_version(run: Run) -> None:
    assert run("--version") == (0, f"modelcheck, version {__version__}\n", "")


@pytest.mark.parametrize("command", ["check", "machine", "fmt", "explain", "new", "audit"])
def test_every_command_has_a_help_page_with_its_usage(run: Run, command: str) -> None:
    code, out, err = run(command, "--help")
    assert (code, err) == (0, "")
    assert re.match(rf"Usage: .* {command} ", out)
    assert "\\b" not in out


class TestFormat:
    def test_a_formatted_file_stays_as_it_is(self, run: Run, hello: str) -> None:
        before = Path(hello).read_bytes()
        assert run("fmt", hello) == (0, "", "")
        assert Path(hello).read_bytes() == before

    def test_check_names_the_file_and_leaves_it(self, run: Run, hello: str) -> None:
        text = Path(hello).read_text(encoding="utf-8").replace("  role Client", "      role   Client")
        Path(hello).write_text(text, encoding="utf-8")
        assert run("fmt", "--check", hello) == (1, "would change hello.flow\n", "")
        assert Path(hello).read_text(encoding="utf-8") == text

    def test_formatting_twice_is_formatting_once(self, run: Run, hello: str) -> None:
        text = Path(hello).read_text(encoding="utf-8").replace("  role Client", "      role   Client")
        Path(hello).write_text(text, encoding="utf-8")
        assert run("fmt", hello) == (0, "changed hello.flow\n", "")
        assert run("fmt", "--check", hello) == (0, "", "")

    def test_a_file_that_does_not_parse_is_left_as_it_is(self, run: Run) -> None:
        Path("a.flow").write_text("protocol", encoding="utf-8")
        assert run("fmt", "a.flow").code == 2
        assert Path("a.flow").read_text(encoding="utf-8") == "protocol"


class TestExplain:
    @pytest.mark.parametrize("word", ["MC102", "mc102", "not-text"])
    def test_a_rule_is_found_by_code_and_by_name(self, run: Run, word: str) -> None:
        assert run("explain", word) == (
            0,
            "MC102 not-text: A file is not UTF-8 text\n"
            "\n"
            "A spec is a text file in UTF-8. This one has bytes that are no UTF-8 text, or a zero byte.\n"
            "\n"
            "Save it as UTF-8; perhaps the path names another file than you meant.\n",
            "",
        )

    def test_without_a_code_every_rule_is_listed(self, run: Run) -> None:
        out = run("explain").out
        codes = [line.split()[0] for line in out.splitlines()]
        assert codes == sorted(set(codes))
        assert codes[0] == "MC101"

    def test_an_unknown_code_gets_a_suggestion(self, run: Run) -> None:
        code, _, err = run("explain", "not-txt")
        assert code == 2
        assert err.endswith("Error: there is no diagnostic `not-txt`; did you mean `not-text`?\n")


class TestNew:
    @pytest.mark.parametrize("name", ["mine", "mine.flow"])
    def test_the_file_is_named_after_the_protocol(self, run: Run, name: str) -> None:
        assert run("new", name) == (0, "wrote mine.flow\nnow run: modelcheck check mine.flow\n", "")
        assert Path("mine.flow").read_text(encoding="utf-8") == starting_spec("mine")

    @pytest.mark.parametrize("name", ["", "two words", "../up", "a/b.flow", "1st", "é"])
    def test_what_is_no_name(self, run: Run, name: str) -> None:
        code, out, err = run("new", name)
        stem = name.removesuffix(".flow")
        assert (code, out) == (2, "")
        assert err.endswith(f"Error: `{stem}` is no name for a protocol: use letters, digits and `_`\n")

    def test_a_file_is_never_overwritten(self, run: Run, hello: str) -> None:
        Path(hello).write_text("mine", encoding="utf-8")
        code, _, err = run("new", "hello")
        assert code == 2
        assert err.endswith("Error: `hello.flow` exists; choose another name\n")
        assert Path(hello).read_text(encoding="utf-8") == "mine"

    @pytest.mark.parametrize("name", ["role", "flow", "protocol", "secret"])
    def test_words_of_the_language_are_names_too(self, run: Run, name: str) -> None:
        run("new", name)
        assert run("machine", f"{name}.flow").code == 0
