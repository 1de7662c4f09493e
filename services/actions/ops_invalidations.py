"""`/ops/intake/invalidations` and `/api/v1/intake/invalidations`: take actions for invalid in bulk, and back."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from services.actions.criteria import Criteria
from services.actions.openapi import CHANGING_ANSWERS, STAFF_ANSWERS
from services.actions.wiring import Wiring
from shared.audit import By
from shared.web.problems import FieldError, Problem, field_errors, invalid

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
    """What would be hit. Nothing was changed."""

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

    @router.post("/{invalidation_id}/undo", summary="Let them count again", responses=CHANGING_ANSWERS)
    async def undo(invalidation_id: UUID, reason: Reason, who: Who) -> InvalidationOut:
        return InvalidationOut.model_validate(await work.undo(invalidation_id, By(who, reason.why)))

    return router


def _pages(wiring: Wiring) -> APIRouter:
    work, staff = wiring.invalidations, wiring.staff
    own_form = [Depends(staff.require_own_form)]
    router = APIRouter(prefix=PAGE, include_in_schema=False)
    Who = Annotated[str, Depends(staff.require_session)]  # noqa: N806  # a type, made of the wiring

    async def show(status: int = 200, **values: Any) -> HTMLResponse:
        now = wiring.clock.now()
        offered = {"accepted_from": _minute(now - timedelta(hours=HOURS_OFFERED)), "accepted_to": _minute(now)}
        shown: dict[str, Any] = {"preview": None, "problem": None, "form": offered, "errors": []} | values
        errors = defaultdict(str, {error.field: error.message for error in shown["errors"]})
        return wiring.pages.respond(
            "ops/invalidations.html", status, **shown, by_field=errors, past=await work.latest()
        )

    @router.get("")
    async def list_invalidations(_: Who) -> HTMLResponse:
        return await show()

    @router.post("", dependencies=own_form)
    async def invalidate(request: Request, who: Who) -> Response:
        form = await _read(request)
        try:
            criteria = _criteria(form)
            if "apply" in form:
                await work.begin(criteria, _number(form.get("count_seen", "")), By(who, _why(form)))
                return RedirectResponse(PAGE, 303, headers={"Cache-Control": "no-store"})
            return await show(form=form, preview=await work.preview(criteria))
        except Problem as problem:
            return await show(problem.status, form=form, errors=problem.errors, problem=problem)

    @router.post("/{invalidation_id}/undo", dependencies=own_form)
    async def undo(invalidation_id: UUID, request: Request, who: Who) -> Response:
        await work.undo(invalidation_id, By(who, _why(await _read(request))))
        return RedirectResponse(PAGE, 303, headers={"Cache-Control": "no-store"})

    return router


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
        raise invalid(field_errors(error.errors(include_url=False, include_input=False))) from None


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
    return time.strftime("%Y-%m-%dT%H:%M")
