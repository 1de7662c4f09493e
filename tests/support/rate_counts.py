"""Counts that processes share, in memory: a test may take them away."""

from collections import Counter
from collections.abc import Sequence

from services.actions.rate_table import Addition, Window
from shared.db import DatabaseAway


class CountsInMemory:
    """`sums` is what all processes counted. While `is_away`, nothing can be told or learned."""

    def __init__(self) -> None:
        self.sums: Counter[Window] = Counter()
        self.batches: list[int] = []
        self.is_away = False

    async def add(self, additions: Sequence[Addition]) -> dict[Window, int]:
        if self.is_away:
            raise DatabaseAway("away")
        self.batches.append(len(additions))
        for addition in additions:
            self.sums[addition.ends_at, addition.key] += addition.times
        return {(addition.ends_at, addition.key): self.sums[addition.ends_at, addition.key] for addition in additions}
