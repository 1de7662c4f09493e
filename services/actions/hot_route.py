"""The hot route: `POST /api/v1/actions`, from bytes to bytes.

FastAPI's way to a route costs more than accepting an action does. So this one is a bare ASGI endpoint, inside the same
guards and with the same problems; `api.py` documents it.
"""

from fastapi import Request
from fastapi.responses import Response
from pydantic import ValidationError
from starlette.requests import ClientDisconnect
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from services.actions.errors import KeyMalformed, KeyMissing, NotJson, WrongType
from services.actions.intake import Receipt, accept_action
from services.actions.origins import origin_of
from services.actions.schemas import ACTION_REQUEST, ActionRequest, explain
from services.actions.wiring import Wiring
from shared.messages.envelope import derived_id
from shared.web.guards import LOG_FIELDS
from shared.web.problems import invalid

PATH = "/api/v1/actions"
KEY_CHARACTERS_MAX = 255


class PostAction:
    """Answers once the action is on disk, or raises the `Problem` that the frame answers with."""

    def __init__(self, wiring: Wiring) -> None:
        self._intake, self._own = wiring.intake, wiring.own_networks
        self._receipts = f"{wiring.settings.public_url.rstrip('/')}/receipts/"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        key = _key_of(request)
        wish = _read(request.headers.get("content-type", ""), await _body(receive))
        receipt = await accept_action(wish, derived_id("action", "api", key), self._intake, origin_of(scope, self._own))
        scope[LOG_FIELDS] = {"action_id": str(receipt.action_id), "outcome": "accepted"}
        await self._answer(receipt)(scope, receive, send)

    def _answer(self, receipt: Receipt) -> Response:
        url = self._receipts + receipt.token
        body = f'{{"id":"{receipt.action_id}","status":"accepted","receipt":"{url}"}}'
        return Response(body, 202, {"Location": url, "Cache-Control": "no-store"}, "application/json")


class HotRoute(Route):
    """To be put before all other routes."""

    def __init__(self, wiring: Wiring) -> None:
        super().__init__(PATH, PostAction(wiring), methods=["POST"])

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        # FastAPI names only its own routes in the scope, where logs and metrics look for the name.
        match, child_scope = super().matches(scope)
        return match, {**child_scope, "route": self}


def _key_of(request: Request) -> str:
    key = request.headers.get("idempotency-key")
    if key is None:
        raise KeyMissing
    if not (0 < len(key) <= KEY_CHARACTERS_MAX and key.isascii() and key.isprintable()):
        raise KeyMalformed
    return key


async def _body(receive: Receive) -> bytes:
    """All of it; the guards bound its size and time."""
    pieces, is_more = [], True
    while is_more:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise ClientDisconnect
        pieces.append(event.get("body", b""))
        is_more = event.get("more_body", False)
    return b"".join(pieces)


def _read(content_type: str, body: bytes) -> ActionRequest:
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise WrongType("application/json")
    try:
        return ACTION_REQUEST.validate_json(body)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        if errors[0]["type"] == "json_invalid":
            raise NotJson from None
        raise invalid(explain(errors)) from None
