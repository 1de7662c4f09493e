"""The sender: claims due letters, hands them over side by side, and writes down what came of it.

No transaction is open while a letter is on the network. As many letters are claimed as there are free connections,
so each claimed letter is in the air at once, and a lease that lapses means "may have gone out" and nothing less.
Results wait in memory while the database is away; if this process dies with them, the lapsed lease tells the rest.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from uuid import UUID

import structlog

from services.delivery.channels import Answer, Channel, Deferred, HostFault, Phase, Refused, RenderedLetter, Unknown
from services.delivery.channels.accounts import Accounts
from services.delivery.claiming import ClaimedLetter, Claims, HandoverResult
from services.delivery.enclosing import Enclosures, NoRoom
from services.delivery.kinds import LetterKind
from services.delivery.lanes import Lanes
from services.delivery.metrics import DeliveryMetrics
from services.delivery.pacing import HostPace
from services.delivery.rendering import Campaign, render, write_post
from services.delivery.result_log import log_results
from services.delivery.sweeping import Sweep
from shared.clock import Clock
from shared.crash_points import CrashPoint, crash_point
from shared.db import DatabaseAway
from shared.wake import Wake

POLL_SECONDS = 1.0
FILL_UP_SECONDS = 0.02
HANGS_AFTER_SECONDS = 1.0
RECORD_LINGER_SECONDS = 0.03
RECORD_LETTERS_MAX = 200
UNRECORDED_MAX = 1_000
DATABASE_WAIT_SECONDS_MAX = 5.0
RENEWALS_PER_LEASE = 4
BREAK_OFF_SECONDS_MAX = 3.0
NEWS_SHARE = 2  # of a sender's slots one in so many

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class SenderLimits:
    """`letters_max`: in the air at once. `stop_seconds_max`: for letters in the air, then for writing down."""

    letters_max: int
    lease_seconds: float
    sweep_seconds: float
    stop_seconds_max: float


class Sender:
    def __init__(
        self,
        claims: Claims,
        sweep: Sweep,
        channel: Channel,
        accounts: Accounts,
        enclosures: Enclosures,
        campaign: Campaign,
        clock: Clock,
        wake: Wake,
        metrics: DeliveryMetrics,
        limits: SenderLimits,
    ) -> None:
        self._claims, self._sweep, self._campaign = claims, sweep, campaign
        self._channel, self._accounts, self._enclosures = channel, accounts, enclosures
        self._clock, self._wake, self._metrics, self._limits = clock, wake, metrics, limits
        self._in_hand: dict[UUID, ClaimedLetter] = {}
        self._held_until: dict[UUID, float] = {}
        self._flights: dict[asyncio.Task[None], float] = {}
        self._results: list[HandoverResult] = []
        self._landed = asyncio.Event()
        self._landings, self._is_resting = 0, False
        self._to_record = asyncio.Event()
        self._pace = HostPace()
        self._lanes = Lanes()
        self._database_was_away_at = float("-inf")

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop`; then finish what is in the air, write down what is known, and return."""
        finished = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            recording = group.create_task(self._record_until(finished))
            aside = [group.create_task(self._renew_leases()), group.create_task(self._sweep_now_and_then())]
            await self._send_until(stop)
            await self._land()
            finished.set()
            self._to_record.set()
            await asyncio.wait({recording}, timeout=self._limits.stop_seconds_max)
            for task in (recording, *aside):
                task.cancel()
        if self._results:
            log.error("results_lost", letters=len(self._results), next="their leases lapse: uncertain")

    async def _send_until(self, stop: asyncio.Event) -> None:
        wait_seconds = 0.0
        while not stop.is_set():
            free = await self._free_slots(stop)
            if not free:
                continue
            asked_at, landings = _steady_seconds(), self._landings
            try:
                others_max, landed = self._lanes.confirmations_max(free), self._landed_by_destination()
                slots, news_max = self._limits.letters_max, self._news_max()
                letters = await self._claims.claim(free, others_max, slots, landed, news_max=news_max)
                wait_seconds = 0.0
            except DatabaseAway as fault:
                wait_seconds = min(DATABASE_WAIT_SECONDS_MAX, max(0.2, wait_seconds * 2))
                self._note_database_away(fault, f"claim again in {wait_seconds} s")
                await _wait_for(stop, wait_seconds)
                continue
            if letters:
                crash_point(CrashPoint.AFTER_CLAIM)
            for letter in letters:
                self._take_off(letter, asked_at)
            kinds = Counter(letter.composition.kind for letter in letters)
            confirmations = kinds.total() - kinds[LetterKind.LETTER] - kinds[LetterKind.NEWS]
            is_busy = self._lanes.note(free, kinds[LetterKind.LETTER], confirmations)
            # What landed made room where there may have been none for what waits.
            if not is_busy and landings == self._landings:
                self._is_resting = True
                await self._wake.wait(stop, POLL_SECONDS)
                self._is_resting = False

    async def _free_slots(self, stop: asyncio.Event) -> int:
        """How many letters may be claimed now; 0 after a wait for one of the reasons why none may."""
        if pause_seconds := self._pace.pause_seconds(_steady_seconds()):
            await _wait_for(stop, pause_seconds)
            return 0
        at_once = self._pace.letters_max() or self._limits.letters_max
        if self._free(at_once) < 1:
            self._landed.clear()
            await _wait_for(self._landed, POLL_SECONDS)
        # A moment's patience: one claim for several letters costs as much as one for a single letter. What hangs brings
        # nothing back so soon, and is not waited for.
        now = _steady_seconds()
        moving = at_once - sum(now - began > HANGS_AFTER_SECONDS for began in self._flights.values())
        while 0 < self._free(at_once) < moving // 2 and (left := now + FILL_UP_SECONDS - _steady_seconds()) > 0:
            self._landed.clear()
            await _wait_for(self._landed, left)
        return max(0, self._free(at_once))

    def _free(self, at_once: int) -> int:
        return min(at_once - len(self._flights), UNRECORDED_MAX - len(self._results))

    def _news_max(self) -> int:
        """However slowly it goes, news leaves half of the slots to whatever comes meanwhile."""
        flying = sum(letter.composition.kind is LetterKind.NEWS for letter in self._in_hand.values())
        return max(1, self._limits.letters_max // NEWS_SHARE) - flying

    def _landed_by_destination(self) -> Mapping[str, int]:
        return Counter(result.destination for result in self._results)

    def _take_off(self, letter: ClaimedLetter, claimed_at: float) -> None:
        self._in_hand[letter.id] = letter
        self._held_until[letter.id] = claimed_at + self._limits.lease_seconds
        flight = asyncio.create_task(self._fly(letter))
        self._flights[flight] = _steady_seconds()
        flight.add_done_callback(self._flights.pop)
        self._metrics.in_flight.set(len(self._flights))

    async def _fly(self, letter: ClaimedLetter) -> None:
        started_at, started = self._clock.now(), _steady_seconds()
        answer = await self._try(letter)
        crash_point(CrashPoint.BEFORE_RECORD)
        ended = _steady_seconds()
        if letter.composition.kind is not LetterKind.ANNOUNCEMENT:
            self._pace.note(answer, ended)
        self._results.append(HandoverResult(letter, answer, started_at, self._clock.now()))
        self._metrics.handover_seconds.observe(ended - started)
        self._metrics.attempts.labels(answer.outcome).inc()
        self._metrics.unrecorded.set(len(self._results))
        self._metrics.in_flight.set(len(self._flights) - 1)
        self._landings += 1
        self._landed.set()
        self._to_record.set()
        if self._is_resting:
            self._wake.set()

    async def _try(self, letter: ClaimedLetter) -> Answer:
        """A fault of our own with one letter must not take the others down, nor come back at once for ever."""
        rendered: RenderedLetter | Refused | None = None
        try:
            if letter.composition.kind is LetterKind.ANNOUNCEMENT:
                return await self._accounts.publish(write_post(letter.composition))
            async with self._enclosures.of(letter.composition) as enclosed:
                rendered = render(letter.composition, self._campaign, self._clock.now(), enclosed)
                if isinstance(rendered, Refused):
                    return rendered
                return await self._channel.hand_over(replace(rendered, is_ours=lambda: self._holds(letter)))
        except NoRoom:
            return HostFault(Phase.RENDER, text="too much of other answers is in the air")
        except Exception as fault:
            log.error("handover_broken", letter=str(letter.id), fault=type(fault).__name__, next="tried again later")
            name = type(fault).__name__
            return Unknown(Phase.DOT, text=name) if rendered else Deferred(Phase.RENDER, text=name)

    def _holds(self, letter: ClaimedLetter) -> bool:
        """By a clock that goes on while this process is frozen. A lease once over is over: others see to the letter."""
        return _steady_seconds() < self._held_until.get(letter.id, 0.0)

    async def _land(self) -> None:
        """Let letters in the air come down; break off the ones that take too long."""
        if self._flights:
            await asyncio.wait(self._flights, timeout=self._limits.stop_seconds_max)
        if self._flights:
            await self._channel.abort()
            await asyncio.wait(self._flights, timeout=BREAK_OFF_SECONDS_MAX)
        for flight in self._flights:
            flight.cancel()

    async def _record_until(self, finished: asyncio.Event) -> None:
        wait_seconds = 0.0
        while self._results or not finished.is_set():
            if not self._results:
                self._to_record.clear()
                await self._to_record.wait()
                continue
            if len(self._results) < RECORD_LETTERS_MAX:
                # One commit for many results costs little more than one for a single result.
                await _wait_for(finished, RECORD_LINGER_SECONDS)
            batch = self._results[:RECORD_LETTERS_MAX]
            try:
                verdicts = await self._claims.record(batch)
                crash_point(CrashPoint.AFTER_RECORD)
                wait_seconds = 0.0
            except DatabaseAway as fault:
                wait_seconds = min(DATABASE_WAIT_SECONDS_MAX, max(0.2, wait_seconds * 2))
                self._note_database_away(fault, f"{len(self._results)} results are kept, again in {wait_seconds} s")
                await asyncio.sleep(wait_seconds)
                continue
            self._forget(batch)
            log_results(batch, verdicts)

    def _forget(self, batch: Sequence[HandoverResult]) -> None:
        del self._results[: len(batch)]
        for result in batch:
            if self._in_hand.get(result.letter.id) is result.letter:
                del self._in_hand[result.letter.id]
                del self._held_until[result.letter.id]
        self._metrics.unrecorded.set(len(self._results))
        self._landed.set()

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(self._limits.lease_seconds / RENEWALS_PER_LEASE)
            letters, until = list(self._in_hand.values()), _steady_seconds() + self._limits.lease_seconds
            try:
                await self._claims.renew(letters)
                self._held_until |= {
                    one.id: until for one in letters if self._in_hand.get(one.id) is one and self._holds(one)
                }
            except DatabaseAway as fault:
                self._note_database_away(fault, "leases are renewed at the next turn")

    async def _sweep_now_and_then(self) -> None:
        while True:
            # After an outage everybody's leases have lapsed: first let the living write down what they know.
            if _steady_seconds() > self._database_was_away_at + self._limits.lease_seconds:
                try:
                    if await self._sweep.sweep():
                        self._wake.set()
                except DatabaseAway as fault:
                    self._note_database_away(fault, "swept later")
            await asyncio.sleep(self._limits.sweep_seconds)

    def _note_database_away(self, fault: DatabaseAway, what_next: str) -> None:
        self._database_was_away_at = _steady_seconds()
        log.warning("database_away", reason=repr(fault), next=what_next)


async def _wait_for(event: asyncio.Event, timeout_seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_seconds):
            await event.wait()


def _steady_seconds() -> float:
    return asyncio.get_running_loop().time()
