"""A crowd of supporters who keep writing while something breaks: each has one key and repeats it until it is taken.

What the crowd remembers is what the system promised: every 202, and nothing else.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

SUPPORTERS = 16
ANSWER_SECONDS_MAX = 10.0
PAUSE_SECONDS = 0.05
REPEAT_EVERY = 5
REPEATS_SHOWN = 50


@dataclass
class Crowd:
    """Posts to the web processes at `urls`, going to the next one after every refusal.

    Each supporter rests for `pause_seconds` after every action.

    `promised` holds the body of the 202 for each key, `broken` every key that got two different ones."""

    urls: Sequence[str]
    action: dict[str, Any]
    name: str
    supporters: int = SUPPORTERS
    pause_seconds: float = 0.0
    promised: dict[str, bytes] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)
    slowest_seconds: float = 0.0

    def __post_init__(self) -> None:
        self._numbers = itertools.count()
        self._leaving = asyncio.Event()
        self._http = httpx.AsyncClient(timeout=ANSWER_SECONDS_MAX, trust_env=False)
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Crowd":
        self._tasks = [asyncio.create_task(self._write(number)) for number in range(self.supporters)]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.leave()
        await self._http.aclose()

    @property
    def accepted(self) -> int:
        return len(self.promised)

    def more_than(self, count: int) -> Callable[[], bool]:
        """For `until`: whether `count` more were accepted since now."""
        wanted = self.accepted + count
        return lambda: self.accepted >= wanted

    async def leave(self) -> None:
        """Begin nothing new, and return when all that was begun is accepted. Raises what a supporter met."""
        self._leaving.set()
        await asyncio.gather(*self._tasks)
        self._tasks = []

    async def scatter(self) -> None:
        """Give up at once: nobody repeats what was begun."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def ask_again(self) -> None:
        """Repeat some of what was promised, from the first to the last: a different answer counts as broken."""
        keys = list(self.promised)
        for key in keys[:: max(1, len(keys) // REPEATS_SHOWN)]:
            await self._insist(key, itertools.cycle(self.urls))

    async def post(self, key: str, url: str) -> bool:
        """One try. True when it was accepted."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            answer = await self._http.post(
                f"{url}/api/v1/actions", json=self._written_by(key), headers={"Idempotency-Key": f"{self.name}-{key}"}
            )
        except httpx.TransportError:
            self.statuses[0] += 1
            return False
        self.slowest_seconds = max(self.slowest_seconds, loop.time() - began)
        self.statuses[answer.status_code] += 1
        if answer.status_code == 202:
            self._note(key, answer)
        return answer.status_code == 202

    def _written_by(self, key: str) -> dict[str, Any]:
        """Each key is another person: a second letter by the same one would not go out."""
        supporter = self.action["supporter"] | {"email": f"{self.name}-{key}@mail.example"}
        return self.action | {"supporter": supporter}

    def _note(self, key: str, answer: httpx.Response) -> None:
        if self.promised.setdefault(key, answer.content) != answer.content:
            self.broken.add(key)
        self.ids[key] = answer.json()["id"]

    async def _write(self, supporter: int) -> None:
        urls = itertools.islice(itertools.cycle(self.urls), supporter % len(self.urls), None)
        while not self._leaving.is_set():
            number = next(self._numbers)
            url = await self._insist(str(number), urls)
            if number % REPEAT_EVERY == 0:
                await self.post(str(number), url)
            await asyncio.sleep(self.pause_seconds)

    async def _insist(self, key: str, urls: Iterator[str]) -> str:
        """Try one web process after the other until one accepts. Returns that one."""
        for url in urls:
            if await self.post(key, url):
                return url
            await asyncio.sleep(PAUSE_SECONDS)
        raise AssertionError("there is always a next one")
