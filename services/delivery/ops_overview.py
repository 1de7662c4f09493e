"""`/ops/overview`, `/ops/targets/{id}` and `/ops/suppressions`: the same as `/api/v1/delivery`, for people.

Every change asks why. A form that cannot be taken comes back with what was typed.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel

from services.delivery.steering_api import known_target, target_out
from services.delivery.steering_schemas import (
    WHY_CHARACTERS_MAX,
    PauseIn,
    PolicyIn,
    RateIn,
    ReleaseIn,
    SuppressionIn,
    WhyIn,
)
from services.delivery.typed_forms import read_form, read_typed
from services.delivery.wiring import Wiring
from shared.audit import By
from shared.delivery_policy import Weekday
from shared.web.problems import FieldError, Problem, invalid

OVERVIEW, TARGETS, SUPPRESSIONS = "/ops/overview", "/ops/targets", "/ops/suppressions"
SAID = {
    "why": f"Say why, in at most {WHY_CHARACTERS_MAX} characters.",
    "address": "An address such as info@ministry.example.",
    "days": "A number of days, or nothing.",
    "per_hour": "A number, or nothing.",
    "per_day": "A number, or nothing.",
    "per_day_max": "A number, at least 1.",
    "time_zone": "A time zone of the IANA list, such as Asia/Karachi.",
    "hours": "Hours as 09:00, the beginning before the end, and at least one day.",
    "holidays": "The two-letter code of a country whose holidays are known, such as PK.",
    "mode": "Choose one of these.",
}
NO_HOURS = {"days": [day.value for day in tuple(Weekday)[:5]], "begin": "", "end": "", "holidays": ""}

M = TypeVar("M", bound=BaseModel)
Show = Callable[[Mapping[str, Any], Problem | None], Awaitable[HTMLResponse]]


def overview_pages(wiring: Wiring) -> APIRouter:
    require, steering = wiring.staff.require_session, wiring.steering
    router = APIRouter(include_in_schema=False, dependencies=[Depends(require)])
    own_form = [Depends(wiring.staff.require_own_form)]
    Who = Annotated[str, Depends(require)]  # noqa: N806  # a type

    @router.get(OVERVIEW)
    async def show_overview() -> HTMLResponse:
        return await overview({}, None)

    @router.post(f"{OVERVIEW}/{{did}}", dependencies=own_form)
    async def change(request: Request, did: str, who: Who) -> Response:
        return await _change(request, OVERVIEW, overview, lambda form: act(did, form, who))

    async def act(did: str, form: Mapping[str, Any], who: str) -> None:
        by = By(who, _read(WhyIn, {"why": form.get("why", "")}).why)
        match did:
            case "pause" | "resume":
                wish = _read(PauseIn, {name: form.get(name, "") for name in ("scope", "subject", "why")})
                await (steering.pause if did == "pause" else steering.resume)(wish.scope, wish.subject, by)
            case "lift":
                await steering.lift(form.get("name", ""), by)
            case "rate":
                rate = _read(RateIn, {"per_hour": form.get("per_hour") or None, "why": by.why})
                await steering.set_rate(form.get("name", ""), rate.per_hour, by)
            case _:
                raise invalid([FieldError("why", "There is no such change.")])

    async def overview(form: Mapping[str, Any], problem: Problem | None) -> HTMLResponse:
        found = await wiring.standing.read()
        return _respond(
            wiring,
            "ops/overview.html",
            form,
            problem,
            counts=(await wiring.desk.count_by_state()).items(),
            destinations=found.destinations,
            targets=[target_out(target, wiring) for target in found.targets],
            cases=found.cases,
            pauses=await steering.pauses(),
        )

    @router.get(f"{TARGETS}/{{target_id}}")
    async def show_target(target_id: UUID) -> HTMLResponse:
        return await target(target_id, {}, None)

    @router.post(f"{TARGETS}/{{target_id}}", dependencies=own_form)
    async def set_policy(request: Request, target_id: UUID, who: Who) -> Response:
        async def keep(form: Mapping[str, Any]) -> None:
            if "drop" in form:
                await steering.drop_policy(target_id, By(who, _read(WhyIn, {"why": form.get("why", "")}).why))
                return
            wish = _read(PolicyIn, {"policy": _typed_policy(form), "why": form.get("why", "")})
            await steering.set_policy(target_id, wish.policy, By(who, wish.why))

        return await _change(request, f"{TARGETS}/{target_id}", lambda *typed: target(target_id, *typed), keep)

    async def target(target_id: UUID, form: Mapping[str, Any], problem: Problem | None) -> HTMLResponse:
        shown = target_out(await known_target(target_id, wiring), wiring)
        policy = shown.policy.model_dump(mode="json")
        hours = policy.pop("hours") or NO_HOURS
        typed = policy | {"at_work": shown.policy.hours is not None} | hours
        typed |= form and {"days": [], "at_work": False} | dict(form)
        return _respond(wiring, "ops/target.html", typed, problem, target=shown, weekdays=list(Weekday))

    @router.get(SUPPRESSIONS)
    async def show_suppressions() -> HTMLResponse:
        return await suppressions({}, None)

    @router.post(f"{SUPPRESSIONS}/{{did}}", dependencies=own_form)
    async def change_suppressions(request: Request, did: str, who: Who) -> Response:
        async def keep(form: Mapping[str, Any]) -> None:
            if did == "release":
                gone = _read(ReleaseIn, {name: form.get(name, "") for name in ("address", "why")})
                await wiring.suppressions.lift(gone.address, By(who, gone.why))
                return
            values = {name: form.get(name, "") for name in ("address", "why")} | {"days": form.get("days") or None}
            wish = _read(SuppressionIn, values)
            lasts = timedelta(days=wish.days) if wish.days else None
            await wiring.suppressions.suppress(wish.address, By(who, wish.why), lasts)

        return await _change(request, SUPPRESSIONS, suppressions, keep)

    async def suppressions(form: Mapping[str, Any], problem: Problem | None) -> HTMLResponse:
        found = await wiring.suppressions.list()
        typed = {"address": "", "days": ""} | dict(form)
        return _respond(wiring, "ops/suppressions.html", typed, problem, suppressions=found)

    return router


async def _change(
    request: Request, back: str, show: Show, act: Callable[[Mapping[str, Any]], Awaitable[None]]
) -> Response:
    """Do what a form asks for and go back, or show it again with what is wrong."""
    form = await read_form(request)
    try:
        await act(form)
    except Problem as problem:
        return await show(form, problem)
    return RedirectResponse(back, 303, headers={"Cache-Control": "no-store"})


def _respond(
    wiring: Wiring, template: str, form: Mapping[str, Any], problem: Problem | None, **values: Any
) -> HTMLResponse:
    errors = (problem.errors or [FieldError("why", problem.title)]) if problem else []
    return wiring.pages.respond(
        template,
        problem.status if problem else 200,
        form=form,
        errors=errors,
        error_of=dict.fromkeys(SAID) | {error.field: error.message for error in errors},
        why_max=WHY_CHARACTERS_MAX,
        **values,
    )


def _typed_policy(form: Mapping[str, Any]) -> dict[str, Any]:
    """The form's fields as a policy has them; what is left empty is none."""
    hours = {name: form.get(name) or None for name in ("days", "begin", "end", "holidays")}
    return {
        "mode": form.get("mode", ""),
        "time_zone": form.get("time_zone", ""),
        "every": form.get("every") or "day",
        "per_hour": form.get("per_hour") or None,
        "per_day": form.get("per_day") or None,
        "per_day_max": form.get("per_day_max") or 0,
        "hours": hours if "at_work" in form else None,
    }


def _read(model: type[M], values: Mapping[str, Any]) -> M:
    return read_typed(model, values, SAID)
