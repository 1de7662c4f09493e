"""Every fault of the sink, met by the channel command by command and in one go: what is said of the letter is true.

Invariant: `Accepted` is in the journal, and what is in the journal was `Accepted` or is `Unknown`, never "not sent".
"""

import asyncio
from collections.abc import Iterator
from itertools import count

import pytest
import uvloop

from services.delivery.channels import Accepted, Answer, Dead, Deferred, HostFault, Phase, Refused, Throttled, Unknown
from services.delivery.channels.smarthosts import Smarthosts
from services.delivery.channels.smtp import Smtp
from services.delivery.channels.smtp_pool import SmtpPool, read_smarthost
from tests.integration.test_delivery_smtp import a_letter
from tests.support.smtp_sink import SmtpSink

COMMAND_SECONDS_MAX = 0.2
NUMBERS = count(1)

FAULTS: list[tuple[str, type[Answer], Phase]] = [
    ("accept", Accepted, Phase.DOT),
    ("450", Deferred, Phase.RCPT),
    ("550", Dead, Phase.RCPT),
    ("421", HostFault, Phase.RCPT),
    ("say:451 4.7.28 Slow down", Throttled, Phase.RCPT),
    ("say:554 5.2.2 Full", Refused, Phase.RCPT),
    ("say-after-dot:451 4.3.0 Later", Deferred, Phase.DOT),
    ("say-after-dot:421 4.3.2 Closing", HostFault, Phase.DOT),
    ("554-after-dot", Refused, Phase.DOT),
    ("421-after:0", HostFault, Phase.RCPT),
    ("greylist:60000", Deferred, Phase.RCPT),
    ("at-once:0", HostFault, Phase.RCPT),
    ("drop:connect", HostFault, Phase.CONNECT),
    ("drop:ehlo", HostFault, Phase.CONNECT),
    ("drop:mail", HostFault, Phase.MAIL),
    ("drop:rcpt", HostFault, Phase.RCPT),
    ("drop:data", HostFault, Phase.DATA),
    ("drop:dot", Unknown, Phase.DOT),
    ("drop-after-dot", Unknown, Phase.DOT),
    ("hang:connect", HostFault, Phase.CONNECT),
    ("hang:ehlo", HostFault, Phase.CONNECT),
    ("hang:mail", HostFault, Phase.MAIL),
    ("hang:rcpt", HostFault, Phase.RCPT),
    ("hang:data", HostFault, Phase.DATA),
    ("hang:dot", Unknown, Phase.DOT),
    ("slow:50", Accepted, Phase.DOT),
]


@pytest.fixture(scope="module", params=[False, True], ids=["by command", "pipelined"])
def sink(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmtpSink]:
    sink = SmtpSink(tmp_path_factory.mktemp("sink"), pipelines=request.param)
    sink.start()
    yield sink
    sink.stop()


def a_channel(sink: SmtpSink) -> Smtp:
    smarthost = read_smarthost(sink.url, tls_required=False, ca_file=None, command_seconds_max=COMMAND_SECONDS_MAX)
    pool = SmtpPool(smarthost, connections_max=2, letters_max=100)
    return Smtp(pool, dot_seconds_max=COMMAND_SECONDS_MAX)


@pytest.mark.parametrize(("rule", "kind", "phase"), FAULTS, ids=[fault[0] for fault in FAULTS])
async def test_what_is_said_of_a_letter_is_true(sink: SmtpSink, rule: str, kind: type[Answer], phase: Phase) -> None:
    sink.behave({"*": rule})
    channel, letter, before = a_channel(sink), a_letter(next(NUMBERS)), len(sink.journal())
    answer = await channel.hand_over(letter)
    await channel.abort()
    taken = sink.journal()[before:]
    assert (type(answer), answer.phase) == (kind, phase)
    if isinstance(answer, Accepted):
        assert len(taken) == 1
    elif not isinstance(answer, Unknown):
        assert taken == []
    assert len(taken) <= 1


@pytest.mark.parametrize("rule", ["421", "drop:connect", "drop:rcpt", "drop:dot", "drop-after-dot", "hang:dot"])
async def test_a_second_smarthost_gets_only_what_the_first_has_not(sink: SmtpSink, rule: str) -> None:
    """Both are the same sink, which has the last word on whether a letter came twice."""
    sink.behave({"*": [rule]})
    channel = Smarthosts([("one", a_channel(sink), 1), ("other", a_channel(sink), 1)])
    letter, before = a_letter(next(NUMBERS)), len(sink.journal())
    answer = await channel.hand_over(letter)
    await channel.abort()
    assert not isinstance(answer, Accepted)
    assert len(sink.journal()[before:]) <= (1 if isinstance(answer, Unknown) else 0)


def test_letters_go_out_on_the_loop_that_processes_run_on(sink: SmtpSink) -> None:
    """Its transports are none of asyncio's classes."""
    sink.behave({})

    async def hand_over_two() -> list[Answer]:
        channel = a_channel(sink)
        answers = [await channel.hand_over(a_letter(next(NUMBERS))) for _ in range(2)]
        await channel.abort()
        return answers

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        answers = runner.run(hand_over_two())
    assert [type(answer) for answer in answers] == [Accepted, Accepted]
