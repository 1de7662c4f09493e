"""Rules on who may write, for staff: `/api/v1/intake/rules` for their tools, `/ops/intake/rules` for their eyes."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import ValidationError

from services.actions.openapi import CHANGING_ANSWERS, STAFF_ANSWERS
from services.actions.rule_schemas import LASTS, REASON_CHARACTERS_MAX, RemovalIn, RuleIn, RuleList, RuleOut
from services.actions.rule_values import VALUE_CHARACTERS_MAX
from services.actions.wiring import Wiring
from shared.audit import By
from shared.web.problems import FieldError, Problem, field_errors, invalid
from shared.web.staff import forbid_caches

API, PAGE = "/api/v1/intake/rules", "/ops/intake/rules"
SHOWN_MAX = 200
FIELD_CHARACTERS_MAX = 2_000
EMPTY_FORM = {"kind": "network", "value": "", "verdict": "block", "lasts": "week", "reason": ""}
MESSAGES = {
    "kind": "Choose what it is about.",
    "value": "Name a network, a mailbox or a domain.",
    "verdict": "Choose whether to block or to allow.",
    "lasts": "Choose how long it holds.",
    "reason": f"Say why, in at most {REASON_CHARACTERS_MAX} characters.",
}

Typed = Annotated[str, Form(max_length=FIELD_CHARACTERS_MAX)]


def rules_router(wiring: Wiring) -> APIRouter:
    router = APIRouter()
    router.include_router(_api(wiring))
    router.include_router(_pages(wiring))
    return router


def _api(wiring: Wiring) -> APIRouter:
    rules, require = wiring.rules, wiring.staff.require_bearer
    router = APIRouter(prefix=API, tags=["staff"], dependencies=[Depends(require), Depends(forbid_caches)])

    @router.get("", summary="The rules on who may write", responses=STAFF_ANSWERS)
    async def list_rules() -> RuleList:
        now = wiring.clock.now()
        return RuleList(rules=[RuleOut.of(row, now) for row in await rules.current()])

    @router.post("", summary="Block or allow", status_code=201, responses=CHANGING_ANSWERS)
    async def add_rule(wish: RuleIn, who: Annotated[str, Depends(require)]) -> RuleOut:
        now = wiring.clock.now()
        return RuleOut.of(await rules.add(wish.as_rule(now), who), now)

    @router.delete("/{rule_id}", summary="Remove a rule", status_code=204, responses=CHANGING_ANSWERS)
    async def remove_rule(rule_id: UUID, removal: RemovalIn, who: Annotated[str, Depends(require)]) -> None:
        await rules.remove(rule_id, By(who, removal.why))

    return router


def _pages(wiring: Wiring) -> APIRouter:
    rules, require = wiring.rules, wiring.staff.require_session
    router = APIRouter(prefix=PAGE, include_in_schema=False, dependencies=[Depends(require)])
    own_form = [Depends(wiring.staff.require_own_form)]

    @router.get("")
    async def show_rules() -> HTMLResponse:
        return await show(EMPTY_FORM)

    @router.post("", dependencies=own_form)
    async def add_rule(
        who: Annotated[str, Depends(require)],
        kind: Typed = "",
        value: Typed = "",
        verdict: Typed = "",
        lasts: Typed = "",
        reason: Typed = "",
    ) -> Response:
        form = {"kind": kind, "value": value, "verdict": verdict, "lasts": lasts, "reason": reason}
        now = wiring.clock.now()
        try:
            await rules.add(_read_form(form, wiring).as_rule(now), who)
        except Problem as problem:
            return await show(form, problem)
        return _back()

    @router.post("/{rule_id}/remove", dependencies=own_form)
    async def remove_rule(rule_id: UUID, who: Annotated[str, Depends(require)], why: Typed = "") -> Response:
        try:
            removal = RemovalIn(why=why)
        except ValidationError:
            return await show(EMPTY_FORM, invalid([FieldError(f"why-{rule_id}", MESSAGES["reason"])]))
        await rules.remove(rule_id, By(who, removal.why))
        return _back()

    async def show(form: dict[str, str], problem: Problem | None = None) -> HTMLResponse:
        now = wiring.clock.now()
        rows = await rules.current()
        errors = (problem.errors or [FieldError("value", problem.title)]) if problem else []
        return wiring.pages.respond(
            "ops/rules.html",
            problem.status if problem else 200,
            rules=[RuleOut.of(row, now) for row in rows[:SHOWN_MAX]],
            left_out=max(0, len(rows) - SHOWN_MAX),
            form=form,
            errors=errors,
            error_of=dict.fromkeys(EMPTY_FORM) | {error.field: error.message for error in errors},
            lasts=[(key, words) for key, (words, _) in LASTS.items()],
            value_characters_max=VALUE_CHARACTERS_MAX,
            reason_characters_max=REASON_CHARACTERS_MAX,
        )

    return router


def _read_form(form: dict[str, str], wiring: Wiring) -> RuleIn:
    """Raises the 422 that says which fields cannot be taken."""
    values: dict[str, Any] = {name: form[name] for name in ("kind", "value", "verdict", "reason")}
    if form["lasts"] not in LASTS:
        raise invalid([FieldError("lasts", MESSAGES["lasts"])])
    length = LASTS[form["lasts"]][1]
    try:
        return RuleIn(**values, until=wiring.clock.now() + length if length else None)
    except ValidationError as error:
        fields = dict.fromkeys(each.field for each in field_errors(error.errors(include_url=False)))
        raise invalid([FieldError(field, MESSAGES[field]) for field in fields]) from None


def _back() -> Response:
    return RedirectResponse(PAGE, 303, headers={"Cache-Control": "no-store"})
