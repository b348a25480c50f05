"""Which of some movements add up to a difference? The sums of many are the bits of one large number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

FEW = 10
"""Of so many movements every sum is listed by itself."""
CENTS_MAX = 2_000_000
"""The sums of more money than this, in all, are not listed: the number would be too large."""


class Subsets:
    """Choices of some movements, each with a bit of its own that stands for it.

    Among very many of very much money only the first few are looked at.
    """

    def __init__(self, moves: Sequence[int], bits: Sequence[int]) -> None:
        self._bits = bits
        self._lowest = sum(move for move in moves if move < 0)
        self._highest = sum(move for move in moves if move > 0)
        if len(moves) > FEW and self._highest - self._lowest > CENTS_MAX:
            moves = moves[:FEW]
        self._moves = moves
        self._rests: list[frozenset[int]] | list[_Bits] = []

    def adding_up_to(self, wanted: int) -> Iterator[int]:
        """The bits of such movements together, choices with early places first."""
        if not self._lowest <= wanted <= self._highest:
            return
        moves, bits = self._moves, self._bits
        rests = self._rests = self._rests or _rests(moves)
        stack = [(0, wanted, 0)] if wanted in rests[0] else []
        while stack:
            place, rest, taken = stack.pop()
            if place == len(moves):
                yield taken
                continue
            rests_then = rests[place + 1]
            if rest in rests_then:
                stack.append((place + 1, rest, taken))
            if rest - moves[place] in rests_then:
                stack.append((place + 1, rest - moves[place], taken | bits[place]))


class _Bits:
    """A set of sums: bit n stands for ``lowest + n``."""

    __slots__ = ("_bits", "_lowest")

    def __init__(self, bits: int, lowest: int) -> None:
        self._bits = bits
        self._lowest = lowest

    def __contains__(self, wanted: int) -> bool:
        return wanted >= self._lowest and bool(self._bits >> (wanted - self._lowest) & 1)

    def also(self, move: int) -> _Bits:
        """The sums with one more movement, or without it."""
        return _Bits(self._bits | self._bits << abs(move), self._lowest + min(move, 0))


def _rests(moves: Sequence[int]) -> list[frozenset[int]] | list[_Bits]:
    """At each place, the sums of every choice of the movements from there on."""
    if len(moves) > FEW:
        bits = [_Bits(1, 0)]
        for move in reversed(moves):
            bits.append(bits[-1].also(move))
        bits.reverse()
        return bits
    sets = [frozenset({0})]
    for move in reversed(moves):
        sets.append(sets[-1].union(each + move for each in sets[-1]))
    sets.reverse()
    return sets
