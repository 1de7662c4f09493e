"""Somebody writes where the campaign verifies mailboxes: the mail, the link, the button, the letter, the number."""

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys.worlds import EmbeddedWorld, act, an_action, many_cases, until_all
from tests.support.until import until

CASE = "idris-khattak"


@pytest.fixture
def verifying(tmp_path: Path) -> Iterator[EmbeddedWorld]:
    """A world of its own, whose campaign asks for verified mailboxes."""
    world = EmbeddedWorld(tmp_path / "world")
    world.start()
    campaign = many_cases(tmp_path / "campaign", 0)
    with (campaign / "campaign.yaml").open("a") as file:
        file.write("verification: before_delivery\n")
    world.publish(campaign)
    yield world
    world.stop()


async def test_a_letter_goes_out_once_its_writer_said_so_by_mail(verifying: EmbeddedWorld) -> None:
    async with httpx.AsyncClient(base_url=verifying.url, timeout=30) as client:
        answer: Any = None
        people = count(1)

        async def waits() -> bool:
            """Until actions heard of the changed campaign. Each try is another person's: a repeat would not count."""
            nonlocal answer
            person = {"name": f"Supporter No. {next(people)}", "email": "supporter@mail.example", "country": "DE"}
            answer = await act(client, an_action(CASE, supporter=person))
            return await status(client, answer) == "awaiting_verification"

        await until(waits, timeout_seconds=30)
        await until(lambda: mailed(verifying) is not None, timeout_seconds=30)
        link = mailed(verifying) or ""
        assert (await client.get(link)).status_code == 200
        assert await status(client, answer) == "awaiting_verification", "a scanner that follows links confirms nothing"
        confirmed = await client.post(link)
        assert confirmed.status_code == 303
        receipt = answer.json()["receipt"]
        assert confirmed.headers["location"] in receipt
        await until_all(client, receipt, "sent")

        async def counted() -> bool:
            ledger = (await client.get(f"/api/v1/cases/{CASE}/ledger")).json()
            return bool(ledger["verified"] == 1)

        await until(counted, timeout_seconds=30)
        assert "confirmed by mail" in (await client.get(f"/cases/{CASE}")).text


async def status(client: httpx.AsyncClient, answer: httpx.Response) -> str:
    token = answer.json()["receipt"].rsplit("/", 1)[1]
    return str((await client.get(f"/api/v1/receipts/{token}")).json()["action"]["status"])


def mailed(world: EmbeddedWorld) -> str | None:
    """The link that came to the supporter's mailbox: one action alone ever waited."""
    mails = [arrived.text for arrived in world.arrived() if arrived.recipient == "supporter@mail.example"]
    links = [found[0] for text in mails if (found := re.search(r"http://localhost:\d+/verify/\S+", text))]
    return links[-1] if links else None
