"""From a trace to an attack: replayed, without needless steps, in words. Nothing else makes an attack of a trace."""

from __future__ import annotations

from modelcheck.engine.prover import System
from modelcheck.engine.replay import NotReplayed
from modelcheck.engine.shrink import shrink
from modelcheck.engine.tell import tell
from modelcheck.engine.trace import Trace
from modelcheck.engine.violation import Replayed, replay
from modelcheck.protocol.model import Claim
from modelcheck.verdict import Attack


def confirmed(system: System, claim: Claim, trace: Trace) -> Attack:
    """Return a trace as an attack; raise NotReplayed if it is no run, or does not violate the claim."""

    def replayed(one: Trace) -> Replayed:
        return replay(system.protocol, system.machines, claim, one)

    def replays(one: Trace) -> bool:
        try:
            replayed(one)
        except NotReplayed:
            return False
        return True

    replayed(trace)
    smallest = shrink(trace, replays)
    return tell(system.protocol, system.machines, claim, smallest, replayed(smallest))
