"""`/api/v1/letters`: what operators' tools see and do. Only with the staff token."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from services.delivery.desk import PAGE_LETTERS_MAX, Place
from services.delivery.errors import bad_cursor
from services.delivery.kinds import LetterKind
from services.delivery.schemas import LetterList, LetterSummary, LetterView, letter_view
from services.delivery.states import LetterState
from services.delivery.steering_schemas import WhyIn
from services.delivery.wiring import Wiring
from shared.audit import By
from shared.web.staff import forbid_caches

LIMIT_DEFAULT = 50

Limit = Annotated[int, Query(ge=1, le=PAGE_LETTERS_MAX, description="letters in one answer")]
Cursor = Annotated[str | None, Query(max_length=200, description="from `next` of the answer before")]
State = Annotated[LetterState | None, Query(description="only letters in this state")]
Kind = Annotated[LetterKind, Query(description="letters, or another kind of what delivery carries")]


def api_router(wiring: Wiring) -> APIRouter:
    desk = wiring.desk
    require = wiring.staff.require_bearer
    guards = [Depends(require), Depends(forbid_caches)]
    Who = Annotated[str, Depends(require)]  # noqa: N806  # a type
    router = APIRouter(prefix="/api/v1/letters", tags=["letters"], dependencies=guards)

    @router.get("")
    async def list_letters(
        state: State = None, limit: Limit = LIMIT_DEFAULT, after: Cursor = None, kind: Kind = LetterKind.LETTER
    ) -> LetterList:
        page = await desk.list_letters(state, read_cursor(after), limit, kind)
        return LetterList(
            letters=[LetterSummary.model_validate(letter) for letter in page.letters],
            counts=await desk.count_by_state(kind=kind),
            next=next_url(router.prefix, page.next, state, limit, kind),
        )

    @router.get("/{letter_id}")
    async def show_letter(letter_id: UUID) -> LetterView:
        letter, attempts, what_next = await desk.read_letter(letter_id)
        return letter_view(letter, attempts, await wiring.mail.read(letter), what_next)

    @router.post("/{letter_id}/retry")
    async def retry_letter(letter_id: UUID, wish: WhyIn, who: Who) -> LetterView:
        await desk.retry_letter(letter_id, By(who, wish.why))
        return await show_letter(letter_id)

    @router.post("/{letter_id}/arrived")
    async def mark_sent(letter_id: UUID, wish: WhyIn, who: Who) -> LetterView:
        """An uncertain letter did arrive."""
        await desk.mark_sent(letter_id, By(who, wish.why))
        return await show_letter(letter_id)

    @router.post("/{letter_id}/cancel")
    async def cancel_letter(letter_id: UUID, wish: WhyIn, who: Who) -> LetterView:
        await desk.cancel_letter(letter_id, By(who, wish.why))
        return await show_letter(letter_id)

    return router


def next_url(path: str, place: Place | None, state: LetterState | None, limit: int, kind: LetterKind) -> str | None:
    if place is None:
        return None
    which = {"kind": None if kind is LetterKind.LETTER else kind.value, "state": state.value if state else None}
    query = which | {"limit": limit, "after": write_cursor(place)}
    return f"{path}?{urlencode({name: value for name, value in query.items() if value is not None})}"


def write_cursor(place: Place) -> str:
    return urlsafe_b64encode(f"{place.created_at.isoformat()} {place.id.hex}".encode()).decode().rstrip("=")


def read_cursor(cursor: str | None) -> Place | None:
    """Raises 422 for anything that `write_cursor` did not write."""
    if not cursor:
        return None
    try:
        when, letter_id = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii").split(" ")
        place = Place(datetime.fromisoformat(when), UUID(letter_id))
    except ValueError as error:
        raise bad_cursor() from error
    if place.created_at.tzinfo is None or not re.fullmatch("[0-9a-f]{32}", letter_id):
        raise bad_cursor()
    return place
