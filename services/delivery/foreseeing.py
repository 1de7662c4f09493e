"""Says in words what happens to a letter next, and what it waits for. For people who look at one."""

from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.destinations import destination_of
from services.delivery.kinds import LetterKind
from services.delivery.pauses import Scope
from services.delivery.states import LetterState
from services.delivery.tables import Destination, Letter, Pause, TargetPolicy
from shared.messages.cases import Channel

AT_ITS_END = {
    LetterState.SENT: "Nothing, unless it bounces.",
    LetterState.BOUNCED: "Nothing, unless staff send it again.",
    LetterState.FAILED: "Nothing, unless staff send it again.",
    LetterState.SUPPRESSED: "Nothing, unless its address is released and staff send it again.",
    LetterState.CANCELLED: "Nothing.",
    LetterState.PRINTED: "It waits to be handed over.",
    LetterState.HANDED_OVER: "Nothing.",
    LetterState.BUNDLED: "It shares the fate of its bundle.",
    LetterState.SENDING: "A sender has it in its hands.",
}


async def foresee(session: AsyncSession, letter: Letter, now: datetime) -> str:
    if letter.state is LetterState.UNCERTAIN:
        return f"At {_clock(letter.next_at)} it is decided whether it is sent again or held; staff may say it arrived."
    if letter.state is not LetterState.QUEUED:
        return AT_ITS_END[letter.state]
    if pause := await _pause_of(session, letter):
        return f"It is paused ({pause.scope}) by {pause.who}: {pause.why}"
    if letter.channel is Channel.POST:
        return "It waits to be printed with its target's next bundle, or for its supporter to say that they posted it."
    if letter.next_at > now:
        return f"It is tried at {_clock(letter.next_at)}, and until {_clock(letter.expires_at)}."
    if reason := await _hindrance(session, letter, now):
        return reason
    return "It goes as soon as a sender has room."


async def _hindrance(session: AsyncSession, letter: Letter, now: datetime) -> str | None:
    target = await session.get(TargetPolicy, letter.target_id) if letter.kind is LetterKind.LETTER else None
    destination = await session.get(Destination, destination_of(letter.to_address))
    if target and target.is_bundled:
        return "It waits for the next bundle of its target."
    if destination and destination.held_because:
        return f"Its destination is held until staff let it go on: {destination.held_because}."
    moments = [
        ("Its target takes the next letter", target.open_at if target else None),
        ("Its destination rests until", destination.cool_until if destination else None),
        ("Its destination takes the next letter", destination.open_at if destination else None),
    ]
    later = [(moment, words) for words, moment in moments if moment and moment > now]
    if not later:
        return None
    moment, words = max(later)
    return f"{words} {'' if words.endswith('until') else 'at '}{_clock(moment)}."


async def _pause_of(session: AsyncSession, letter: Letter) -> Pause | None:
    subjects = {
        Scope.EVERYTHING: "",
        Scope.CHANNEL: letter.channel.value,
        Scope.DESTINATION: destination_of(letter.to_address),
        Scope.TARGET: str(letter.target_id),
        Scope.CASE: str(letter.case_id),
    }
    if letter.kind is LetterKind.NEWS:
        subjects.pop(Scope.TARGET)
    elif letter.kind is not LetterKind.LETTER:
        subjects = {scope: subjects[scope] for scope in (Scope.EVERYTHING, Scope.DESTINATION)}
    pauses = await session.exec(select(Pause).order_by(col(Pause.since)))
    return next((pause for pause in pauses if subjects.get(Scope(pause.scope)) == pause.subject), None)


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
