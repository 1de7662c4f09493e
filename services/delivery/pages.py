"""`/ops`: the operator's console. Closed unless there is a staff token; every form guarded against forgery."""

from collections.abc import Callable
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from services.delivery.api import LIMIT_DEFAULT, Cursor, Kind, Limit, State, next_url, read_cursor
from services.delivery.desk import COUNTED_LIVE_MAX, COUNTED_MAX
from services.delivery.kinds import LetterKind
from services.delivery.states import CANCELLABLE, LIVE, RETRIABLE, LetterState
from services.delivery.steering_schemas import KEEPABLE, WHY_CHARACTERS_MAX
from services.delivery.wiring import Wiring
from shared.audit import By
from shared.web.problems import FieldError, invalid
from shared.web.staff import LOGIN, WHO_CHARACTERS_MAX, show_way_in

SEE_OTHER = 303
LIST = "/ops/letters"

Token = Annotated[str, Form(max_length=500)]
Why = Annotated[str, Form(max_length=WHY_CHARACTERS_MAX, pattern=KEEPABLE)]
Who = Annotated[str, Form(max_length=WHO_CHARACTERS_MAX)]


def install_pages(app: FastAPI, wiring: Wiring) -> None:
    app.include_router(_way_in(wiring))
    app.include_router(_console(wiring))
    show_way_in(app)


def _way_in(wiring: Wiring) -> APIRouter:
    staff = wiring.staff
    router = APIRouter(include_in_schema=False, dependencies=[Depends(staff.require_open)])

    @router.get("/ops")
    async def find_console() -> Response:
        return RedirectResponse(LIST, SEE_OTHER)

    @router.get(LOGIN)
    async def show_login() -> HTMLResponse:
        return wiring.pages.respond("ops/login.html", errors=[], who="")

    @router.post(LOGIN, dependencies=[Depends(staff.require_own_form)])
    async def log_in(token: Token = "", who: Who = "") -> Response:
        if not staff.is_token(token.strip()):
            errors = [FieldError("token", "That is not the staff token.")]
            return wiring.pages.respond("ops/login.html", 403, errors=errors, who=who)
        return _went(LIST, partial(staff.open_session, who=who))

    @router.post("/ops/logout", dependencies=[Depends(staff.require_own_form)])
    async def log_out() -> Response:
        return _went(LOGIN, staff.close_session)

    return router


def _console(wiring: Wiring) -> APIRouter:
    desk, pages = wiring.desk, wiring.pages
    router = APIRouter(prefix=LIST, include_in_schema=False, dependencies=[Depends(wiring.staff.require_session)])
    own_form = [Depends(wiring.staff.require_own_form)]
    Staff = Annotated[str, Depends(wiring.staff.require_session)]  # noqa: N806  # a type

    @router.get("")
    async def list_letters(
        state: State = None, limit: Limit = LIMIT_DEFAULT, after: Cursor = None, kind: Kind = LetterKind.LETTER
    ) -> HTMLResponse:
        page = await desk.list_letters(state, read_cursor(after), limit, kind)
        return pages.respond(
            "ops/letters.html",
            letters=page.letters,
            counts=[(one, _in_words(one, count)) for one, count in (await desk.count_by_state(kind=kind)).items()],
            kinds=list(LetterKind),
            kind=kind,
            state=state,
            is_first=after is None,
            older=next_url(LIST, page.next, state, limit, kind),
        )

    @router.get("/{letter_id}")
    async def show_letter(letter_id: UUID) -> HTMLResponse:
        letter, attempts, what_next = await desk.read_letter(letter_id)
        return pages.respond(
            "ops/letter.html",
            letter=letter,
            attempts=attempts,
            what_next=what_next,
            why_max=WHY_CHARACTERS_MAX,
            incoming=await wiring.incoming.list(letter_id=letter_id),
            mail=await wiring.mail.read(letter),
            is_uncertain=letter.state is LetterState.UNCERTAIN,
            may_retry=letter.state in RETRIABLE and bool(letter.to_address),
            may_cancel=letter.state in CANCELLABLE,
        )

    @router.post("/{letter_id}/retry", dependencies=own_form)
    async def retry_letter(letter_id: UUID, who: Staff, why: Why = "") -> Response:
        await desk.retry_letter(letter_id, _by(who, why))
        return _went(f"{LIST}/{letter_id}")

    @router.post("/{letter_id}/arrived", dependencies=own_form)
    async def mark_sent(letter_id: UUID, who: Staff, why: Why = "") -> Response:
        await desk.mark_sent(letter_id, _by(who, why))
        return _went(f"{LIST}/{letter_id}")

    @router.post("/{letter_id}/cancel", dependencies=own_form)
    async def cancel_letter(letter_id: UUID, who: Staff, why: Why = "") -> Response:
        await desk.cancel_letter(letter_id, _by(who, why))
        return _went(f"{LIST}/{letter_id}")

    return router


def _by(who: str, why: str) -> By:
    """Raises 422 without a reason."""
    if not why.strip():
        raise invalid([FieldError("why", "Say why.")])
    return By(who, why.strip())


def _in_words(state: LetterState, count: int) -> str:
    bound = COUNTED_LIVE_MAX if state in LIVE else COUNTED_MAX
    return f"{count:,}+" if count >= bound else f"{count:,}"


def _went(where: str, with_session: Callable[[Response], None] | None = None) -> Response:
    answer = RedirectResponse(where, SEE_OTHER, headers={"Cache-Control": "no-store"})
    if with_session:
        with_session(answer)
    return answer
