"""Times the fixpoint, its audit and its explanations on a Diffie-Hellman handshake as Horn clauses.

Run it as ``python benchmarks/boxes.py`` (the options are pyperf's); ``--sizes`` prints what is computed
instead. Each case is one star client, some honest names, and a client and a server class for every pair of
names.
"""

from __future__ import annotations

import itertools
import sys

import pyperf  # type: ignore[import-untyped]

from modelcheck.engine.audit import Stage, audit
from modelcheck.engine.boxes import Budget, Fixpoint, solve
from modelcheck.engine.derivation import explain
from modelcheck.engine.horn import Atom, Clause, Goal, Mask, Program

CLIENT, SERVER, SHARED, ACCEPTED, NONCE, EXPONENT, SHARE, SECRET, SIGNATURE, MAC, FLIGHT = range(11)
PLENTY = 10**9

N, CR, X, SR, Y = 1, 2, 3, 4, 5
SEEN = (N, CR, X, SR, Y)
"""Slots of every clause: session 0, server name, client nonce and exponent, server nonce and exponent."""


def handshake(honest: int, *, signed: bool) -> Program:
    """The clauses for this many honest names and a dishonest one; not ``signed``, only a MAC is checked.

    The goal is that the star client accepts with an honest name and the attacker knows its secret.
    """
    names = honest + 1
    clients = [0, *range(names)]
    servers = list(range(honest))
    attacker = len(clients) + len(servers)
    session, name, leaf = ((1 << size) - 1 for size in (attacker, names, attacker + 1))
    masks = (session, name, leaf, leaf, leaf, leaf)
    first, second, both = (CR, X), (SR, Y), (CR, X, SR, Y)

    def clause(head: Atom, *body: Atom, server: Mask = name) -> Clause:
        return Clause(head, body, (session, server, *masks[2:]))

    def known(*slots: int) -> tuple[Atom, ...]:
        return tuple(Atom(NONCE if slot in (CR, SR) else SHARE, (slot,)) for slot in slots)

    client, server = Atom(CLIENT, (0, N, *first)), Atom(SERVER, (0, N, *second))
    shared, accepted = Atom(SHARED, (0, *SEEN)), Atom(ACCEPTED, (0, *SEEN))
    signature, mac, flight = (Atom(predicate, SEEN) for predicate in (SIGNATURE, MAC, FLIGHT))
    secret = Atom(SECRET, (X, Y))
    facts = [
        *(Clause(Atom(CLIENT, (0, 1, 2, 2)), (), (1 << at, 1 << who, 1 << at)) for at, who in enumerate(clients)),
        *(
            Clause(Atom(SERVER, (0, 1, 2, 2)), (), (1 << at, 1 << who, 1 << at))
            for at, who in enumerate(servers, len(clients))
        ),
        *(Clause(Atom(kind, (0,)), (), (1 << attacker,)) for kind in (NONCE, EXPONENT)),
    ]
    rules = [
        clause(Atom(NONCE, (CR,)), client),
        clause(Atom(SHARE, (X,)), client),
        clause(Atom(NONCE, (SR,)), shared),
        clause(Atom(SHARE, (Y,)), shared),
        clause(Atom(SHARE, (X,)), Atom(EXPONENT, (X,))),
        clause(secret, Atom(EXPONENT, (X,)), Atom(SHARE, (Y,))),
        clause(secret, Atom(EXPONENT, (Y,)), Atom(SHARE, (X,))),
        clause(shared, server, *known(*first)),
        clause(flight, shared),
        clause(signature, shared, secret),
        clause(mac, shared, secret),
        clause(signature, *known(*both), server=1 << honest),
        clause(mac, secret, *known(CR, SR)),
        clause(flight, mac, secret, *([signature] if signed else ())),
        clause(accepted, client, *known(*second), flight),
    ]
    columns = {
        CLIENT: (session, name, leaf, leaf),
        SERVER: (session, name, leaf, leaf),
        SHARED: masks,
        ACCEPTED: masks,
        NONCE: (leaf,),
        EXPONENT: (leaf,),
        SHARE: (leaf,),
        SECRET: (leaf, leaf),
        **dict.fromkeys((SIGNATURE, MAC, FLIGHT), masks[1:]),
    }
    goal = Goal((accepted, secret), (1, 1, *masks[2:]))
    return Program(tuple(columns[predicate] for predicate in sorted(columns)), (*facts, *rules), (goal,))


def fixpoint(program: Program, exact: bool) -> Fixpoint:
    """The model of the program."""
    return solve(program, exact=exact, budget=Budget(PLENTY))


def print_sizes(cases: dict[str, Program]) -> None:
    """Nothing; a line per case says how much was computed."""
    for (label, program), exact in itertools.product(cases.items(), (False, True)):
        mode = "exact" if exact else "cheap"
        found = fixpoint(program, exact)
        live = sum(map(len, found.relations.values()))
        report = audit([Stage(program, found.relations)], PLENTY)
        verdict = "reached" if found.reached else "excluded"
        print(
            f"{label}, {mode}: {len(program.clauses)} clauses, {live} boxes of "
            f"{sum(1 for _ in found.records())} found, {found.spent} units; "
            f"audit {report.checks} checks, {report.spent} units; goal {verdict}"
        )


def main() -> None:
    """Nothing; the timings are printed."""
    cases = {
        f"{honest} names, {'signed' if signed else 'unsigned'}": handshake(honest, signed=signed)
        for honest in (2, 6, 12)
        for signed in (True, False)
    }
    if "--sizes" in sys.argv:
        print_sizes(cases)
        return
    runner = pyperf.Runner()
    for label, program in cases.items():
        for exact in (False, True):
            found = fixpoint(program, exact)
            mode = "exact" if exact else "cheap"
            runner.bench_func(f"{label}: {mode} fixpoint", fixpoint, program, exact)
            if not found.reached:
                runner.bench_func(f"{label}: audit of {mode}", audit, [Stage(program, found.relations)], PLENTY)
            elif exact:
                runner.bench_func(f"{label}: explanation", explain, [(program, found)], 0, Budget(10**15))


if __name__ == "__main__":
    main()
