"""Several smarthosts as one channel: each gets letters by its weight, and one that fails rests while the others go on.

A letter is tried at another one only where it certainly did not go out. "No answer after the dot" stays with the
letter: a second smarthost would send it twice.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from services.delivery.channels import Answer, Channel, HostFault, Phase, RenderedLetter

REST_SECONDS, REST_SECONDS_MAX = 10.0, 300.0

log = structlog.get_logger(__name__)


@dataclass
class _Host:
    name: str
    channel: Channel
    weight: int
    in_hand: int = 0
    faults: int = 0
    rests_until: float = 0.0


class Smarthosts:
    """`hosts` are names, channels and weights. With a single one it is that one."""

    def __init__(self, hosts: Sequence[tuple[str, Channel, int]], *, now: Callable[[], float] | None = None) -> None:
        self._hosts = [_Host(name, channel, weight) for name, channel, weight in hosts]
        self._now = now or (lambda: asyncio.get_running_loop().time())

    async def hand_over(self, letter: RenderedLetter) -> Answer:
        """The last host's answer, where none was at our service."""
        answer: Answer = HostFault(Phase.CONNECT, text="every smarthost rests")
        tried: list[_Host] = []
        while host := self._next(tried):
            tried.append(host)
            answer = await self._try(host, letter)
            if not isinstance(answer, HostFault):
                break
        return answer

    async def ping(self) -> None:
        """Raises what the last one raised, where none can be reached."""
        fault: Exception | None = None
        for host in self._hosts:
            try:
                await host.channel.ping()
            except Exception as error:  # whatever a channel raises, the next one may do
                fault = error
            else:
                return
        if fault:
            raise fault

    async def abort(self) -> None:
        for host in self._hosts:
            await host.channel.abort()

    def _next(self, tried: Sequence[_Host]) -> _Host | None:
        """The one with the least in hand for its weight. Where all rest, the first letter goes to one of them all the
        same: a sender whose every host is down slows down by itself."""
        left = [host for host in self._hosts if host not in tried]
        awake = [host for host in left if host.rests_until <= self._now() and not (host.faults and host.in_hand)]
        if not awake and not tried:
            awake = [min(left, key=lambda host: host.rests_until)]
        return min(awake, key=lambda host: (host.in_hand + 1) / host.weight, default=None)

    async def _try(self, host: _Host, letter: RenderedLetter) -> Answer:
        host.in_hand += 1
        try:
            answer = await host.channel.hand_over(letter)
        finally:
            host.in_hand -= 1
        if isinstance(answer, HostFault):
            host.faults += 1
            rest = min(REST_SECONDS_MAX, REST_SECONDS * 2 ** min(host.faults - 1, 10))
            host.rests_until = self._now() + rest
            if len(self._hosts) > 1:
                log.warning("smarthost_rests", smarthost=host.name, phase=answer.phase, code=answer.code, seconds=rest)
        else:
            host.faults, host.rests_until = 0, 0.0
        return answer
