"""Which report on a letter counts, and what the public may see of small numbers."""

from datetime import timedelta
from typing import Any

import pytest

from services.cases.ledger import OUTCOMES, latest_by_letter, letter_fact
from services.cases.ledger_views import fold_small
from services.cases.tables import LedgerKind
from services.cases.views import Counts
from shared.messages.delivery import LetterBouncedV1, LetterEvent, LetterFailedV1, LetterSentV1, LetterUncertainV1
from tests.support.events import NOW, a_sent_letter


def report(kind: type[LetterEvent], seconds: int, **changes: Any) -> LetterEvent:
    values = a_sent_letter(occurred_at=NOW + timedelta(seconds=seconds), **changes).model_dump()
    return kind(**values, **({"reason": "expired"} if kind is LetterFailedV1 else {}))


@pytest.mark.parametrize("backwards", [False, True])
def test_the_latest_report_counts_in_whatever_order_they_come(backwards: bool) -> None:
    events = [report(LetterUncertainV1, 0), report(LetterSentV1, 5), report(LetterBouncedV1, 9)]
    facts = [letter_fact(event) for event in (reversed(events) if backwards else events)]
    (fact,) = latest_by_letter(facts).values()
    assert fact.outcome is LedgerKind.BOUNCED


@pytest.mark.parametrize("backwards", [False, True])
def test_reports_of_the_same_moment_are_decided_alike(backwards: bool) -> None:
    events = [report(LetterUncertainV1, 0), report(LetterSentV1, 0)]
    facts = [letter_fact(event) for event in (reversed(events) if backwards else events)]
    (fact,) = latest_by_letter(facts).values()
    assert fact.outcome is LedgerKind.HANDED_OVER


def test_every_report_on_a_letter_has_its_place_in_the_ledger() -> None:
    assert set(OUTCOMES) == set(LetterEvent.__subclasses__())


def test_countries_with_few_actions_are_not_named() -> None:
    folded = fold_small({"PK": Counts(collected=7), "NR": Counts(collected=1), "VA": Counts(collected=2)}, 5)
    assert folded == {"PK": Counts(collected=7), "ZZ": Counts(collected=3)}
