"""Turns a case's file into its rows and its events."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from services.cases.case_files import CampaignFile, CaseFile, LetterPart, TargetPart, UpdatePart
from services.cases.picture_files import Rendition
from services.cases.pictures import write_pictures
from services.cases.revisions import Decision
from services.cases.solidarity import forget_messages
from services.cases.tables import Campaign, Case, CaseLetter, CaseStatus, CaseTarget, CaseUpdate, ConsentScope, Picture
from services.cases.update_rows import Updates
from shared.messages.cases import (
    CaseClosedV1,
    CasePublishedV1,
    ClosedReason,
    LetterTemplate,
    Protection,
    Target,
    UpdatePublishedV1,
)
from shared.messages.envelope import derived_id

ERASED = ""


def case_row(
    case: CaseFile, campaign: CampaignFile, decision: Decision, digest: str, position: int, now: datetime
) -> Case:
    """The case itself. The person's name is kept only where they agreed that it is published."""
    return Case(
        id=derived_id("case", case.slug),
        slug=case.slug,
        campaign=campaign.slug,
        revision=decision.revision,
        status=decision.status,
        title=case.title,
        person=case.person if case.consent.scope is ConsentScope.NAME_AND_STORY else None,
        country=case.country,
        summary=case.summary,
        story=case.story,
        demands=list(case.demands),
        picture=case.picture.model_dump(mode="json", include={"alt", "credit", "translations"})
        if case.picture
        else None,
        issues=[issue.value for issue in case.issues],
        language=case.language,
        solidarity_advice=case.solidarity_advice,
        discreet=case.discreet,
        risky_countries=list(case.risky_countries),
        translations={language: words.model_dump(mode="json") for language, words in case.translations.items()},
        closes_at=case.closes_at,
        consent_scope=case.consent.scope,
        consent_note=case.consent.note,
        channels=[channel.value for channel in case.channels],
        position=position,
        digest=digest,
        published_at=now,
        closed_at=None,
    )


async def write_case(
    session: AsyncSession, new: Case, case: CaseFile, updates: Updates, pictures: Sequence[Rendition] = ()
) -> Case:
    """Put the case and all its parts in the place of what was there. Returns the row that the session watches."""
    await _delete_parts(session, new.id)
    row = await session.merge(new)
    await session.flush()
    await write_pictures(session, row.id, pictures)
    for position, target in enumerate(case.targets):
        session.add(_target_row(row.id, position, target))
    for position, letter in enumerate(case.letters):
        session.add(_letter_row(row.id, position, letter))
    session.add_all(updates.rows)
    return row


async def erase_case(session: AsyncSession, case: Case) -> None:
    """Nothing of the person stays; the slug and the numbers do, so that the page can answer Gone."""
    case.title = case.summary = case.story = case.consent_note = ERASED
    case.person = case.picture = case.solidarity_advice = None
    case.demands, case.channels, case.issues, case.translations = [], [], [], {}
    await _delete_parts(session, case.id)
    await forget_messages(session, case.slug)


def published_event(row: Case, case: CaseFile, campaign: CampaignFile, revision: int, now: datetime) -> CasePublishedV1:
    """The whole snapshot. A finished case offers no channel, so no action can slip in before its closing arrives."""
    return CasePublishedV1(
        case_id=row.id,
        slug=case.slug,
        revision=revision,
        campaign=campaign.slug,
        campaign_name=campaign.name,
        title=case.title,
        country=case.country,
        channels=case.channels if row.status is CaseStatus.OPEN else (),
        targets=tuple(_target(target) for target in case.targets),
        templates=tuple(_template(letter) for letter in case.letters),
        closes_at=case.closes_at,
        risky_countries=risky_countries(campaign, case),
        protection=Protection(verification=campaign.verification, proof_of_work=campaign.proof_of_work),
        titles=_titles(case),
        discreet=case.discreet,
        published_at=now,
    )


def update_events(
    row: Case, case: CaseFile, campaign: CampaignFile, updates: Updates, now: datetime
) -> list[UpdatePublishedV1]:
    """Of each update that is new, and is to be told by mail."""
    told = [one for one in zip(updates.rows, case.updates, strict=True) if one[0].id in updates.fresh and one[1].mail]
    return [_update_event(row, case, campaign, kept.id, update, now) for kept, update in told]


def risky_countries(campaign: CampaignFile | Campaign, case: CaseFile | Case) -> tuple[str, ...]:
    """Where writing may put a supporter at risk: for the whole campaign, or for this case."""
    return tuple(sorted({*campaign.risky_countries, *case.risky_countries}))


def closed_event(case: Case, reason: ClosedReason) -> CaseClosedV1:
    if case.closed_at is None:
        raise ValueError("a closed case has a time of closing")
    return CaseClosedV1(
        case_id=case.id, slug=case.slug, revision=case.revision, reason=reason, closed_at=case.closed_at
    )


def target_id(key: str) -> UUID:
    """The same key is the same target everywhere, so an official has one delivery policy for all cases."""
    return derived_id("target", key)


def _letter_row(case_id: UUID, position: int, letter: LetterPart) -> CaseLetter:
    parts = letter.model_dump(mode="json") | {"body": letter.bodies[0], "points": list(letter.points or ())}
    return CaseLetter(case_id=case_id, position=position, **parts)


def _template(letter: LetterPart) -> LetterTemplate:
    body, *variants = letter.bodies
    return LetterTemplate(language=letter.language, subject=letter.subject, body=body, variants=tuple(variants))


def _update_event(
    row: Case, case: CaseFile, campaign: CampaignFile, update_id: UUID, update: UpdatePart, now: datetime
) -> UpdatePublishedV1:
    return UpdatePublishedV1(
        update_id=update_id,
        case_id=row.id,
        slug=case.slug,
        campaign_name=campaign.name,
        title=case.title,
        titles=_titles(case),
        discreet=case.discreet,
        kind=update.kind,
        date=update.date,
        language=case.language,
        text=update.text,
        translations=update.translations,
        published_at=now,
    )


def _titles(case: CaseFile) -> dict[str, str]:
    return {language: words.title for language, words in case.translations.items()}


def _target(target: TargetPart) -> Target:
    return Target(id=target_id(target.key), **_described(target))


def _target_row(case_id: UUID, position: int, target: TargetPart) -> CaseTarget:
    return CaseTarget(case_id=case_id, id=target_id(target.key), position=position, **_described(target))


def _described(target: TargetPart) -> dict[str, Any]:
    delivery = target.delivery.model_dump(mode="json", exclude_unset=True) if target.delivery else None
    return target.model_dump(exclude={"key", "delivery"}) | {"delivery": delivery}


async def _delete_parts(session: AsyncSession, case_id: UUID) -> None:
    for table in (CaseTarget, CaseLetter, CaseUpdate, Picture):
        await session.exec(delete(table).where(col(table.case_id) == case_id))
