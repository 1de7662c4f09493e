"""Whether a case takes an action, and whom it goes to."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.actions.admission import admit
from services.actions.errors import CaseClosed, CaseWithdrawn, UnknownCase
from services.actions.known_cases import KnownCase
from services.actions.schemas import ACTION_REQUEST, ActionRequest
from services.actions.tables import CaseStatus
from shared.messages.cases import Channel
from shared.web.problems import Problem
from tests.support.actions_requests import an_action
from tests.support.events import EMBASSY, MINISTRY, NOW, a_published_case, uuid_of

ALL_CHANNELS = tuple(Channel)


def known(status: CaseStatus = CaseStatus.OPEN, **changes: Any) -> KnownCase:
    return KnownCase(status, a_published_case(**changes))


def wish(**changes: Any) -> ActionRequest:
    return ACTION_REQUEST.validate_python(an_action(**changes))


def recipients(case: KnownCase, **changes: Any) -> list[UUID]:
    return [target.id for target in admit(wish(**changes), case, NOW)[1]]


def test_without_named_targets_it_goes_to_all_the_channel_reaches() -> None:
    assert recipients(known()) == [MINISTRY.id, EMBASSY.id]
    assert recipients(known(channels=ALL_CHANNELS), channel="post") == [MINISTRY.id]
    assert recipients(known(channels=ALL_CHANNELS), channel="social") == [MINISTRY.id]


def test_solidarity_never_goes_to_officials() -> None:
    assert recipients(known(channels=ALL_CHANNELS), channel="solidarity") == []


def test_named_targets_count_once_each() -> None:
    assert recipients(known(), targets=[str(EMBASSY.id), str(EMBASSY.id)]) == [EMBASSY.id]


@pytest.mark.parametrize(
    ("case", "changes", "field"),
    [
        (known(), {"channel": "post"}, "channel"),
        (known(channels=ALL_CHANNELS, targets=(EMBASSY,)), {"channel": "post"}, "channel"),
        (known(), {"targets": [str(MINISTRY.id), str(uuid_of(1))]}, "targets.1"),
        (known(channels=ALL_CHANNELS), {"channel": "post", "targets": [str(EMBASSY.id)]}, "targets.0"),
        (known(channels=ALL_CHANNELS), {"channel": "solidarity", "targets": [str(MINISTRY.id)]}, "targets.0"),
    ],
)
def test_what_the_case_does_not_offer_is_named(case: KnownCase, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Problem) as caught:
        admit(wish(**changes), case, NOW)
    assert (caught.value.status, [error.field for error in caught.value.errors]) == (422, [field])


@pytest.mark.parametrize("status", [CaseStatus.ENDED, CaseStatus.WON])
def test_a_closed_case_says_why(status: CaseStatus) -> None:
    with pytest.raises(CaseClosed) as caught:
        admit(wish(), known(status), NOW)
    assert status.value in caught.value.errors[0].message


def test_a_withdrawn_case_is_gone() -> None:
    with pytest.raises(CaseWithdrawn):
        admit(wish(), known(CaseStatus.WITHDRAWN), NOW)


def test_an_unknown_case_is_not_found() -> None:
    with pytest.raises(UnknownCase):
        admit(wish(), None, NOW)


def test_a_case_ends_at_its_closing_date() -> None:
    case = known(closes_at=NOW)
    assert admit(wish(), case, NOW - timedelta(seconds=1))
    with pytest.raises(CaseClosed):
        admit(wish(), case, NOW)
