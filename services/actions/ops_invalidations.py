"""`/ops/intake/invalidations` and `/api/v1/intake/invalidations`: take actions for invalid in bulk, and back."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from services.actions.criteria import Criteria
from services.actions.errors import LookTooLong
from services.actions.invalidating import Invalidations
from services.actions.openapi import CHANGING_ANSWERS, STAFF_ANSWERS
from services.actions.previewing import ACTIONS_MAX, Preview
from services.actions.tables import Invalidation
from services.actions.wiring import Wiring
from shared.audit import By
from shared.db import DatabaseAway
from shared.web.problems import FieldError, Problem, field_errors, invalid, unavailable

API = "/api/v1/intake/invalidations"
PAGE = "/ops/intake/invalidations"
FIELDS = ("accepted_from", "accepted_to", "network", "mailbox_domain", "pattern", "case")
FIELDS_MAX = 20
HOURS_OFFERED = 24

Why = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class Wish(BaseModel):
    """Look first (`dry_run`), then say how many were seen: another number is refused."""

    model_config = ConfigDict(extra="forbid")

    criteria: Criteria
    dry_run: bool
    count_seen: int | None = Field(default=None, ge=0, description="of the dry run; needed to apply")
    why: Why | None = Field(default=None, description="needed to apply")


class Reason(BaseModel):
    model_config = ConfigDict(extra="forbid")

    why: Why


class SampleOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    case: str
    country: str
    mailbox_domain: str
    network: str | None
    subject: str
    accepted_at: AwareDatetime


class PreviewOut(BaseModel):
    """What would be hit. Nothing was changed. Apply with these criteria: they end by when you looked."""

    model_config = ConfigDict(from_attributes=True)

    criteria: Criteria
    count: int
    by_case: dict[str, int]
    by_country: dict[str, int]
    first_at: AwareDatetime | None
    last_at: AwareDatetime | None
    samples: list[SampleOut]


class InvalidationOut(BaseModel):
    """`actions` are invalid because of it now."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    criteria: dict[str, Any]
    who: str
    why: str
    state: Literal["running", "done", "undoing", "undone"]
    actions: int
    created_at: AwareDatetime
    finished_at: AwareDatetime | None


class InvalidationList(BaseModel):
    invalidations: list[InvalidationOut]


def invalidations_router(wiring: Wiring) -> APIRouter:
    router = APIRouter()
    router.include_router(_api(wiring))
    router.include_router(_pages(wiring))
    return router


def _api(wiring: Wiring) -> APIRouter:
    work, bearer = wiring.invalidations, wiring.staff.require_bearer
    router = APIRouter(prefix=API, tags=["intake"])
    Who = Annotated[str, Depends(bearer)]  # noqa: N806  # a type, made of the wiring

    @router.get("", summary="Past invalidations", responses=STAFF_ANSWERS)
    async def list_invalidations(_: Who, response: Response) -> InvalidationList:
        response.headers["Cache-Control"] = "no-store"
        return InvalidationList(invalidations=[InvalidationOut.model_validate(row) for row in await work.latest()])

    @router.post("", summary="Look, or invalidate", responses=CHANGING_ANSWERS)
    async def invalidate(wish: Wish, who: Who) -> PreviewOut | InvalidationOut:
        """A dry run answers what would be hit; applied, it is worked off within seconds to minutes."""
        if wish.dry_run:
            return PreviewOut.model_validate(await work.preview(wish.criteria))
        if wish.count_seen is None or wish.why is None:
            missing = [name for name in ("count_seen", "why") if getattr(wish, name) is None]
            raise invalid([FieldError(name, "Needed to apply.") for name in missing])
        return InvalidationOut.model_validate(await work.begin(wish.criteria, wish.count_seen, By(who, wish.why)))

    @router.get("/{invalidation_id}", summary="How far it is", responses=STAFF_ANSWERS | {422: CHANGING_ANSWERS[422]})
    async def show_invalidation(invalidation_id: UUID, _: Who, response: Response) -> InvalidationOut:
        response.headers["Cache-Control"] = "no-store"
        return InvalidationOut.model_validate(await work.find(invalidation_id))

    @router.post("/{invalidation_id}/undo", summary="Let them count again", responses=CHANGING_ANSWERS)
    async def undo(invalidation_id: UUID, reason: Reason, who: Who) -> InvalidationOut:
        return InvalidationOut.model_validate(await work.undo(invalidation_id, By(who, reason.why)))

    return router


def _pages(wiring: Wiring) -> APIRouter:
    work, staff = wiring.invalidations, wiring.staff
    own_form = [Depends(staff.require_own_form)]
    router = APIRouter(prefix=PAGE, include_in_schema=False)
    Who = Annotated[str, Depends(staff.require_session)]  # noqa: N806  # a type, made of the wiring

    async def show(
        form: dict[str, str], preview: Preview | None = None, problem: Problem | None = None
    ) -> HTMLResponse:
        return wiring.pages.respond(
            "ops/invalidations.html",
            problem.status if problem else 200,
            form=form,
            preview=preview,
            actions_max=ACTIONS_MAX,
            problem=problem,
            errors=problem.errors if problem else [],
            by_field=defaultdict(str, {error.field: error.message for error in problem.errors} if problem else {}),
            past=await _past(work, is_needed=problem is None),
        )

    async def look(form: dict[str, str], criteria: Criteria, problem: Problem | None = None) -> HTMLResponse:
        """With what was wrong with applying it, if it was tried."""
        form = form | _typed(criteria)
        try:
            return await show(form, await work.preview(criteria), problem)
        except LookTooLong as too_long:
            return await show(form, problem=problem or too_long)

    @router.get("")
    async def list_invalidations(_: Who) -> HTMLResponse:
        return await show(_last_hours(wiring.clock.now()))

    @router.post("", dependencies=own_form)
    async def invalidate(request: Request, who: Who) -> Response:
        form = await _read(request)
        try:
            criteria = _criteria(form)
        except Problem as problem:
            return await show(form, problem=problem)
        try:
            if "apply" not in form:
                return await look(form, criteria)
            await work.begin(criteria, _number(form.get("count_seen", "")), By(who, _why(form)))
        except DatabaseAway:
            return await show(form | _typed(criteria), problem=unavailable("Nothing was changed."))
        except Problem as problem:
            return await look(form, criteria, problem)
        return _back_to_list()

    @router.post("/{invalidation_id}/undo", dependencies=own_form)
    async def undo(invalidation_id: UUID, request: Request, who: Who) -> Response:
        try:
            await work.undo(invalidation_id, By(who, _why(await _read(request))))
        except Problem as problem:
            return await show(_last_hours(wiring.clock.now()), problem=problem)
        return _back_to_list()

    return router


async def _past(work: Invalidations, *, is_needed: bool) -> Sequence[Invalidation]:
    """A page that gives back what was typed does without."""
    try:
        return await work.latest()
    except DatabaseAway:
        if is_needed:
            raise
        return []


def _back_to_list() -> Response:
    return RedirectResponse(PAGE, 303, headers={"Cache-Control": "no-store"})


async def _read(request: Request) -> dict[str, str]:
    async with request.form(max_files=0, max_fields=FIELDS_MAX) as data:
        return {name: value.strip() for name, value in data.items() if isinstance(value, str)}


def _criteria(form: dict[str, str]) -> Criteria:
    """Times of the form are UTC: browsers send them without a zone. Raises the 422 that names the fields."""
    given = {name: form[name] for name in FIELDS if form.get(name)}
    for name in ("accepted_from", "accepted_to"):
        if name in given and not given[name].endswith("Z"):
            given[name] += "Z"
    try:
        return Criteria.model_validate(given)
    except ValidationError as error:
        raise invalid([_in_form_words(one) for one in field_errors(error.errors(include_url=False))]) from None


def _in_form_words(error: FieldError) -> FieldError:
    """What is wrong with all of them together stands beside the first that one may add."""
    return FieldError("network" if error.field == "body" else error.field, error.message.removeprefix("Value error, "))


def _typed(criteria: Criteria) -> dict[str, str]:
    """The times as the form has them, to the minute: the last one begun is meant."""
    end = criteria.accepted_to + timedelta(minutes=1) - timedelta(microseconds=1)
    return {"accepted_from": _minute(criteria.accepted_from), "accepted_to": _minute(end)}


def _last_hours(now: datetime) -> dict[str, str]:
    since = now - timedelta(hours=HOURS_OFFERED)
    return {"accepted_from": _minute(since), "accepted_to": _minute(now + timedelta(minutes=1))}


def _why(form: dict[str, str]) -> str:
    why = form.get("why", "")
    if not 0 < len(why) <= 500:
        raise invalid([FieldError("why", "Say why, in at most 500 characters.")])
    return why


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise invalid([FieldError("count_seen", "Look again, and then apply.")])
    return int(text)


def _minute(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M")
