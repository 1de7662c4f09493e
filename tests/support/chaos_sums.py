"""`accepted = sum of outcomes`: the sums that must come out whatever was broken, asked of the databases themselves."""

from dataclasses import dataclass

from deploy.routes import Service
from tests.support.chaos_platform import Platform
from tests.support.chaos_queries import (
    COUNTED_BY_KIND,
    LETTERS_BY_STATE,
    LETTERS_LIVE,
    PLANNED,
    Intake,
    ask,
    ask_by_name,
    intake_of,
)
from tests.support.until import until

SETTLE_SECONDS_MAX = 60.0


@dataclass(frozen=True)
class Sums:
    """Every number that must agree: what intake took, what delivery owes and did, what the ledger tells.

    `registered` is what actions heard of delivery, `planned` the actions that delivery has letters of."""

    taken: Intake
    registered: int
    planned: int
    letters_owed: int
    letters: int
    letters_by_state: dict[str, int]
    counted: dict[str, int]


async def adds_up(platform: Platform, accepted: int) -> None:
    """Wait until nothing is under way; then every sum agrees. Raises `TimeoutError` and `AssertionError`."""
    await until_settled(platform, accepted)
    sums = await sums_of(platform)
    assert sums.taken == Intake(accepted, accepted, strays=0)
    assert sums.registered == sums.planned == accepted
    assert sums.letters == sums.letters_owed == len(list(platform.stack.letters.glob("*.eml")))
    assert sums.letters_by_state == {"sent": sums.letters}
    assert sums.counted == {"collected": accepted, "handed_over": sums.letters}


async def until_settled(platform: Platform, accepted: int) -> None:
    """Return when the backlog is drained: all is published, registered, sent and counted. Raises `TimeoutError`."""

    async def is_registered() -> bool:
        return await platform.waiting() == 0 and await platform.registered() >= accepted

    async def is_sent() -> bool:
        return await ask(platform.database(Service.DELIVERY), LETTERS_LIVE) == 0

    async def is_counted() -> bool:
        counted = await ask_by_name(platform.database(Service.CASES), COUNTED_BY_KIND)
        return counted.get("collected") == accepted and counted.get("handed_over") == await platform.letters()

    await until(is_registered, SETTLE_SECONDS_MAX)
    await until(is_sent, SETTLE_SECONDS_MAX)
    await until(is_counted, SETTLE_SECONDS_MAX)


async def sums_of(platform: Platform) -> Sums:
    actions, delivery = platform.database(Service.ACTIONS), platform.database(Service.DELIVERY)
    return Sums(
        await intake_of(actions),
        await platform.registered(),
        await ask(delivery, PLANNED),
        await platform.letters_owed(),
        await platform.letters(),
        await ask_by_name(delivery, LETTERS_BY_STATE),
        await ask_by_name(platform.database(Service.CASES), COUNTED_BY_KIND),
    )
