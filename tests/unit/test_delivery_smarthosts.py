"""Several smarthosts: shares by weight, and one that fails rests while the others go on."""

import asyncio
from collections.abc import Callable

import pytest

from services.delivery.channels import Accepted, Answer, Deferred, HostFault, Phase, RenderedLetter, Unknown
from services.delivery.channels.smarthosts import REST_SECONDS, Smarthosts
from services.delivery.channels.smtp_pool import read_smarthosts
from tests.support.events import uuid_of

LETTER = RenderedLetter(uuid_of(1), "a@campaign.example", "b@ministry.example", b"")
TAKEN, DOWN = Accepted(Phase.DOT, 250), HostFault(Phase.CONNECT)


class Fake:
    def __init__(self, answer: Answer = TAKEN) -> None:
        self.answer, self.asked = answer, 0
        self.gate: asyncio.Event | None = None

    async def hand_over(self, letter: RenderedLetter) -> Answer:
        self.asked += 1
        if self.gate:
            await self.gate.wait()
        return self.answer

    async def ping(self) -> None:
        if self.answer is DOWN:
            raise OSError("down")

    async def abort(self) -> None:
        self.gate = None


def of(*fakes: Fake, weights: tuple[int, ...] = (1, 1, 1), now: Callable[[], float] = lambda: 0.0) -> Smarthosts:
    return Smarthosts([(str(index), fake, weights[index]) for index, fake in enumerate(fakes)], now=now)


async def test_each_takes_its_share_of_what_is_in_the_air() -> None:
    small, large = Fake(), Fake()
    small.gate = large.gate = asyncio.Event()
    channel = of(small, large, weights=(1, 3))
    flights = [asyncio.create_task(channel.hand_over(LETTER)) for _ in range(40)]
    await asyncio.sleep(0)
    assert (small.asked, large.asked) == (10, 30)
    small.gate.set()
    assert await asyncio.gather(*flights) == [TAKEN] * 40


async def test_a_letter_goes_to_the_next_one_only_where_it_did_not_go_out() -> None:
    first, second = Fake(DOWN), Fake()
    assert await of(first, second).hand_over(LETTER) is TAKEN
    for answer in (Unknown(Phase.DOT), Deferred(Phase.RCPT, 450)):
        first, second = Fake(answer), Fake()
        assert await of(first, second).hand_over(LETTER) is answer
        assert second.asked == 0


async def test_one_that_fails_rests_longer_each_time_and_is_tried_with_one_letter() -> None:
    moment = [0.0]
    first, second = Fake(DOWN), Fake()
    channel = of(first, second, weights=(9, 1), now=lambda: moment[0])
    for _ in range(5):
        await channel.hand_over(LETTER)
    assert first.asked == 1
    moment[0] = REST_SECONDS
    await channel.hand_over(LETTER)
    moment[0] += REST_SECONDS
    await channel.hand_over(LETTER)
    assert first.asked == 2
    moment[0] += REST_SECONDS
    first.answer, first.gate = TAKEN, asyncio.Event()
    probe = asyncio.create_task(channel.hand_over(LETTER))
    await asyncio.sleep(0)
    await channel.hand_over(LETTER)
    assert first.asked == 3
    first.gate.set()
    await probe
    await channel.hand_over(LETTER)
    assert first.asked == 4


async def test_where_all_are_down_it_says_so_and_still_tries() -> None:
    first, second = Fake(DOWN), Fake(DOWN)
    channel = of(first, second)
    for _ in range(3):
        assert await channel.hand_over(LETTER) is DOWN
    assert first.asked + second.asked == 4
    with pytest.raises(OSError, match="down"):
        await channel.ping()
    second.answer = TAKEN
    await channel.ping()


def test_urls_are_read_with_their_weights() -> None:
    hosts = read_smarthosts(
        " smtp://a.example?weight=3  smtps://u:p@b.example ", tls_required=False, ca_file=None, command_seconds_max=5
    )
    assert [(host.host, host.port, host.weight) for host in hosts] == [("a.example", 25, 3), ("b.example", 465, 1)]


@pytest.mark.parametrize("url", ["smtp://a.example?weight=0", "smtp://a.example?weight=x", "smtp://a.example?speed=1"])
def test_a_weight_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="W4R_SMTP_URL"):
        read_smarthosts(url, tls_required=False, ca_file=None, command_seconds_max=5)
