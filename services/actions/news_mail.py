"""What delivery is asked to mail to one reader of news. Pure."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.actions.news_links import stop_token
from shared.languages import LANGUAGES
from shared.messages.actions_news import NewsRequestedV1
from shared.messages.cases import CasePublishedV1, UpdatePublishedV1
from shared.messages.envelope import derived_id

TEXT_CHARACTERS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class NewsAction:
    """What is read of an action by which somebody asked for news."""

    id: UUID
    token: str
    email: str
    name: str
    country: str
    language: str
    accepted_at: datetime


def make_news(
    update: UpdatePublishedV1,
    case: CasePublishedV1,
    action: NewsAction,
    mailbox: UUID,
    reader_id: UUID,
    site: str,
    now: datetime,
) -> NewsRequestedV1:
    """One mailbox is asked for once for an update, whatever it did and however often."""
    language = action.language.partition("-")[0].lower()
    below = f"{site}/{language}" if language in LANGUAGES else site
    return NewsRequestedV1(
        news_id=derived_id("news", update.update_id, mailbox),
        update_id=update.update_id,
        reader_id=reader_id,
        action_id=action.id,
        case_id=update.case_id,
        case_slug=update.slug,
        campaign_name=update.campaign_name,
        title=_said(update.title, update.titles, action.language),
        discreet=update.discreet or action.country in case.risky_countries,
        text=shorten(_said(update.text, update.translations, action.language)),
        language=action.language,
        country=action.country,
        mailbox=action.email,
        name=action.name,
        asked_at=action.accepted_at,
        case_url=f"{below}/cases/{update.slug}",
        stop_url=f"{below}/unsubscribe/{stop_token(action.id, action.token)}",
        requested_at=now,
    )


def shorten(text: str) -> str:
    """What does not fit is on the case's page; cut between words."""
    if len(text) <= TEXT_CHARACTERS_MAX:
        return text
    cut = text[: TEXT_CHARACTERS_MAX - 1]
    return (cut.rsplit(maxsplit=1)[0] if " " in cut else cut) + "…"


def _said(words: str, translations: dict[str, str], language: str) -> str:
    """In the reader's language or one that it belongs to, else as it was written."""
    found = (tag for tag in (language, language.partition("-")[0]) if tag in translations)
    tag = next(found, None)
    return translations[tag] if tag else words
