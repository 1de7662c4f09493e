"""How often each key came in its window: counted in memory at once, and shared between processes once a second.

A `Storage` for the library `limits`, which decides. Nobody waits for the database: a count is what this process has
not shared yet and what all processes had shared when we last looked. docs/decisions/rate-limits.md tells why.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import islice

from limits.storage import Storage

from services.actions.rate_table import Addition, SharedCounts
from shared.clock import Clock

KEYS_MAX = 50_000
SHARED_FROM = 2  # most come once and never again: sharing them would cost more than all the rest
BATCH_MAX = 500  # small enough that no request waits noticeably while a batch is made ready


class _Count:
    """One key in its present window. `own` is not shared yet; `shared` is everybody's, ours included."""

    __slots__ = ("ends_at", "own", "shared")

    def __init__(self, ends_at: int) -> None:
        self.ends_at, self.own, self.shared = ends_at, 0, 0


class RateStore(Storage):
    """Windows begin and end by the clock, the same in all processes. At most `keys_max` keys are remembered.

    One that is forgotten, the longest unused first, is learned again when it is next shared. What came fewer than
    `shared_from` times in a window is known to its process alone."""

    STORAGE_SCHEME = None  # nobody finds it by a URL

    def __init__(
        self, shared: SharedCounts, clock: Clock, *, keys_max: int = KEYS_MAX, shared_from: int = SHARED_FROM
    ) -> None:
        super().__init__()
        self._table, self._clock, self._keys_max = shared, clock, keys_max
        self._shared_from = shared_from
        self._counts: OrderedDict[str, _Count] = OrderedDict()
        self._unshared: dict[str, _Count] = {}

    def __len__(self) -> int:
        return len(self._counts)

    @property
    def base_exceptions(self) -> type[Exception]:
        return OSError  # for the library; nothing here raises any

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count, and return how often it came in this window, as far as we know."""
        now = self._clock.now().timestamp()
        count = self._counts.get(key)
        if count is None or count.ends_at <= now:
            count = self._begin(key, (int(now) // expiry + 1) * expiry)
        else:
            self._counts.move_to_end(key)
        count.own += amount
        came = count.own + count.shared
        if came >= self._shared_from:
            self._unshared[key] = count
        return came

    def get(self, key: str) -> int:
        count = self._present(key)
        return count.own + count.shared if count else 0

    def get_expiry(self, key: str) -> float:
        """When its window ends, Unix time; now, if it has none."""
        count = self._present(key)
        return count.ends_at if count else self._clock.now().timestamp()

    def check(self) -> bool:
        return True

    def reset(self) -> int:
        """Forget what is in memory. The table is left alone."""
        forgotten = len(self._counts)
        self._counts.clear()
        self._unshared.clear()
        return forgotten

    def clear(self, key: str) -> None:
        self._counts.pop(key, None)
        self._unshared.pop(key, None)

    async def share(self) -> None:
        """Add what was counted here since the last time to what all counted, and learn the sums.

        Raises `DatabaseAway`: what was not shared is kept, goes on counting here, and is shared the next time."""
        now = self._clock.now().timestamp()
        for key in [key for key, count in self._unshared.items() if count.ends_at <= now]:
            del self._unshared[key]
        for batch in _batches(list(self._unshared.items())):
            sent = [Addition(count.ends_at, key, count.own) for key, count in batch]
            sums = await self._table.add(sent)
            for (key, count), addition in zip(batch, sent, strict=True):
                self._settle(key, count, addition, sums[addition.ends_at, key])

    def _settle(self, key: str, count: _Count, addition: Addition, shared: int) -> None:
        count.own -= addition.times  # what came meanwhile stays for the next time
        count.shared = shared
        if not count.own and self._unshared.get(key) is count:
            del self._unshared[key]

    def _begin(self, key: str, ends_at: int) -> _Count:
        if len(self._counts) >= self._keys_max and key not in self._counts:
            forgotten, _ = self._counts.popitem(last=False)
            self._unshared.pop(forgotten, None)
        count = self._counts[key] = _Count(ends_at)
        self._counts.move_to_end(key)
        return count

    def _present(self, key: str) -> _Count | None:
        count = self._counts.get(key)
        return count if count and count.ends_at > self._clock.now().timestamp() else None


def _batches(items: Sequence[tuple[str, _Count]]) -> Iterator[Sequence[tuple[str, _Count]]]:
    rest = iter(items)
    while batch := list(islice(rest, BATCH_MAX)):
        yield batch
