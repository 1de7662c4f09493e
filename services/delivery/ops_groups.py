"""`/ops/groups`: send a group of letters again, or stop it, looked at first. The same as `/api/v1/delivery/groups`."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from services.delivery.groups import Group, Turn
from services.delivery.states import CANCELLABLE, RETRIABLE
from services.delivery.steering_schemas import WHY_CHARACTERS_MAX, GroupIn
from services.delivery.typed_forms import read_form, read_typed
from services.delivery.wiring import Wiring
from shared.audit import By
from shared.web.problems import FieldError, Problem

PAGE = "/ops/groups"
TURNS_MAX = 20  # 10,000 letters; for more, press again, or use `./w4r`
EMPTY = {
    "act": "again",
    "state": "failed",
    "case_id": "",
    "target_id": "",
    "destination": "",
    "per_minute": "",
    "why": "",
}
SAID = {
    "state": "Letters of this state cannot: failed, bounced, suppressed and uncertain ones can be sent again; queued, "
    "uncertain and bundled ones can be stopped.",
    "case_id": "The id of a case, as the overview shows it, or nothing.",
    "target_id": "The id of a target, as the overview shows it, or nothing.",
    "destination": "A mail provider or domain, or nothing.",
    "per_minute": "A number, or nothing.",
    "why": f"Say why, in at most {WHY_CHARACTERS_MAX} characters.",
}


def groups_pages(wiring: Wiring) -> APIRouter:
    require = wiring.staff.require_session
    router = APIRouter(prefix=PAGE, include_in_schema=False, dependencies=[Depends(require)])

    @router.get("")
    async def show_form() -> HTMLResponse:
        return show(EMPTY)

    @router.post("", dependencies=[Depends(wiring.staff.require_own_form)])
    async def act(request: Request, who: Annotated[str, Depends(require)]) -> HTMLResponse:
        form = EMPTY | await read_form(request)
        values = {name: form[name] or None for name in EMPTY} | {"why": form["why"]}
        try:
            wish = read_typed(GroupIn, values, SAID, "state")
        except Problem as problem:
            return show(form, problem=problem)
        if "look" in form:
            return show(form, count=await wiring.groups.count(_group(wish)))
        return show(form, done=await _act(wish, By(who, wish.why)))

    async def _act(wish: GroupIn, by: By) -> Turn:
        turn = await wiring.groups.act(_group(wish), wish.act, by, per_minute=wish.per_minute)
        done, left = turn.done, turn.left
        for _ in range(TURNS_MAX - 1):
            if turn.next is None:
                break
            turn = await wiring.groups.act(
                _group(wish), wish.act, by, after=turn.next, begin_at=turn.last_at, per_minute=wish.per_minute
            )
            done, left = done + turn.done, left + turn.left
        return Turn(done, left, turn.next, turn.last_at)

    def show(
        form: Mapping[str, Any], *, problem: Problem | None = None, count: int | None = None, done: Turn | None = None
    ) -> HTMLResponse:
        errors = (problem.errors or [FieldError("why", problem.title)]) if problem else []
        return wiring.pages.respond(
            "ops/groups.html",
            problem.status if problem else 200,
            form=form,
            errors=errors,
            error_of=dict.fromkeys(SAID) | {error.field: error.message for error in errors},
            states=[(state.value, state.value) for state in dict.fromkeys((*RETRIABLE, *CANCELLABLE))],
            count=count,
            done=done,
            why_max=WHY_CHARACTERS_MAX,
        )

    return router


def _group(wish: GroupIn) -> Group:
    return Group(wish.state, wish.case_id, wish.target_id, wish.destination)
