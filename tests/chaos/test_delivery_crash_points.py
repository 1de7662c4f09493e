"""A sender dies at the worst of moments, each once. What it held is found, called uncertain, and comes to its end."""

import asyncio
from pathlib import Path
from typing import Any

from shared.crash_points import CRASHED, CrashPoint
from tests.support.chaos_delivery import a_post, a_target
from tests.support.chaos_letters import promises_hold, taken_by_letter
from tests.support.servers import Databases
from tests.support.until import until

SECONDS_MAX = 40.0
LETTERS = 3

# The point, and how often the mail server may have a letter: one that was sent again since nobody knew.
POINTS = [
    (CrashPoint.AFTER_CLAIM, 1),
    (CrashPoint.BEFORE_MAIL, 1),
    (CrashPoint.AFTER_DOT, 2),
    (CrashPoint.BEFORE_RECORD, 2),
    (CrashPoint.AFTER_RECORD, 2),  # while that was written down, the next one landed
]


async def test_a_sender_that_dies_at_any_point_loses_nothing(postgres: Databases, tmp_path: Path) -> None:
    """Each has letters and a mail server of its own."""
    dying = (
        dies_and_is_cleared_up(postgres.create_database(), tmp_path / point, point, most) for point, most in POINTS
    )
    await asyncio.gather(*dying)


async def dies_and_is_cleared_up(url: str, folder: Path, point: CrashPoint, most: int) -> None:
    # One connection: one letter at a time is at the point, and the others are not. Nobody else is to lose patience.
    patient: dict[str, Any] = {"smtp_command_seconds_max": 20, "smtp_dot_seconds_max": 20, "lease_seconds": 4}
    async with a_post(url, folder, smtp_connections_max=1, **patient) as post:
        await post.write(a_target("ministry"), count=LETTERS)
        victim = post.sender(W4R_CRASH_AT=point)
        await until(lambda: victim.exit_code() == CRASHED, SECONDS_MAX)
        async with post.sending():
            await post.settle()
        await promises_hold(post)
        journal = taken_by_letter(post.sink.journal())
        assert len(journal) == LETTERS, point
        assert max(journal.values()) <= most, point
