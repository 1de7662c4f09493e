"""The campaign's own posts: staff write one, and it goes out under the campaign's accounts like a letter: queued, tried
again, uncertain where nobody answered, stopped or sent again by an operator.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID, uuid4

import structlog
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, HttpUrl
from pydantic_core import PydanticCustomError
from sqlalchemy import insert

from services.delivery.channels.accounts import Accounts
from services.delivery.errors import no_such_account, post_too_long
from services.delivery.kinds import LetterKind
from services.delivery.lines import stand_in_line
from services.delivery.planning import NO_TARGET, PlannedLetter, shared_line_of
from services.delivery.tables import Letter
from services.delivery.waking import ring_senders
from shared.audit import Auditor, By
from shared.clock import Clock
from shared.db import Database
from shared.messages.cases import Channel
from shared.posts.lengths import fits
from shared.posts.networks import LENGTH_MAX, NAMES, Network
from shared.wake import Wake

TEXT_CHARACTERS_MAX = 1_000
WHY_CHARACTERS_MAX = 500
LIFE = timedelta(days=1)  # an announcement of the day before yesterday is worse than none
NOWHERE = "ZZ"

log = structlog.get_logger(__name__)


def _written(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("blank", "Please fill this in.")
    return text.strip()


class AnnouncementIn(BaseModel):
    """A post for one or more of the campaign's accounts. The link is put behind the words."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(max_length=TEXT_CHARACTERS_MAX), AfterValidator(_written)]
    link: HttpUrl | None = None
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}$", max_length=35)] = "en"
    networks: Annotated[list[Network], Field(min_length=1, max_length=len(Network))]
    why: Annotated[str, Field(max_length=WHY_CHARACTERS_MAX), AfterValidator(_written)]

    def whole(self) -> str:
        return f"{self.text}\n\n{self.link}" if self.link else self.text


@dataclass(frozen=True)
class Announced:
    """By network, the letter that carries the post."""

    letters: Mapping[Network, UUID]


class Announcer:
    def __init__(self, database: Database, clock: Clock, audit: Auditor, wake: Wake, accounts: Accounts) -> None:
        self._database, self._clock, self._audit, self._wake, self._accounts = database, clock, audit, wake, accounts

    @property
    def networks(self) -> list[Network]:
        """Where the campaign has an account."""
        return self._accounts.networks

    async def announce(self, wish: AnnouncementIn, who: str) -> Announced:
        """Queue one post for each network, all or none. Raises the 422 for a text that does not fit somewhere."""
        for network in wish.networks:
            if network not in self.networks:
                raise no_such_account(NAMES[network])
            if not fits(network, wish.whole()):
                raise post_too_long(NAMES[network], LENGTH_MAX[network])
        now, subject = self._clock.now(), uuid4()
        posts = {network: _post(wish, network, subject, now) for network in dict.fromkeys(wish.networks)}
        rows: list[dict[str, Any]] = [post.as_row() for post in posts.values()]
        async with self._database.transaction() as session:
            await stand_in_line(session, list(posts.values()))
            await (await session.connection()).execute(insert(Letter.__table__), rows)  # type: ignore[attr-defined]
            details = {"letters": [str(post.id) for post in posts.values()]}
            await self._audit.note(session, By(who, wish.why), "post_announced", **details)
            await ring_senders(session, self._wake)
        log.info("announced", networks=sorted(posts), next="queued now")
        return Announced({network: post.id for network, post in posts.items()})


def _post(wish: AnnouncementIn, network: Network, subject: UUID, now: datetime) -> PlannedLetter:
    return PlannedLetter(
        id=uuid4(),
        kind=LetterKind.ANNOUNCEMENT,
        line_id=shared_line_of(LetterKind.ANNOUNCEMENT, network.value),
        action_id=subject,
        case_id=NO_TARGET,
        case_slug="",
        campaign_name="",
        target_id=NO_TARGET,
        channel=Channel.SOCIAL,
        country=NOWHERE,
        partner=None,
        to_address=network.value,
        to_name=NAMES[network],
        subject="",
        body=wish.whole(),
        language=wish.language,
        sender_name="",
        reply_to=None,
        traceparent=None,
        next_at=now,
        expires_at=now + LIFE,
        created_at=now,
    )
