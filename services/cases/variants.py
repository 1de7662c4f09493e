"""The letters that one set of talking points makes. Officials' filters drop what came before, word for word.

Pure: the same points make the same letters, in the same order, in every process and after every restart.
"""

from functools import cache
from hashlib import sha256
from itertools import chain, permutations

VARIANTS_MAX = 12
POINTS_MIN, POINTS_MAX = 2, 20
POINTS_SHOWN_MAX = 3

Hand = tuple[int, ...]


def variants_of(opening: str, points: tuple[str, ...], closing: str) -> tuple[str, ...]:
    """Up to `VARIANTS_MAX` bodies, each different: the opening, some of the points in some order, the closing.

    Two points make two letters, three make six, more make twelve."""
    return tuple("\n\n".join((opening, *(points[place] for place in hand), closing)) for hand in hands_of(len(points)))


@cache
def hands_of(count: int) -> tuple[Hand, ...]:
    """Which of `count` points each variant takes, in which order: no hand twice, every point about equally often."""
    shown = min(POINTS_SHOWN_MAX, max(POINTS_MIN, count - 1))
    hands: list[Hand] = []
    used = [0] * count
    while (hand := _next_hand(used, hands, shown)) and len(hands) < VARIANTS_MAX:
        hands.append(hand)
        for place in hand:
            used[place] += 1
    return tuple(hands)


def _next_hand(used: list[int], hands: list[Hand], shown: int) -> Hand | None:
    """Of the points that were taken least often, in an order that no hand had; none when there is no other hand."""
    turn = len(hands)
    places = sorted(range(len(used)), key=lambda place: (used[place], _shuffled(turn, place)))
    offered = chain(permutations(places[:shown]), permutations(places, shown))
    return next((hand for hand in offered if hand not in hands), None)


def _shuffled(turn: int, place: int) -> bytes:
    return sha256(bytes((turn, place))).digest()
