"""Boxes as integers, so that one operation of Python works on all columns.

The columns lie side by side, each with a *guard* bit above it that is zero. Then one ``&`` intersects two boxes, and
adding all-ones to every column carries into each guard exactly if no column is empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelcheck.engine.horn import Box, Mask


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the columns of a box (or the slots of a clause) lie in its integer."""

    offsets: tuple[int, ...]
    fields: tuple[Mask, ...]
    ones: int
    guards: int

    @staticmethod
    def of(columns: Sequence[Mask]) -> Layout:
        """The layout of columns with these full masks, the first column lowest."""
        offsets, ones, guards, at = [], 0, 0, 0
        for full in columns:
            width = full.bit_length()
            offsets.append(at)
            ones |= ((1 << width) - 1) << at
            guards |= 1 << (at + width)
            at += width + 1
        return Layout(tuple(offsets), tuple((1 << full.bit_length()) - 1 for full in columns), ones, guards)

    def pack(self, box: Sequence[Mask]) -> int:
        """The integer of a box."""
        packed = 0
        for mask, offset, full in zip(box, self.offsets, self.fields, strict=True):
            packed |= (mask & full) << offset
        return packed

    def unpack(self, packed: int) -> Box:
        """The box of an integer."""
        return tuple([packed >> offset & full for offset, full in zip(self.offsets, self.fields, strict=True)])

    def without(self) -> tuple[int, ...]:
        """For each column the integer that keeps every other column."""
        return tuple(self.ones & ~(full << offset) for offset, full in zip(self.offsets, self.fields, strict=True))

    def inhabited(self, packed: int) -> bool:
        """Whether no column is empty."""
        return (packed + self.ones) & self.guards == self.guards


@dataclass(frozen=True, slots=True)
class Moves:
    """A rearrangement of fields: those that move by the same distance move together."""

    left: tuple[tuple[int, int], ...]
    right: tuple[tuple[int, int], ...]

    @staticmethod
    def of(fields: Sequence[tuple[int, int, Mask]]) -> Moves:
        """The rearrangement that takes each field at the first offset to the second offset."""
        by_distance: dict[int, int] = {}
        for source, target, full in fields:
            by_distance[target - source] = by_distance.get(target - source, 0) | full << source
        return Moves(
            tuple((mask, distance) for distance, mask in by_distance.items() if distance >= 0),
            tuple((mask, -distance) for distance, mask in by_distance.items() if distance < 0),
        )

    def apply(self, packed: int, onto: int = 0) -> int:
        """``onto`` with the moved fields added."""
        for mask, distance in self.left:
            onto |= (packed & mask) << distance
        for mask, distance in self.right:
            onto |= (packed & mask) >> distance
        return onto


@dataclass(frozen=True, slots=True)
class Apart:
    """A :class:`~modelcheck.engine.horn.Differ` as offsets and masks; ``free`` says that the right slot is not used afterwards."""

    left: int
    left_field: Mask
    right: int
    right_field: Mask
    unique: Mask
    free: bool

    def split(self, env: int) -> list[int]:
        """Boxes that together hold the points of ``env`` that satisfy the condition."""
        left, right = env >> self.left & self.left_field, env >> self.right & self.right_field
        both = left & right & self.unique
        if not both or (self.free and right & (right - 1)):
            return [env]
        if not right & (right - 1):
            return [env ^ (both << self.left)] if left != both else []
        out = [env ^ (both << self.left)] if left != both else []
        cleared = env & ~((self.left_field << self.left) | (self.right_field << self.right))
        while both:
            low = both & -both
            both ^= low
            out.append(cleared | low << self.left | (right & ~low) << self.right)
        return out
