"""What an import and a closing change, decided without a database."""

from datetime import timedelta

import pytest

from services.cases.revisions import Decision, Step, Stored, Wanted, decide_close, decide_import
from services.cases.tables import CaseStatus
from shared.messages.cases import ClosedReason
from tests.support.events import NOW

OPEN = Wanted(CaseStatus.OPEN, "new")


def stored(status: CaseStatus = CaseStatus.OPEN, digest: str = "old", revision: int = 3) -> Stored:
    return Stored(revision, status, digest)


def test_a_new_case_is_revision_one() -> None:
    assert decide_import(None, OPEN, NOW) == Decision(Step.PUBLISH, CaseStatus.OPEN, publish_revision=1)


def test_a_changed_case_is_the_next_revision() -> None:
    assert decide_import(stored(), OPEN, NOW).publish_revision == 4


@pytest.mark.parametrize("status", list(CaseStatus))
def test_an_unchanged_file_changes_nothing_whatever_happened_since(status: CaseStatus) -> None:
    assert decide_import(stored(status, digest="new"), OPEN, NOW).step is Step.KEEP


def test_a_finished_case_is_published_and_then_closed_by_a_later_revision() -> None:
    decision = decide_import(None, Wanted(CaseStatus.WON, "new"), NOW)
    assert (decision.publish_revision, decision.close_revision, decision.revision) == (1, 2, 2)
    assert decision.closed_reason is ClosedReason.WON


def test_a_withdrawn_case_never_comes_back() -> None:
    decision = decide_import(stored(CaseStatus.WITHDRAWN), OPEN, NOW)
    assert decision.step is Step.REFUSE
    assert "withdrawn" in decision.why


def test_an_old_file_does_not_open_a_won_case() -> None:
    assert decide_import(stored(CaseStatus.WON), OPEN, NOW).step is Step.REFUSE


def test_a_case_withdrawn_by_its_file_publishes_only_its_closing() -> None:
    decision = decide_import(stored(), Wanted(CaseStatus.WITHDRAWN, "new"), NOW)
    assert (decision.step, decision.publish_revision, decision.close_revision) == (Step.WITHDRAW, None, 4)


def test_an_ended_case_opens_again_with_a_later_closing_date() -> None:
    wanted = Wanted(CaseStatus.OPEN, "new", NOW + timedelta(days=1))
    assert decide_import(stored(CaseStatus.ENDED), wanted, NOW).status is CaseStatus.OPEN


def test_an_open_file_whose_closing_date_has_passed_is_ended() -> None:
    decision = decide_import(None, Wanted(CaseStatus.OPEN, "new", NOW), NOW)
    assert (decision.status, decision.close_revision) == (CaseStatus.ENDED, 2)


@pytest.mark.parametrize("reason", list(ClosedReason))
def test_closing_twice_changes_nothing(reason: ClosedReason) -> None:
    assert decide_close(stored(CaseStatus(reason)), reason).step is Step.KEEP


@pytest.mark.parametrize("status", [CaseStatus.OPEN, CaseStatus.ENDED, CaseStatus.WON])
def test_withdrawal_is_always_possible(status: CaseStatus) -> None:
    decision = decide_close(stored(status), ClosedReason.WITHDRAWN)
    assert (decision.step, decision.close_revision) == (Step.WITHDRAW, 4)


@pytest.mark.parametrize("reason", [ClosedReason.ENDED, ClosedReason.WON])
def test_nothing_follows_a_withdrawal(reason: ClosedReason) -> None:
    assert decide_close(stored(CaseStatus.WITHDRAWN), reason).step is Step.REFUSE


def test_a_case_that_ended_may_still_be_won() -> None:
    assert decide_close(stored(CaseStatus.ENDED), ClosedReason.WON).status is CaseStatus.WON
