"""`/ops/intake/solidarity`, `/api/v1/intake/solidarity`: staff read messages to people at risk before anybody else."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from services.actions.openapi import CHANGING_ANSWERS, STAFF_ANSWERS
from services.actions.rule_schemas import Reason
from services.actions.solidarity_desk import AT_ONCE_MAX, Place
from services.actions.tables import Action, Judgement
from services.actions.wiring import Wiring
from shared.audit import By
from shared.web.problems import FieldError, Problem, invalid
from shared.web.staff import forbid_caches

API, PAGE = "/api/v1/intake/solidarity", "/ops/intake/solidarity"
READ_AND_LET_THROUGH = "read, and let through"
READING_ANSWERS = STAFF_ANSWERS | {422: CHANGING_ANSWERS[422]}
FIELDS_MAX = AT_ONCE_MAX + 10
REASON: TypeAdapter[str] = TypeAdapter(Reason)
CURSOR_TIME: TypeAdapter[datetime] = TypeAdapter(AwareDatetime)
Cursor = Annotated[str | None, Query(max_length=100)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class MessageOut(Part):
    """A message, for those who read it first."""

    id: UUID
    case: str
    name: str
    country: str
    language: str
    text: str
    may_be_shown: bool = Field(description="its writer agrees that everybody sees it")
    judgement: Judgement
    written_at: AwareDatetime

    @classmethod
    def of(cls, action: Action) -> Self:
        return cls(
            id=action.id,
            case=action.case_slug,
            name=action.supporter_name,
            country=action.supporter_country,
            language=action.letter_language,
            text=action.letter_body,
            may_be_shown=bool(action.may_be_shown),
            judgement=Judgement(action.judgement or Judgement.WAITING),
            written_at=action.accepted_at,
        )


class MessagesOut(Part):
    count: int = Field(description="of all there are; no more are listed at once than 50")
    messages: list[MessageOut]
    next: str | None = Field(description="asks for those that follow; null at the end")


class JudgementIn(Part):
    judgements: dict[UUID, Judgement] = Field(min_length=1, max_length=AT_ONCE_MAX, description="by the message's id")
    why: Reason


class JudgedOut(Part):
    changed: int


def solidarity_router(wiring: Wiring) -> APIRouter:
    router = APIRouter()
    router.include_router(_api(wiring))
    router.include_router(_pages(wiring))
    return router


def _api(wiring: Wiring) -> APIRouter:
    desk, require = wiring.solidarity, wiring.staff.require_bearer
    router = APIRouter(prefix=API, tags=["staff"], dependencies=[Depends(require), Depends(forbid_caches)])

    @router.get("", summary="Messages to people at risk", responses=READING_ANSWERS)
    async def list_messages(judgement: Judgement = Judgement.WAITING, after: Cursor = None) -> MessagesOut:
        """Those that wait, oldest first; others newest first. `after` is the `next` of the list before."""
        rows, count = await desk.read(judgement, read_cursor(after))
        return MessagesOut(count=count, messages=[MessageOut.of(row) for row in rows], next=cursor_after(rows))

    @router.post("", summary="Say what becomes of messages", responses=CHANGING_ANSWERS)
    async def judge_messages(wish: JudgementIn, who: Annotated[str, Depends(require)]) -> JudgedOut:
        return JudgedOut(changed=await desk.judge(wish.judgements, By(who, wish.why)))

    return router


def _pages(wiring: Wiring) -> APIRouter:
    desk, session = wiring.solidarity, Depends(wiring.staff.require_session)
    router = APIRouter(prefix=PAGE, include_in_schema=False, dependencies=[session])

    @router.get("")
    async def show_messages(judgement: Judgement = Judgement.WAITING, after: Cursor = None) -> HTMLResponse:
        return await show(judgement, after)

    @router.post("", dependencies=[Depends(wiring.staff.require_own_form)])
    async def judge_messages(
        request: Request, judgement: Judgement = Judgement.WAITING, who: str = session
    ) -> Response:
        async with request.form(max_files=0, max_fields=FIELDS_MAX) as data:
            typed = {name: value for name, value in data.items() if isinstance(value, str)}
        try:
            judgements = _read_judgements(typed)
            await desk.judge(judgements, By(who, _read_why(typed.get("why", ""), judgements.values())))
        except Problem as problem:
            return await show(judgement, None, typed, problem)
        return RedirectResponse(f"{PAGE}?judgement={judgement.value}", 303, headers={"Cache-Control": "no-store"})

    async def show(
        judgement: Judgement,
        after: str | None = None,
        typed: dict[str, str] | None = None,
        problem: Problem | None = None,
    ) -> HTMLResponse:
        rows, count = await desk.read(judgement, read_cursor(after))
        unbundled, bundles = await wiring.bundles.look()
        return wiring.pages.respond(
            "ops/solidarity.html",
            problem.status if problem else 200,
            messages=[MessageOut.of(row) for row in rows],
            count=count,
            judgement=judgement,
            judgements=list(Judgement),
            next=cursor_after(rows),
            unbundled=unbundled,
            bundles=bundles,
            typed=typed or {},
            errors=problem.errors if problem else [],
            error_of={error.field: error.message for error in problem.errors} if problem else {},
        )

    return router


def cursor_after(rows: Sequence[Action]) -> str | None:
    return f"{rows[-1].accepted_at.isoformat()}/{rows[-1].id}" if len(rows) == AT_ONCE_MAX else None


def read_cursor(after: str | None) -> Place | None:
    """Raises the 422 for one that no list gave."""
    if not after:
        return None
    at, _, id_ = after.partition("/")
    try:
        return CURSOR_TIME.validate_python(at), UUID(id_)
    except ValueError:
        raise invalid([FieldError("after", "This is not the `next` of a list.")]) from None


def _read_judgements(typed: dict[str, str]) -> dict[UUID, Judgement]:
    """What was chosen; a message that was left as it is, is not among it. Raises the 422 for what no page offers."""
    try:
        chosen = {UUID(name): Judgement(value) for name, value in typed.items() if name != "why" and value}
    except ValueError:
        raise invalid([FieldError("why", "Choose for each message what becomes of it.")]) from None
    if not chosen:
        raise invalid([FieldError("why", "Nothing was chosen.")])
    return chosen


def _read_why(typed: str, judgements: Collection[Judgement]) -> str:
    """A refusal has a reason; letting through needs none. Raises the 422 that asks for it."""
    if not typed.strip() and Judgement.REFUSED not in judgements:
        return READ_AND_LET_THROUGH
    try:
        return REASON.validate_python(typed)
    except ValidationError:
        raise invalid([FieldError("why", "Say why you refuse, in one line.")]) from None
