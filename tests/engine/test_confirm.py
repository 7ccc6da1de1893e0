"""Traces become attacks only if they replay."""

from __future__ import annotations

import pytest

from modelcheck.engine import confirm
from modelcheck.engine.attacks import TraceRejected, find_attack
from modelcheck.engine.replay import NotReplayed
from modelcheck.verdict import Attack
from tests.support import SIGNED, tasks


def test_a_run_that_does_not_replay_is_a_mistake_and_no_attack(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise NotReplayed("a reason")

    (task,) = tasks(SIGNED + "  broken: secret k at Client despite leak of x\n")
    system = task.library.system(task.owner)
    assert isinstance(find_attack(system, task.what, 1, 10**7), Attack)
    monkeypatch.setattr(confirm, "replay", refuse)
    with pytest.raises(TraceRejected, match=r"^a reason\np\.broken: Trace"):
        find_attack(system, task.what, 1, 10**7)
