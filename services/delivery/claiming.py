"""Takes due letters, keeps their leases alive, and writes down what came of them: the sender's side of the database.

A claim raises the letter's fence, and a result is written only under the fence it was earned with. So a sender that
was taken for dead, and was not, changes nothing any more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from sqlalchemy import bindparam, func, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.cancelling import DEAD_MAILBOX, Canceller
from services.delivery.channels import Answer, Dead
from services.delivery.destinations import Bearing, destination_of
from services.delivery.grant_book import note_answers, write_rates
from services.delivery.holding import Verdict, hold_by_id, write_verdicts
from services.delivery.kinds import SUPPRESSIBLE, Lane, LetterKind
from services.delivery.next_letters import count_airborne, find_letters, take_turn
from services.delivery.next_others import find_others
from services.delivery.outcomes import Decision, SendPolicy, decide
from services.delivery.pauses import read_pauses
from services.delivery.rendering import Composition
from services.delivery.reports import HeldLetter
from services.delivery.states import LetterState
from services.delivery.suppressing import DEAD_FOR, Suppressions, turn_away
from services.delivery.suppression_list import BY_MAIL_SERVER, find_suppressed, normal
from services.delivery.tables import Attempt, Letter
from services.delivery.target_addresses import move_letters, next_address
from services.delivery.traffic import Traffic
from shared.audit import By
from shared.clock import Clock, FollowingClock
from shared.db import Database
from shared.delivery_policy import DeliveryPolicy
from shared.insert_many import insert_many
from shared.outbox import Outbox

ANY_NUMBER = 1_000_000

_LETTERS = Letter.__table__  # type: ignore[attr-defined]
_COMPOSITION = [_LETTERS.c[field.name] for field in fields(Composition)]
# Still queued, or somebody was quicker. Wrapped, or the planner would look letters up by their state.
_IS_QUEUED = func.coalesce(_LETTERS.c.state, LetterState.SENDING) == LetterState.QUEUED
# What somebody holds, as to cancel it, is left to them: they may be about to wait for what we hold by then.
_FREE = (
    select(_LETTERS.c.id)
    .where(_LETTERS.c.id.in_(bindparam("letters", expanding=True)), _IS_QUEUED)
    .with_for_update(skip_locked=True)
)
_TAKE = (
    update(_LETTERS)
    .where(_LETTERS.c.id.in_(_FREE))
    .values(
        state=LetterState.SENDING,
        lease_owner=bindparam("owner"),
        lease_until=bindparam("until", type_=_LETTERS.c.lease_until.type),
        fence=_LETTERS.c.fence + 1,
    )
    .returning(*_COMPOSITION, _LETTERS.c.fence, _LETTERS.c.traceparent)
)


@dataclass(frozen=True, slots=True)
class ClaimedLetter:
    """A letter in a sender's hands, until its lease ends."""

    composition: Composition
    fence: int
    traceparent: str | None

    @property
    def id(self) -> UUID:
        return self.composition.id


@dataclass(frozen=True, slots=True)
class HandoverResult:
    """What came of one handover, not written down yet."""

    letter: ClaimedLetter
    answer: Answer
    started_at: datetime
    ended_at: datetime

    @property
    def destination(self) -> str:
        return destination_of(self.letter.composition.to_address)


class Claims:
    """One sender's claims. `owner` names the sender among all that run now or ever ran."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        clock: Clock,
        policy: SendPolicy,
        default: DeliveryPolicy,
        suppressions: Suppressions,
        random: Random,
        *,
        owner: str,
        lease: timedelta,
        bearing: Bearing,
    ) -> None:
        self._database, self._outbox, self._clock = database, outbox, clock
        self._policy, self._default, self._random = policy, default, random
        self._suppressions, self._canceller = suppressions, Canceller(database, outbox, clock)
        self._owner, self._lease, self._bearing = owner, lease, bearing

    async def claim(
        self,
        count_max: int,
        others_max: int = 0,
        slots: int | None = None,
        landed: Mapping[str, int] | None = None,
        *,
        news_max: int = 0,
    ) -> list[ClaimedLetter]:
        """Take up to `count_max` due letters, as lines, targets and destinations allow; no letter goes to two senders.

        What is no letter, such as confirmations, comes first, up to its own bound. News comes last, up to `news_max`,
        and only while no bound holds up anything else. `slots` is how many letters this sender can have in the air at
        all; none: any number. `landed`: by destination, how many of its own landed and are not written down yet."""
        async with self._database.transaction() as session:
            moment = await take_turn(session)
            if moment and isinstance(self._clock, FollowingClock):
                self._clock.hear(moment)
            now = self._clock.now()
            paused = await read_pauses(session)
            if paused.everything:
                return []
            airborne = await count_airborne(session, self._owner, landed or {})
            traffic = Traffic(slots or ANY_NUMBER, self._bearing.at_once_max, airborne)
            others = await find_others(session, Lane.OTHERS, paused, traffic, now, min(count_max, others_max))
            letters = await find_letters(session, self._default, paused, traffic, now, count_max - len(others))
            room = min(news_max, count_max - len(others) - len(letters)) if len(others) < others_max else 0
            news = await find_others(session, Lane.NEWS, paused, traffic, now, room)
            await write_rates(session, traffic.spent)
            return await self._turn_away(session, await self._take(session, [*others, *letters, *news], now), now)

    async def _take(self, session: AsyncSession, letter_ids: Sequence[UUID], now: datetime) -> list[ClaimedLetter]:
        if not letter_ids:
            return []
        values = {"letters": letter_ids, "owner": self._owner, "until": now + self._lease}
        rows = (await (await session.connection()).execute(_TAKE, values)).all()
        return [ClaimedLetter(Composition(*row[:-2]), row[-2], row[-1]) for row in rows]

    async def _turn_away(
        self, session: AsyncSession, letters: list[ClaimedLetter], now: datetime
    ) -> list[ClaimedLetter]:
        """Those that may go. What was in the air when its address was suppressed, and came back, gets no further."""
        guarded = [letter for letter in letters if letter.composition.kind in SUPPRESSIBLE]
        addresses = {letter.id: normal(letter.composition.to_address or "") for letter in guarded}
        suppressed = await find_suppressed(session, set(addresses.values()), now) if addresses else set()
        if not suppressed:
            return letters
        held = await hold_by_id(session, [one for one, address in addresses.items() if address in suppressed])
        await turn_away(session, self._outbox, list(held.values()), now)
        return [letter for letter in letters if letter.id not in held]

    async def renew(self, letters: Sequence[ClaimedLetter]) -> None:
        """Say that we are still at it."""
        if not letters:
            return
        statement = (
            update(_LETTERS)
            .where(_LETTERS.c.id == bindparam("letter_id"), _LETTERS.c.fence == bindparam("earned"))
            .where(_LETTERS.c.lease_owner == self._owner)
            .values(lease_until=self._clock.now() + self._lease)
        )
        rows = [{"letter_id": letter.id, "earned": letter.fence} for letter in sorted(letters, key=lambda one: one.id)]
        async with self._database.transaction() as session:
            await (await session.connection()).execute(statement, rows)

    async def record(self, results: Sequence[HandoverResult]) -> Mapping[UUID, Verdict]:
        """Write attempts, new states and events, all or nothing. Returns what was decided, by letter.

        Harmless twice, as after a connection lost at commit: by then the letter is not ours to change, and stays."""
        now, answers = self._clock.now(), {result.letter.id: (result.destination, result.answer) for result in results}
        async with self._database.transaction() as session:
            held = await hold_by_id(session, [result.letter.id for result in results])
            verdicts, attempts, moves = [], [], dict[UUID, str]()
            for result in results:
                letter = held.get(result.letter.id)
                if letter is None or letter.fence != result.letter.fence or letter.state is not LetterState.SENDING:
                    continue
                decision = decide(result.answer, letter.standing, now, self._policy, self._random)
                if address := await _elsewhere(session, result, letter, now):
                    decision, moves[letter.id] = Decision(LetterState.QUEUED, next_at=now), address
                verdicts.append(Verdict(letter, decision, letter.fence, result.answer.code, result.answer.text))
                attempts.append(_attempt(result))
            await insert_many(session, Attempt, attempts)
            await write_verdicts(session, self._outbox, verdicts, now)
            await move_letters(session, moves, now)
            heard = [answers[verdict.letter.id] for verdict in verdicts]
            await note_answers(session, heard, now, self._bearing)
        await self._suppress_dead(results, {verdict.letter.id: verdict.letter for verdict in verdicts})
        return {verdict.letter.id: verdict for verdict in verdicts}

    async def _suppress_dead(self, results: Sequence[HandoverResult], mine: Mapping[UUID, HeldLetter]) -> None:
        """What is not written here, as when the process dies, is written when the next letter meets the same answer."""
        for result in results:
            if not isinstance(result.answer, Dead) or result.letter.id not in mine:
                continue
            if result.letter.composition.kind is LetterKind.NEWS:
                held = mine[result.letter.id]
                await self._canceller.give_up_reader(held.target_id, held.action_id, DEAD_MAILBOX)
            elif _is_letter(result.letter):
                by = By(BY_MAIL_SERVER, f"it said {result.answer.code}, as of a mailbox that is not there")
                await self._suppressions.suppress(result.letter.composition.to_address or "", by, DEAD_FOR)


async def _elsewhere(session: AsyncSession, result: HandoverResult, letter: HeldLetter, now: datetime) -> str | None:
    """Where a letter to a dead mailbox may go instead."""
    if not isinstance(result.answer, Dead) or letter.kind is not LetterKind.LETTER or letter.stop_reason:
        return None
    return await next_address(session, letter.target_id, result.letter.composition.to_address or "", now)


def _is_letter(letter: ClaimedLetter) -> bool:
    return letter.composition.kind is LetterKind.LETTER


def _attempt(result: HandoverResult) -> dict[str, object]:
    return {
        "letter_id": result.letter.id,
        "number": result.letter.fence,
        "phase": result.answer.phase,
        "code": result.answer.code,
        "text": result.answer.text,
        "started_at": result.started_at,
        "ended_at": result.ended_at,
        "outcome": result.answer.outcome,
    }
