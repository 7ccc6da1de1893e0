"""Clauses over integers, an acyclicity constraint on guarded edges, and the solver that gets them as DIMACS text.

Literals are nonzero integers, negation is the minus sign. Building solver expressions instead of text costs many times
what solving does.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush
from itertools import combinations
from time import monotonic

Lit = int

TRUE: Lit = 1
FALSE: Lit = -1

TRUE_LITERAL = re.compile(r"k!(\d+) \(\) Bool\s+true\)")
"""A literal that is true in the text of a model."""

PAIRWISE = 5
"""Up to how many literals "at most one" is written as a clause per pair."""


class SolverGaveUp(Exception):
    """The solver's budget ran out."""


class Cnf:
    """A growing set of clauses."""

    def __init__(self) -> None:
        """Start with the literal that is true."""
        self.top = 1
        self.lines: list[str] = ["1 0"]
        self.edges: dict[tuple[int, int], dict[Lit, None]] = defaultdict(dict)

    def new(self) -> Lit:
        """Return a new literal."""
        self.top += 1
        return self.top

    def add(self, *literals: Lit) -> None:
        """Require one of the literals."""
        if TRUE not in literals:
            self.lines.append(" ".join([str(one) for one in literals if one != FALSE]) + " 0")

    def exactly_one(self, literals: Sequence[Lit]) -> None:
        """Require one of the literals and forbid two."""
        self.add(*literals)
        self.at_most_one(literals)

    def at_most_one(self, literals: Sequence[Lit]) -> None:
        """Forbid two of the literals: pairwise for few, in groups joined by commander literals for many."""
        if len(literals) <= PAIRWISE:
            for one, two in combinations(literals, 2):
                self.add(-one, -two)
            return
        commanders = []
        for start in range(0, len(literals), PAIRWISE - 1):
            group = literals[start : start + PAIRWISE - 1]
            commander = self.new()
            self.at_most_one(group)
            for one in group:
                self.add(-one, commander)
            commanders.append(commander)
        self.at_most_one(commanders)

    def all_of(self, literals: Iterable[Lit]) -> Lit:
        """Return a literal that implies all of the literals."""
        wanted = list(dict.fromkeys(one for one in literals if one != TRUE))
        if FALSE in wanted:
            return FALSE
        if len(wanted) <= 1:
            return wanted[0] if wanted else TRUE
        both = self.new()
        for one in wanted:
            self.add(-both, one)
        return both

    def any_of(self, literals: Iterable[Lit]) -> Lit:
        """Return a literal that implies one of the literals."""
        options = list(dict.fromkeys(one for one in literals if one != FALSE))
        if TRUE in options:
            return TRUE
        if len(options) <= 1:
            return options[0] if options else FALSE
        some = self.new()
        self.add(-some, *options)
        return some

    def edge(self, guard: Lit, source: int, target: int) -> None:
        """Note that ``source`` comes after ``target`` where ``guard`` is true."""
        if guard != FALSE:
            self.edges[source, target][guard] = None

    def forbid_cycles(self) -> None:
        """Require that the edges whose guards are true have no cycle, by eliminating one vertex after the other.

        A path through an eliminated vertex becomes an edge between its neighbours (Rankooh and Rintanen 2022). The
        order of elimination, fewest paths first, keeps the new edges few.
        """
        _Elimination(self).run()

    def dimacs(self, selected: Sequence[Lit] = ()) -> str:
        """Return the clauses as text, the ``selected`` literals as clauses of their own."""
        lines = [*self.lines, *(f"{literal} 0" for literal in selected)]
        return f"p cnf {self.top} {len(lines)}\n" + "\n".join(lines) + "\n"


class _Elimination:
    """The graph of edges while its vertices are eliminated."""

    def __init__(self, cnf: Cnf) -> None:
        self.cnf = cnf
        self.after: dict[int, dict[int, Lit]] = defaultdict(dict)
        self.before: dict[int, dict[int, None]] = defaultdict(dict)
        self.own: set[tuple[int, int]] = set()
        for (source, target), guards in cnf.edges.items():
            if source == target:
                for guard in guards:
                    cnf.add(-guard)
            else:
                self._start(source, target, list(guards))

    def _start(self, source: int, target: int, guards: list[Lit]) -> None:
        """Give an edge a literal of its own where it has several guards; a literal shared with others is never implied."""
        literal = guards[0]
        if len(guards) > 1:
            literal = self.cnf.new()
            self.own.add((source, target))
            for guard in guards:
                self.cnf.add(-guard, literal)
        self.after[source][target] = literal
        self.before[target][source] = None

    def run(self) -> None:
        vertices = dict.fromkeys([*self.after, *self.before])
        cost = {vertex: self._cost(vertex) for vertex in vertices}
        queue = [(paths, vertex) for vertex, paths in cost.items()]
        heapify(queue)
        while queue:
            paths, vertex = heappop(queue)
            if cost.get(vertex) != paths:
                continue
            del cost[vertex]
            for neighbour in self._eliminate(vertex):
                now = self._cost(neighbour)
                if cost[neighbour] != now:
                    cost[neighbour] = now
                    heappush(queue, (now, neighbour))

    def _cost(self, vertex: int) -> int:
        return len(self.before[vertex]) * len(self.after[vertex])

    def _eliminate(self, vertex: int) -> list[int]:
        """Return the neighbours of a vertex that is gone; each path through it is an edge or forbidden."""
        for source in self.before[vertex]:
            into = self.after[source][vertex]
            for target, out in self.after[vertex].items():
                if source == target:
                    self.cnf.add(-into, -out)
                else:
                    self.cnf.add(-into, -out, self._implied(source, target))
        neighbours = dict.fromkeys([*self.before[vertex], *self.after[vertex]])
        for source in self.before.pop(vertex):
            del self.after[source][vertex]
        for target in self.after.pop(vertex, {}):
            del self.before[target][vertex]
        return list(neighbours)

    def _implied(self, source: int, target: int) -> Lit:
        """Return the literal of an edge that may be implied."""
        literal = self.after[source].get(target)
        if literal is None or (source, target) not in self.own:
            new = self.cnf.new()
            if literal is not None:
                self.cnf.add(-literal, new)
            self.after[source][target] = new
            self.before[target][source] = None
            self.own.add((source, target))
            return new
        return literal


def solve(cnf: Cnf, budget: int, selected: Sequence[Lit] = (), deadline: float | None = None) -> frozenset[Lit] | None:
    """Return the positive literals of a solution in which the ``selected`` ones hold, None if there is none.

    ``budget`` bounds the work in z3's resource units, ``deadline`` is a moment on the monotonic clock; raises
    SolverGaveUp if they do not suffice. z3 does not connect assumptions with clauses that it read as DIMACS, so selected
    literals are clauses too.
    """
    # Loading z3 takes longer than most questions, and a command that asks none does without it.
    import z3  # type: ignore[import-untyped]

    solver = z3.SolverFor("QF_FD", ctx=z3.Context())
    solver.set("rlimit", min(budget, 2**32 - 1))
    # z3 would take an interruption for itself and answer "unknown"; the program that asked is to end.
    solver.set("ctrl_c", False)
    if deadline is not None:
        solver.set("timeout", max(1, int(1000 * (deadline - monotonic()))))
    solver.from_string(cnf.dimacs(selected))
    verdict = solver.check()
    if verdict == z3.unsat:
        return None
    if verdict != z3.sat:
        raise SolverGaveUp("the solver's budget ran out")
    # The model's text is read faster than its expressions, of which there is one for each literal.
    return frozenset(int(number) for number in TRUE_LITERAL.findall(solver.model().sexpr()))
