"""Receipts say by when a letter in a long line is expected to go out, as far as anybody knows; on both databases."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from shared.clock import ManualClock
from shared.messages.delivery import LetterSentV1, TargetForecastV1
from tests.support.actions_app import ActionsService, actions_service
from tests.support.actions_receipts import report
from tests.support.actions_rows import an_action_row, put_actions
from tests.support.events import MINISTRY, NOW

RECEIPT = "/receipts/" + "r" * 32
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SAID = "expected to go out by"


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[ActionsService]:
    async with actions_service(database_url, clock=ManualClock(NOW + HOUR)) as service:
        yield service


def foreseen(**changes: Any) -> TargetForecastV1:
    values: dict[str, Any] = {"target_id": MINISTRY.id, "done_at": NOW + 5 * DAY, "noticed_at": NOW}
    return TargetForecastV1(**(values | changes))


async def page(service: ActionsService) -> str:
    return (await service.http.get(RECEIPT)).text


async def test_the_latest_forecast_stands_on_the_receipt_of_a_letter_that_waits(service: ActionsService) -> None:
    row = an_action_row(token="r" * 32)
    await put_actions(service.wiring, [row])
    assert SAID not in await page(service)
    await service.tell(foreseen(noticed_at=NOW + HOUR), foreseen(done_at=NOW + 9 * DAY))
    seen = await page(service)
    assert seen.count(f"{SAID} 28 November 2026") == 1, "of one of two targets"
    await service.tell(report(LetterSentV1, row["id"], MINISTRY))
    assert SAID not in await page(service)


@pytest.mark.parametrize(
    "forecast",
    [
        foreseen(noticed_at=NOW - HOUR),
        foreseen(done_at=None),
        foreseen(done_at=NOW + HOUR),
    ],
    ids=["before it joined the line", "quick again", "over"],
)
async def test_what_does_not_speak_of_this_letter_is_not_said(
    service: ActionsService, forecast: TargetForecastV1
) -> None:
    await put_actions(service.wiring, [an_action_row(token="r" * 32)])
    await service.tell(forecast)
    assert SAID not in await page(service)


async def test_an_old_forecast_is_none(service: ActionsService) -> None:
    await put_actions(service.wiring, [an_action_row(token="r" * 32)])
    await service.tell(foreseen())
    clock: ManualClock = service.wiring.clock  # type: ignore[assignment]
    clock.advance(2 * DAY)
    assert SAID not in await page(service)
