"""Events to test with. Every value may be changed by keyword; ids and times are fixed, so equal calls are equal."""

from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from shared.messages.actions import ActionAcceptedV1, ActionValidity, Letter, Supporter
from shared.messages.actions_news import NewsRequestedV1
from shared.messages.cases import (
    CaseClosedV1,
    CasePublishedV1,
    Channel,
    ClosedReason,
    LetterTemplate,
    Target,
    UpdateKind,
    UpdatePublishedV1,
)
from shared.messages.delivery import LetterSentV1
from shared.messages.envelope import derived_id

V = TypeVar("V", bound=ActionValidity)

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CASE_ID = derived_id("case", "a-test-case")
MINISTRY = Target(
    id=derived_id("target", "ministry"),
    name="Ministry of Examples",
    country="PK",
    email="minister@ministry.example",
    post_address="1 Example Street",
    handle="@ministry",
)
EMBASSY = Target(
    id=derived_id("target", "embassy"), name="Embassy of Examples", country="PK", email="post@embassy.example"
)


def a_published_case(**changes: Any) -> CasePublishedV1:
    values: dict[str, Any] = {
        "case_id": CASE_ID,
        "slug": "a-test-case",
        "revision": 1,
        "campaign": "write-for-rights",
        "campaign_name": "Write for Rights",
        "title": "A test case",
        "country": "PK",
        "channels": (Channel.EMAIL,),
        "targets": (MINISTRY, EMBASSY),
        "templates": (LetterTemplate(language="en", subject="Please act", body="Dear Minister,\n\nplease act."),),
        "published_at": NOW,
    }
    return CasePublishedV1(**(values | changes))


def a_closed_case(**changes: Any) -> CaseClosedV1:
    values: dict[str, Any] = {
        "case_id": CASE_ID,
        "slug": "a-test-case",
        "revision": 2,
        "reason": ClosedReason.WITHDRAWN,
        "closed_at": NOW,
    }
    return CaseClosedV1(**(values | changes))


def an_update(**changes: Any) -> UpdatePublishedV1:
    values: dict[str, Any] = {
        "update_id": derived_id("update", "one"),
        "case_id": CASE_ID,
        "slug": "a-test-case",
        "campaign_name": "Write for Rights",
        "title": "A test case",
        "titles": {"es": "Un caso de prueba"},
        "discreet": False,
        "kind": UpdateKind.NEWS,
        "language": "en",
        "text": "They were moved.",
        "translations": {"es": "Les trasladaron."},
        "published_at": NOW,
    }
    return UpdatePublishedV1(**(values | changes))


def requested_news(**changes: Any) -> NewsRequestedV1:
    values: dict[str, Any] = {
        "news_id": derived_id("news", "one"),
        "update_id": derived_id("update", "one"),
        "reader_id": derived_id("reader", "one"),
        "action_id": derived_id("action", "one"),
        "case_id": CASE_ID,
        "case_slug": "a-test-case",
        "campaign_name": "Write for Rights",
        "title": "A test case",
        "discreet": False,
        "text": "They were moved.",
        "language": "en",
        "country": "PK",
        "mailbox": "supporter@mail.example",
        "name": "A Supporter",
        "asked_at": NOW,
        "case_url": "https://site.example/en/cases/a-test-case",
        "stop_url": "https://site.example/en/unsubscribe/a-token",
        "requested_at": NOW,
    }
    return NewsRequestedV1(**(values | changes))


def an_accepted_action(**changes: Any) -> ActionAcceptedV1:
    values: dict[str, Any] = {
        "action_id": derived_id("action", "one"),
        "case_id": CASE_ID,
        "case_slug": "a-test-case",
        "case_title": "A test case",
        "campaign_name": "Write for Rights",
        "channel": Channel.EMAIL,
        "supporter": Supporter(name="A Supporter", email="supporter@mail.example", country="PK"),
        "letter": Letter(subject="Please act", body="Dear Minister,\n\nplease act.", language="en"),
        "targets": (MINISTRY,),
        "accepted_at": NOW,
    }
    return ActionAcceptedV1(**(values | changes))


def a_sent_letter(**changes: Any) -> LetterSentV1:
    values: dict[str, Any] = {
        "letter_id": derived_id("letter", "one"),
        "action_id": derived_id("action", "one"),
        "case_id": CASE_ID,
        "case_slug": "a-test-case",
        "target_id": MINISTRY.id,
        "channel": Channel.EMAIL,
        "country": "PK",
        "occurred_at": NOW,
    }
    return LetterSentV1(**(values | changes))


def a_decision(kind: type[V], action: ActionAcceptedV1, number: int) -> V:
    """What staff decided of this action; `number` tells which decision is the later one."""
    return kind(
        action_id=action.action_id,
        case_id=action.case_id,
        case_slug=action.case_slug,
        country=action.supporter.country,
        channel=action.channel,
        accepted_at=action.accepted_at,
        invalidation_id=uuid_of(1),
        number=number,
        changed_at=NOW,
    )


def many_closed_cases(count: int, at: datetime = NOW) -> list[CaseClosedV1]:
    """`count` small events that differ."""
    return [a_closed_case(revision=number + 1, closed_at=at) for number in range(count)]


def uuid_of(number: int) -> UUID:
    return derived_id("test", number)
