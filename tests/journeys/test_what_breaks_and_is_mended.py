"""The nights operators fear, on the real processes: each part is broken under load, and no letter is lost.

Every journey has a case of its own and leaves the world as it found it.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence

import httpx
import pytest

from deploy.local import databases
from tests.journeys.worlds import StackWorld, act, an_action, letters_of, until_all
from tests.support.until import until

DRAIN_SECONDS = 90.0


async def write_many(client: httpx.AsyncClient, case: str, count: int) -> list[str]:
    """Send `count` actions one after the other; returns the receipts of those that were accepted."""
    receipts = []
    for number in range(count):
        letter = {"subject": f"Letter {number}", "body": f"Words of letter {number}.", "language": "en"}
        answer = await act(client, an_action(case, letter=letter))
        assert answer.status_code in (202, 503), answer.text
        if answer.status_code == 202:
            receipts.append(answer.json()["receipt"])
    return receipts


async def letter_ids(client: httpx.AsyncClient, receipts: Sequence[str]) -> list[str]:
    told = await asyncio.gather(*(letters_of(client, receipt) for receipt in receipts))
    return [letter["id"] for letters in told for letter in letters]


async def arrivals(world: StackWorld, ids: Sequence[str]) -> Counter[str]:
    """How often each of these letters arrived."""
    wanted = set(ids)
    found = (taken.message_id.strip("<>").split("@")[0] for taken in world.sink.journal())
    return Counter(letter for letter in found if letter in wanted)


async def until_every_letter_arrived(world: StackWorld, client: httpx.AsyncClient, receipts: list[str]) -> Counter[str]:
    """Every accepted action is in the sink and its receipt says sent. Returns how often each letter arrived."""
    await asyncio.gather(*(until_all(client, receipt, "sent", timeout_seconds=DRAIN_SECONDS) for receipt in receipts))
    ids = await letter_ids(client, receipts)
    counts = await arrivals(world, ids)
    assert counts.keys() == set(ids)
    return counts


async def until_some_arrived(world: StackWorld, case: str, count: int = 6) -> None:
    """Wait until letters of this case are arriving: the system is in full swing."""

    def arrived() -> int:
        return sum(f"@{case}." in taken.recipients[0] for taken in world.sink.journal())

    await until(lambda: arrived() >= count, DRAIN_SECONDS)


async def test_the_broker_is_killed_under_load(stack: StackWorld, stack_client: httpx.AsyncClient) -> None:
    writing = asyncio.create_task(write_many(stack_client, "case-1", 120))
    await until_some_arrived(stack, "case-1")
    await asyncio.to_thread(stack.stack.rabbitmq.kill)
    receipts = await writing
    assert len(receipts) == 120, "intake never waits for the broker"
    await asyncio.to_thread(stack.stack.rabbitmq.start)
    counts = await until_every_letter_arrived(stack, stack_client, receipts)
    assert set(counts.values()) == {1}


async def test_deliverys_database_is_away_for_a_while(stack: StackWorld, stack_client: httpx.AsyncClient) -> None:
    server = stack.stack.postgres
    await asyncio.to_thread(databases.close_database, server.url, "delivery")
    receipts = await write_many(stack_client, "case-2", 30)
    assert len(receipts) == 30, "intake has a database of its own"
    ready = await stack_client.get(f"http://127.0.0.1:{stack.stack.process('delivery-worker').port}/health/ready")
    assert ready.status_code == 503
    assert "away" in ready.json()["dependencies"]["database"]
    await asyncio.to_thread(databases.open_database, server.url, "delivery")
    counts = await until_every_letter_arrived(stack, stack_client, receipts)
    assert set(counts.values()) == {1}


async def test_the_whole_database_server_is_killed(stack: StackWorld, stack_client: httpx.AsyncClient) -> None:
    """While it is away an action is refused with 503, never half taken; what was accepted is delivered."""
    writing = asyncio.create_task(write_many(stack_client, "case-3", 100))
    await until_some_arrived(stack, "case-3")
    await asyncio.to_thread(stack.stack.postgres.kill)
    refused = await act(stack_client, an_action("case-3"))
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) > 0
    await asyncio.to_thread(stack.stack.postgres.start)
    receipts = await writing

    async def accepting() -> bool:
        return (await act(stack_client, an_action("case-3"), key="after-the-outage")).status_code == 202

    await until(accepting, DRAIN_SECONDS)
    assert receipts
    await until_every_letter_arrived(stack, stack_client, receipts)


async def test_a_sender_is_killed_in_mid_flight(stack: StackWorld, stack_client: httpx.AsyncClient) -> None:
    """Its leases are taken over. Only letters that were called uncertain may arrive twice."""
    stack.sink.behave({"*": "slow:2000"})
    writing = asyncio.create_task(write_many(stack_client, "case-4", 60))
    try:
        await until_some_arrived(stack, "case-4")
        await asyncio.to_thread(stack.stack.kill, "delivery-sender")
        await asyncio.to_thread(stack.stack.kill, "delivery-sender-2")
        stack.sink.behave({})
        await asyncio.to_thread(stack.stack.revive, "delivery-sender-2")
        receipts = await writing
        counts = await until_every_letter_arrived(stack, stack_client, receipts)
    finally:
        stack.sink.behave({})
        await asyncio.to_thread(stack.stack.revive, "delivery-sender")
    told = await asyncio.gather(*(letters_of(stack_client, receipt) for receipt in receipts))
    uncertain = {
        letter["id"]
        for letters in told
        for letter in letters
        if "uncertain" in {step["state"] for step in letter["history"]}
    }
    assert {letter for letter, count in counts.items() if count > 1} <= uncertain
    assert uncertain, "the kill came while letters were in the air"


@pytest.mark.parametrize("behaviour", ["450", "421", "drop-before-dot"])
async def test_a_mail_server_says_not_now(stack: StackWorld, stack_client: httpx.AsyncClient, behaviour: str) -> None:
    stack.sink.behave({"*": behaviour})
    try:
        receipts = await write_many(stack_client, "case-5", 3)
        ids = await letter_ids(stack_client, receipts)
        await until_tried(stack, stack_client, ids[0], 2)
        assert not await arrivals(stack, ids)
        assert {letter["state"] for letter in await letters_of(stack_client, receipts[0])} <= {"queued", "uncertain"}
    finally:
        stack.sink.behave({})
    await until_every_letter_arrived(stack, stack_client, receipts)


# Each has a case of its own: an address that a mail server calls dead is written to no more.
@pytest.mark.parametrize(("behaviour", "case"), [("550", "case-6"), ("554-after-dot", "case-13")])
async def test_a_mail_server_refuses_for_good(
    stack: StackWorld, stack_client: httpx.AsyncClient, behaviour: str, case: str
) -> None:
    stack.sink.behave({f"{case}.defence.pakistan.example": behaviour})
    try:
        receipts = await write_many(stack_client, case, 2)

        async def settled() -> bool:
            return {letter["state"] for letter in await letters_of(stack_client, receipts[0])} == {"sent", "bounced"}

        await until(settled, DRAIN_SECONDS)
        page = await stack_client.get(receipts[0])
        assert f"info@{case}.defence.pakistan.example" in page.text, "so that the supporter can write directly"
    finally:
        stack.sink.behave({})


async def test_a_mail_server_drops_the_line_after_the_dot(stack: StackWorld, stack_client: httpx.AsyncClient) -> None:
    """Nobody knows whether it arrived: the receipt says so, and it is sent again with the same Message-ID."""
    stack.sink.behave({"case-7.defence.pakistan.example": "drop-after-dot"})
    receipts = await write_many(stack_client, "case-7", 1)

    async def uncertain() -> bool:
        return "uncertain" in {letter["state"] for letter in await letters_of(stack_client, receipts[0])}

    await until(uncertain, DRAIN_SECONDS)
    stack.sink.behave({})
    await until_all(stack_client, receipts[0], "sent", timeout_seconds=DRAIN_SECONDS)
    counts = await arrivals(stack, await letter_ids(stack_client, receipts))
    assert sorted(counts.values())[0] == 1
    assert sorted(counts.values())[1] > 1, "the one announced as uncertain came again, under its own id"


async def test_a_withdrawn_case_cancels_what_is_still_queued(
    stack: StackWorld, stack_client: httpx.AsyncClient
) -> None:
    stack.sink.behave({"*": "450"})
    try:
        receipts = await write_many(stack_client, "case-8", 5)
        ids = await letter_ids(stack_client, receipts)
        await until_tried(stack, stack_client, ids[0], 1)
        await asyncio.to_thread(stack.withdraw, "case-8")
        await asyncio.gather(*(until_all(stack_client, receipt, "cancelled") for receipt in receipts))
    finally:
        stack.sink.behave({})
    assert not await arrivals(stack, ids)
    assert (await act(stack_client, an_action("case-8"))).status_code == 410

    async def gone() -> bool:
        return (await stack_client.get("/cases/case-8")).status_code == 410

    await until(gone, timeout_seconds=60)
    assert "Idris" not in (await stack_client.get("/cases/case-8")).text


async def test_one_trace_leads_through_all_three_services(stack: StackWorld, stack_client: httpx.AsyncClient) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01", "Idempotency-Key": "a-traced-action"}
    action = an_action("case-9")
    answer = await stack_client.post("/api/v1/actions", json=action, headers=headers)
    await until_all(stack_client, answer.json()["receipt"], "sent")
    logs = {path.stem: path.read_text() for path in stack.stack.logs.glob("*.log")}
    assert trace in logs["actions-web"]
    assert trace in logs["delivery-worker"]
    assert trace in logs["delivery-sender"] + logs["delivery-sender-2"]
    assert action["supporter"]["email"] not in "".join(logs.values()), "personal data stays out of logs"


async def until_tried(world: StackWorld, client: httpx.AsyncClient, letter: str, times: int) -> None:
    """Wait until delivery tried this letter `times` times."""
    staff = {"Authorization": f"Bearer {world.staff_token}"}

    async def tried() -> bool:
        answer = await client.get(f"/api/v1/letters/{letter}", headers=staff)
        return answer.status_code == 200 and len(answer.json()["tries"]) >= times

    await until(tried, DRAIN_SECONDS)
