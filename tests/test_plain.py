"""Values as JSON and back: what is restored is what was there, and nothing else is taken for it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Literal

import pytest

from modelcheck.plain import NotPlain, from_plain, to_plain
from modelcheck.verdict import ClaimResult, PossibleDifference
from tests.render import results


@dataclass(frozen=True, slots=True)
class Leaf:
    name: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Tree:
    leaves: tuple[Leaf, ...]
    weight: float
    kind: Literal["oak", "elm"]
    more: Any = None


POSSIBLE = results.result(PossibleDifference(("the attacker sends Hello",), "only the left side answers"))
TREE = Tree((Leaf("a"), Leaf("b", 2)), 1.0, "oak", ("x", "y"))


@pytest.mark.parametrize("value", [TREE, Tree((), 0.5, "elm")])
def test_a_value_comes_back_as_it_was(value: Tree) -> None:
    assert from_plain(Tree, json.loads(json.dumps(to_plain(value)))) == value


@pytest.mark.parametrize("result", [*results.NAMED, results.REACHED, POSSIBLE])
def test_every_result_comes_back_as_it_was(result: ClaimResult) -> None:
    found = from_plain(ClaimResult, json.loads(json.dumps(to_plain(result))))
    assert found == result
    assert repr(found) == repr(result)


@pytest.mark.parametrize(
    "change",
    [
        {"is": "Leaf"},
        {"weight": "1"},
        {"weight": True},
        {"kind": "ash"},
        {"leaves": None},
        {"leaves": [{"is": "Leaf", "name": "a"}]},
        {"leaves": [{"is": "Leaf", "name": "a", "size": "b"}]},
        {"extra": 1},
        {"more": {"is": "Leaf", "name": "a", "size": None}},
        {"more": [1]},
    ],
)
def test_what_is_no_such_value_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(NotPlain):
        from_plain(Tree, to_plain(TREE) | change)


@pytest.mark.parametrize("plain", [None, [], {}, "Tree", 1, {"is": "Tree"}])
def test_other_json_is_refused(plain: Any) -> None:
    with pytest.raises(NotPlain):
        from_plain(Tree, plain)


def test_what_json_cannot_say_is_refused() -> None:
    with pytest.raises(NotPlain, match=r"^set$"):
        to_plain(replace(TREE, more={1}))
