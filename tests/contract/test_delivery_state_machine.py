"""Any order of everything that happens to letters: no promise is broken on the way, and each comes to its end.

Hypothesis plays supporters, two senders, the mail server, staff and the clock. Senders may forget to renew, so each is
at times a zombie; what the mail server has is kept aside, and what the service says is compared with it.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar

import hypothesis
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from services.delivery.channels import (
    Accepted,
    Answer,
    Blocked,
    Dead,
    Deferred,
    HostFault,
    Phase,
    Refused,
    Throttled,
    Unknown,
)
from services.delivery.claiming import ClaimedLetter, HandoverResult
from services.delivery.states import LIVE, LetterState
from services.delivery.suppressing import DEAD_FOR
from shared.audit import By
from shared.messages.actions import ActionAcceptedV1, ActionCancelledV1, ActionInvalidatedV1, ActionReinstatedV1
from shared.messages.delivery import LetterSentV1
from shared.messages.envelope import derived_id
from shared.web.problems import Problem
from tests.support.chaos_length import times
from tests.support.delivery_model import Known
from tests.support.delivery_service import DeliveryService, delivery_service
from tests.support.events import EMBASSY, MINISTRY, a_closed_case, a_decision, an_accepted_action
from tests.support.servers import Databases

T = TypeVar("T")

STAFF = By("staff", "a test")
SENDERS = ("one", "other")
TAKEN = Accepted(Phase.DOT, 250, "taken")
ANSWERS: list[tuple[Answer, bool]] = [  # with whether the mail server has the letter
    (TAKEN, True),
    (Unknown(Phase.DOT), True),
    (Unknown(Phase.DOT), False),
    (Deferred(Phase.RCPT, 450, "busy"), False),
    (Refused(Phase.DOT, 554, "never"), False),
    (Dead(Phase.RCPT, 550, "no such mailbox"), False),
    (Blocked(Phase.RCPT, 550, "spam"), False),
    (Throttled(Phase.RCPT, 450, "slow down"), False),
    (HostFault(Phase.CONNECT, text="refused"), False),
]
LEASE, UNTIL_RESOLVED, SUPPRESSED_FOR = timedelta(seconds=61), timedelta(minutes=16), timedelta(hours=2)
WAITS = [timedelta(seconds=10), LEASE, UNTIL_RESOLVED, timedelta(hours=1), timedelta(hours=5), timedelta(days=2)]
ROUNDS_MAX = 60
STEPS = 25

a_letter = st.integers(0, 999)
an_answer = st.tuples(a_letter, st.sampled_from(ANSWERS))


class Letters(RuleBasedStateMachine):
    fresh_url: Callable[[], str]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.opening = delivery_service(type(self).fresh_url())
        self.delivery: DeliveryService = self.do(self.opening.__aenter__())
        self.claims = {name: self.delivery.claims(name) for name in SENDERS}
        self.known, self.actions = Known(), list[ActionAcceptedV1]()
        self.flights: list[tuple[str, ClaimedLetter]] = []
        self.landed: list[tuple[str, HandoverResult]] = []
        self.decisions = 0

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def look(self) -> None:
        self.known.look(self.do(self.delivery.letters()))

    @initialize()
    def some_have_written(self) -> None:
        self.supporters_write(3, MINISTRY, None)
        self.supporters_write(3, EMBASSY, None)

    @rule(count=st.integers(1, 4), office=st.sampled_from([MINISTRY, EMBASSY]), hours=st.sampled_from([None, 1]))
    def supporters_write(self, count: int, office: Any, hours: int | None) -> None:
        now = self.delivery.clock.now()
        closes_at = now + timedelta(hours=hours) if hours else None
        for _ in range(count):
            action_id = derived_id("action", len(self.actions))
            self.actions.append(
                an_accepted_action(action_id=action_id, targets=(office,), closes_at=closes_at, accepted_at=now)
            )
        self.do(self.delivery.tell(*self.actions[-count:]))
        self.look()

    @rule(who=st.sampled_from(SENDERS), count=st.integers(0, 8), answers=st.lists(an_answer, max_size=6))
    def a_sender_works(self, who: str, count: int, answers: list[tuple[int, tuple[Answer, bool]]]) -> None:
        """It claims, and some of what is in the air lands, whoever's it is."""
        if count:
            self._claim(who, count)
        for which, (said, has_it) in answers[: len(self.flights)]:
            whose, letter = self.flights.pop(which % len(self.flights))
            self.known.taken[letter.id] += has_it
            now = self.delivery.clock.now()
            self.landed.append((whose, HandoverResult(letter, said, now, now)))
            self._record(len(self.landed) - 1)

    @precondition(lambda self: self.landed)
    @rule(which=a_letter)
    def record_again(self, which: int) -> None:
        """As after a commit whose answer was lost."""
        assert not self._record(which % len(self.landed))

    @rule(who=st.sampled_from(SENDERS))
    def renew(self, who: str) -> None:
        self.do(self.claims[who].renew([letter for name, letter in self.flights if name == who]))
        self.look()

    @rule(by=st.sampled_from(WAITS), sweeps=st.booleans())
    def time_passes(self, by: timedelta, sweeps: bool) -> None:
        self.delivery.clock.advance(by)
        if sweeps:
            self.sweep()

    @precondition(lambda self: self.flights)
    @rule()
    def senders_are_taken_for_dead(self) -> None:
        """They are not, and what they hold waits for others."""
        self.time_passes(LEASE, sweeps=True)
        self.time_passes(UNTIL_RESOLVED, sweeps=True)

    @precondition(lambda self: self.actions)
    @rule(which=a_letter, deed=st.sampled_from(["retry", "retry", "cancel", "mark_sent"]))
    def staff_see_to_a_letter(self, which: int, deed: str) -> None:
        letter_id = sorted(self.known.rows)[which % len(self.known.rows)]
        desk = self.delivery.wiring.desk
        deeds = {"retry": desk.retry_letter, "cancel": desk.cancel_letter, "mark_sent": desk.mark_sent}
        with suppress(Problem):
            self.do(deeds[deed](letter_id, STAFF))
            if deed == "mark_sent":
                self.known.vouched_for.add(letter_id)
        self.look()

    @precondition(lambda self: self.actions)
    @rule(which=a_letter, what=st.sampled_from(["valid", "invalid", "invalid", "taken back", "address", "case"]))
    def somebody_stops_letters_or_lets_them_go(self, which: int, what: str) -> None:
        action = self.actions[which % len(self.actions)]
        match what:
            case "valid" | "invalid":
                self._judge(action, is_valid=what == "valid")
            case "taken back":
                self._take_back(action)
            case "address":
                self._suppress(action.targets[0].email or "")
            case "case" if self.known.may_withdraw():
                self.known.is_withdrawn = True
                self.do(self.delivery.tell(a_closed_case(closed_at=self.delivery.clock.now())))
        self.look()

    def _claim(self, who: str, count: int) -> None:
        claimed = self.do(self.claims[who].claim(count))
        assert len({letter.id for letter in claimed}) == len(claimed) <= count
        for letter in claimed:
            before = self.known.rows[letter.id]
            assert before.state is LetterState.QUEUED
            assert letter.fence == before.fence + 1
            assert self.known.may_go(before, self.delivery.clock.now()), "nothing after cancel, expiry or suppression"
        self.flights += [(who, letter) for letter in claimed]
        self.look()

    def sweep(self) -> None:
        self.do(self.delivery.sweep().sweep())
        self.look()

    def _judge(self, action: ActionAcceptedV1, *, is_valid: bool) -> None:
        self.decisions += 1
        kind = ActionReinstatedV1 if is_valid else ActionInvalidatedV1
        (self.known.invalid_actions.discard if is_valid else self.known.invalid_actions.add)(action.action_id)
        self.do(self.delivery.tell(a_decision(kind, action, self.decisions)))

    def _take_back(self, action: ActionAcceptedV1) -> None:
        self.known.stopped_actions.add(action.action_id)
        now, about = self.delivery.clock.now(), {"action_id": action.action_id, "case_id": action.case_id}
        self.do(self.delivery.tell(ActionCancelledV1(**about, reason="no", cancelled_at=now)))

    def _suppress(self, address: str) -> None:
        self.known.suppressed_until[address] = self.delivery.clock.now() + SUPPRESSED_FOR
        self.do(self.delivery.wiring.suppressions.suppress(address, STAFF, SUPPRESSED_FOR))

    def teardown(self) -> None:
        try:
            self._come_to_an_end()
        finally:
            self.do(self.opening.__aexit__(None, None, None))
            self.runner.close()

    def _record(self, at: int) -> bool:
        """Whether it was written. What was not changes nothing, nor what others are told."""
        who, result = self.landed[at]
        before = self.known.rows[result.letter.id]
        is_mine = (before.state, before.fence) == (LetterState.SENDING, result.letter.fence)
        verdicts = self.do(self.claims[who].record([result]))
        assert bool(verdicts) == is_mine
        if is_mine and isinstance(result.answer, Dead):
            address = before.to_address or ""
            self.known.suppressed_until[address] = self.delivery.clock.now() + DEAD_FOR
        self.look()
        if not is_mine:
            assert _values(self.known.rows[before.id]) == _values(before), "a zombie changes nothing"
        return is_mine

    def _come_to_an_end(self) -> None:
        """With senders that are well and a mail server that takes everything, nothing waits for ever."""
        for _ in range(ROUNDS_MAX):
            for name in SENDERS:
                while letters := self.do(self.claims[name].claim(10)):
                    now = self.delivery.clock.now()
                    self.known.taken.update(letter.id for letter in letters)
                    results = [HandoverResult(letter, TAKEN, now, now) for letter in letters]
                    self.do(self.claims[name].record(results))
            self.do(self.delivery.sweep().sweep())
            self.look()
            if not any(letter.state in LIVE for letter in self.known.rows.values()):
                break
            self.delivery.clock.advance(timedelta(hours=6))
        assert {letter.state for letter in self.known.rows.values()} <= set(LetterState) - set(LIVE)
        for at in range(len(self.landed)):
            assert not self._record(at)
        told = [event.letter_id for event in self.do(self.delivery.reports()) if isinstance(event, LetterSentV1)]
        sent = {letter.id for letter in self.known.rows.values() if letter.state is LetterState.SENT}
        assert len(told) == len(set(told))
        assert sent == set(told), "each that was sent is told once"


def _values(letter: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(letter).items() if not name.startswith("_")}


def play(make_database: Callable[[], str], examples: int) -> None:
    """Each example on an empty database."""

    class Played(Letters):
        fresh_url = staticmethod(make_database)

    health = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        Played,
        settings=settings(
            max_examples=examples,
            phases=[hypothesis.Phase.generate],
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=health,
            database=None,
        ),
    )


@pytest.mark.timeout(3600)
def test_whatever_happens_no_promise_is_broken_and_every_letter_comes_to_its_end() -> None:
    folder = tempfile.mkdtemp(prefix="w4r-")
    numbers = iter(range(1_000_000))
    try:
        play(lambda: f"sqlite+aiosqlite:///{folder}/{next(numbers)}.db", times(12))
    finally:
        shutil.rmtree(folder)


@pytest.mark.timeout(3600)
def test_so_it_is_on_postgresql(postgres: Databases) -> None:
    play(postgres.create_database, times(4))
