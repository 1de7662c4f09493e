"""Somebody reads a case, writes, and learns what became of it: the main job, in both worlds."""

import asyncio
import re
import sqlite3
from contextlib import closing
from html import unescape

import httpx

from tests.journeys.worlds import EmbeddedWorld, World, act, an_action, letters_of, until_all
from tests.support.until import until

FORM = {
    "case": "idris-khattak",
    "channel": "email",
    "nonce": "from-the-page",
    "name": "A Supporter",
    "email": "supporter@mail.example",
    "country": "DE",
    "subject": "Where is he?",
    "body": "Dear Minister,\r\n\r\nپاکستان کے نام ایک خط.",
    "language": "en",
}


async def test_an_action_reaches_its_targets_and_the_receipt_says_so(world: World, client: httpx.AsyncClient) -> None:
    before = (await client.get("/api/v1/cases/idris-khattak/ledger")).json()
    answer = await act(client, an_action())
    assert answer.status_code == 202
    receipt = answer.json()["receipt"]
    assert answer.headers["location"] == receipt
    await until_all(client, receipt, "sent")
    letters = await letters_of(client, receipt)
    assert len(letters) == 2
    assert all(any(arrived.message_id.startswith(letter["id"]) for arrived in world.arrived()) for letter in letters)
    assert [step["state"] for step in letters[0]["history"]] == ["queued", "sent"]

    async def counted() -> bool:
        now = (await client.get("/api/v1/cases/idris-khattak/ledger")).json()
        return (now["collected"], now["handed_over"]) == (before["collected"] + 1, before["handed_over"] + 2)

    await until(counted, timeout_seconds=30)


async def test_the_same_key_twice_is_one_letter(world: World, client: httpx.AsyncClient) -> None:
    action, key = an_action(letter={"subject": "Twice", "body": "Sent twice by a bad line.", "language": "en"}), "twice"
    answers = await asyncio.gather(*(act(client, action, key) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    await until_all(client, answers[0].json()["receipt"], "sent")
    assert sum("Sent twice by a bad line." in arrived.text for arrived in world.arrived()) == 2, "one for each target"
    other = await act(client, an_action(letter={"subject": "x", "body": "Other words", "language": "en"}), key)
    assert other.status_code == 422
    assert other.json()["type"].endswith("idempotency-key-reused")


async def test_the_form_works_without_a_script_and_a_double_click_is_one_action(
    world: World, client: httpx.AsyncClient
) -> None:
    page = await client.get("/cases/idris-khattak")
    assert 'action="/actions"' in page.text
    first, second = [await client.post("/actions", data=FORM) for _ in range(2)]
    assert first.status_code == second.status_code == 303
    assert first.headers["location"] == second.headers["location"]
    await until_all(client, first.headers["location"], "sent")
    receipt = await client.get(first.headers["location"])
    assert receipt.headers["cache-control"] == "no-store"
    assert "پاکستان" in receipt.text
    assert any("پاکستان کے نام ایک خط." in arrived.text for arrived in world.arrived())


async def test_a_form_with_a_mistake_comes_back_with_every_word(world: World, client: httpx.AsyncClient) -> None:
    words = 'My own words, with "quotes", <tags> & an accent: é.'
    answer = await client.post("/actions", data=FORM | {"email": "not-an-address", "body": words})
    assert answer.status_code == 422
    typed = re.search(r"<textarea[^>]*>\n?(.*?)</textarea>", answer.text, re.DOTALL)
    assert typed
    assert unescape(typed[1]) == words
    assert "not-an-address" in answer.text


async def test_a_case_nobody_knows_and_a_finished_one_take_no_letters(world: World, client: httpx.AsyncClient) -> None:
    assert (await act(client, an_action("nobody-knows"))).status_code == 404
    assert (await act(client, an_action("moses-akatugba"))).status_code == 409


async def test_an_operator_sees_the_letter_and_a_stranger_does_not(world: World, client: httpx.AsyncClient) -> None:
    answer = await act(client, an_action())
    await until_all(client, answer.json()["receipt"], "sent")
    letter = (await letters_of(client, answer.json()["receipt"]))[0]["id"]
    assert (await client.get(f"/api/v1/letters/{letter}")).status_code == 401
    staff = {"Authorization": f"Bearer {world.staff_token}"}
    seen = (await client.get(f"/api/v1/letters/{letter}", headers=staff)).json()
    assert seen["state"] == "sent"
    assert [attempt["outcome"] for attempt in seen["tries"]] == ["sent"]


async def test_a_withdrawn_case_is_gone_for_readers_and_writers(world: World, client: httpx.AsyncClient) -> None:
    assert (await client.get("/cases/the-stansted-15")).status_code == 200
    await asyncio.to_thread(world.withdraw, "the-stansted-15")

    async def gone() -> bool:
        page, action = await client.get("/cases/the-stansted-15"), await act(client, an_action("the-stansted-15"))
        return page.status_code == action.status_code == 410

    await until(gone, timeout_seconds=60)
    assert "Stansted" not in (await client.get("/")).text


async def test_the_demo_knows_what_delivery_registered(embedded: EmbeddedWorld) -> None:
    """One process and no broker: the report comes back all the same, and nothing is sent twice."""
    async with httpx.AsyncClient(base_url=embedded.url, timeout=30) as client:
        assert (await act(client, an_action())).status_code == 202
    unregistered = "SELECT count(*) FROM outbox WHERE registered_at IS NULL"

    def is_registered() -> bool:
        with closing(sqlite3.connect(embedded.folder / "actions.db")) as database:
            return bool(database.execute(unregistered).fetchone() == (0,))

    await until(is_registered, timeout_seconds=30)


async def test_the_demo_keeps_its_data_and_forgets_nothing_when_it_is_killed(embedded: EmbeddedWorld) -> None:
    """`kill -9` while letters are on their way: after the next start each is delivered, or it was at that moment and is
    honestly called uncertain."""
    async with httpx.AsyncClient(base_url=embedded.url, timeout=30) as client:
        answers = await asyncio.gather(*(act(client, an_action()) for _ in range(20)))
        embedded.kill()
        embedded.start()
        receipts = [answer.json()["receipt"] for answer in answers]
        ends = (until_all(client, receipt, "sent", "uncertain", timeout_seconds=90) for receipt in receipts)
        await asyncio.gather(*ends)
