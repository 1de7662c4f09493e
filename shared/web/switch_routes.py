"""The page and the API on which staff turn the switches of a service. Both services that have switches use these."""

from collections import defaultdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from shared.audit import AuditColumns
from shared.db import DatabaseAway
from shared.web.pages import Pages
from shared.web.problems import Problem, unavailable
from shared.web.staff import Staff
from shared.web.switchboard import (
    NAME,
    WHY_CHARACTERS_MAX,
    Switchboard,
    SwitchesOut,
    SwitchOut,
    TurnRequest,
    read_turn,
    switch_out,
)

SEE_OTHER = 303
NO_STORE = {"Cache-Control": "no-store"}
FIELD_CHARACTERS_MAX = 10_000

Typed = Annotated[str, Form(max_length=FIELD_CHARACTERS_MAX)]
Answers = dict[int | str, dict[str, Any]]

# The body is read by hand, after the guard: FastAPI would complain of it to strangers first.
TURN_SENT: dict[str, Any] = {
    "parameters": [
        {
            "name": "name",
            "in": "path",
            "required": True,
            "description": "as the list of switches names it",
            "schema": {"type": "string", "pattern": NAME},
        }
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["state", "why"],
                    "additionalProperties": False,
                    "properties": {
                        "state": {"enum": ["auto", "on", "off"]},
                        "why": TurnRequest.model_json_schema()["properties"]["why"],
                    },
                }
            }
        },
    },
}


def switch_api(path: str, board: Switchboard, staff: Staff, answers: Answers) -> APIRouter:
    """`GET path` and `PUT path/{name}`, for who holds the staff token. `answers` are the documented refusals."""
    router = APIRouter(tags=["switches"])
    who = Depends(staff.require_bearer)

    @router.get(path, summary="How the switches stand", dependencies=[who], responses=_without(422, answers))
    async def list_switches(response: Response) -> SwitchesOut:
        """As the process that answers sees them: never older than a second, unless the database is away."""
        response.headers.update(NO_STORE)
        return SwitchesOut(
            switches=[switch_out(view) for view in await board.read()],
            requests_in_flight=board.load.requests,
            requests_in_flight_max=board.load.requests_max,
        )

    @router.put(f"{path}/{{name}}", summary="Turn a switch", responses=answers, openapi_extra=TURN_SENT)
    async def turn_switch(request: Request, response: Response, who: str = who) -> SwitchOut:
        """All processes follow within seconds. Who (the header Staff-Name) and why are kept for good."""
        response.headers.update(NO_STORE)
        turn = read_turn(await request.body())
        return switch_out(await board.turn(request.path_params["name"], turn, who))

    return router


def switch_pages(path: str, template: str, board: Switchboard, staff: Staff, pages: Pages) -> APIRouter:
    """The page at `path`, and the form on it. A form that cannot be taken comes back with all that was typed."""
    session = Depends(staff.require_session)
    router = APIRouter(include_in_schema=False, dependencies=[session])

    async def show(typed: dict[str, str] | None = None, problem: Problem | None = None) -> HTMLResponse:
        page = pages.respond(
            template,
            problem.status if problem else 200,
            here=path,
            views=await board.read(),
            load=board.load,
            changes=await _changes(board),
            typed=typed or {"switch": "", "state": "", "why": ""},
            problem=problem,
            errors=defaultdict(str, {error.field: error.message for error in problem.errors} if problem else {}),
            why_max=WHY_CHARACTERS_MAX,
        )
        page.headers.update(problem.headers if problem else {})
        return page

    @router.get(path)
    async def show_switches() -> HTMLResponse:
        return await show()

    @router.post(path, dependencies=[Depends(staff.require_own_form)])
    async def post_switch(switch: Typed = "", state: Typed = "", why: Typed = "", who: str = session) -> Response:
        typed = {"switch": switch, "state": state, "why": why}
        try:
            await board.turn(switch, read_turn({"state": state, "why": why}), who)
        except Problem as problem:
            return await show(typed, problem)
        except DatabaseAway:
            return await show(typed, unavailable("The database is away. Nothing was turned."))
        return RedirectResponse(path, SEE_OTHER, headers=NO_STORE)

    return router


async def _changes(board: Switchboard) -> list[AuditColumns] | None:
    """None while they cannot be read: the switches themselves are still to be seen."""
    try:
        return await board.latest_changes()
    except DatabaseAway:
        return None


def _without(status: int, answers: Answers) -> Answers:
    return {key: answer for key, answer in answers.items() if key != status}
