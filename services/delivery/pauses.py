"""What staff have paused: everything, a channel, a destination, a target or a case. Every claim asks anew."""

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.tables import Pause

_PAUSES = select(col(Pause.scope), col(Pause.subject))  # built once: every claim asks


class Scope(StrEnum):
    EVERYTHING = "everything"
    CHANNEL = "channel"
    DESTINATION = "destination"
    TARGET = "target"
    CASE = "case"


@dataclass(frozen=True)
class Paused:
    """What must not be sent now: letters and news. Supporters' other mail, digests and posts, which somebody waits for,
    are held by `everything` and by their destination alone."""

    everything: bool = False
    channels: frozenset[str] = frozenset()
    destinations: frozenset[str] = frozenset()
    targets: frozenset[UUID] = field(default_factory=frozenset)
    cases: frozenset[UUID] = field(default_factory=frozenset)


async def read_pauses(session: AsyncSession) -> Paused:
    rows = (await (await session.connection()).execute(_PAUSES)).all()
    if not rows:
        return Paused()
    subjects = {scope: frozenset(subject for name, subject in rows if name == scope) for scope in Scope}
    return Paused(
        everything=bool(subjects[Scope.EVERYTHING]),
        channels=subjects[Scope.CHANNEL],
        destinations=subjects[Scope.DESTINATION],
        targets=frozenset(map(UUID, subjects[Scope.TARGET])),
        cases=frozenset(map(UUID, subjects[Scope.CASE])),
    )
