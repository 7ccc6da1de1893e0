"""What a command comes to, and a spec of which not all is well."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from modelcheck.starter import starting_spec


class Outcome(NamedTuple):
    """What a command exited with and printed, times replaced by `#`."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]

BROKEN = starting_spec("hello").split("claims\n")[0] + "claims\n  broken: secret k at Client despite leak of x\n"
"""A spec whose one claim does not come out as expected."""
