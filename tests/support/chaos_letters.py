"""What must be true of letters when the dust has settled. The sink's journal is the oracle."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from services.delivery.channels import Outcome
from services.delivery.states import LIVE, LetterState
from tests.support.chaos_delivery import Post
from tests.support.smtp_sink import Taken


def taken_by_letter(journal: Sequence[Taken]) -> Counter[UUID]:
    return Counter(letter_of(taken) for taken in journal)


def letter_of(taken: Taken) -> UUID:
    return UUID(taken.message_id.strip("<>").partition("@")[0])


def arrivals_at(journal: Sequence[Taken], domain: str) -> list[datetime]:
    return sorted(taken.taken_at for taken in journal if taken.recipients[0].endswith(f"@{domain}"))


def most_in(arrivals: Sequence[datetime], window: timedelta) -> int:
    """The most that arrived in any stretch of time so long."""
    return max(sum(begin <= one < begin + window for one in arrivals) for begin in arrivals)


async def promises_hold(post: Post) -> None:
    """Every letter has ended; what was sent is there; nothing is there twice, or unsaid, unless it was uncertain."""
    letters, journal = await post.letters(), taken_by_letter(post.sink.journal())
    states = {letter.id: letter.state for letter in letters}
    assert not {state for state in states.values() if state in LIVE}
    sent = {letter_id for letter_id, state in states.items() if state is LetterState.SENT}
    assert sent <= journal.keys(), "sent is what the mail server has"
    silences = Counter(one.letter_id for one in await post.attempts() if one.outcome is Outcome.UNCERTAIN)
    twice = {letter_id: count for letter_id, count in journal.items() if count > 1 + silences[letter_id]}
    assert twice == {}, "nothing arrives twice unless it was once uncertain"
    assert journal.keys() <= sent | silences.keys(), "what the mail server has is called sent, or was uncertain"
    told = Counter(await post.told_as_sent())
    assert told == Counter(sent), "each that was sent is told once, and no other"
