"""A digest's own mail: a covering letter, the count, and the letters attached as one PDF. Pure."""

from datetime import datetime
from uuid import UUID

from services.delivery.kinds import LetterKind
from services.delivery.outcomes import LETTER_LIFE
from services.delivery.planning import PlannedLetter, shared_line_of
from services.delivery.tables import Bundle, Letter
from shared.messages.envelope import derived_id

NO_CASE = UUID(int=0)
LANGUAGE = "en"


def digest_letter(bundle: Bundle, first: Letter, address: str | None, countries: int, now: datetime) -> PlannedLetter:
    """The mail, due now. `first` is one of its letters."""
    many = f"{bundle.letters} letters" if bundle.letters != 1 else "1 letter"
    return PlannedLetter(
        id=derived_id("digest", bundle.id),
        kind=LetterKind.DIGEST,
        action_id=bundle.id,
        case_id=NO_CASE,
        case_slug="",
        campaign_name=first.campaign_name,
        target_id=bundle.target_id,
        channel=first.channel,
        country="",
        partner=None,
        to_address=address,
        to_name=bundle.target_name,
        subject=f"{many} to you",
        body=_covering(many, countries, first.campaign_name),
        language=LANGUAGE,
        sender_name=first.campaign_name,
        reply_to=None,
        traceparent=None,
        next_at=now,
        expires_at=now + LETTER_LIFE,
        created_at=now,
        line_id=shared_line_of(LetterKind.DIGEST, address),
        bundle_id=bundle.id,
    )


def file_name(bundle_id: UUID) -> str:
    return f"letters-{bundle_id}.pdf"


def _covering(many: str, countries: int, campaign: str) -> str:
    where = f"from {countries} countries" if countries != 1 else "from one country"
    return (
        "Dear Sir or Madam,\n\n"
        f"{many} {where} came in for you through {campaign}. Each was written by one person, in their own name.\n"
        "You find them in the attached document, which is a PDF.\n\n"
        "We send them together so that your mailbox is not flooded. Each of them stands for itself.\n\n"
        f"{campaign}\n"
    )
