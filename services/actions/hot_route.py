"""The hot route: `POST /api/v1/actions`, from bytes to bytes.

FastAPI's way to a route costs more than accepting an action does. So this one stands before it, a bare ASGI endpoint
inside the same guards and with the same problems; `api.py` documents it.
"""

from collections.abc import Mapping

from pydantic import ValidationError
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from services.actions.errors import KeyMalformed, KeyMissing, NotJson, WrongType
from services.actions.intake import Receipt, accept_action
from services.actions.origins import origin_of
from services.actions.schemas import ACTION_REQUEST, ActionRequest, explain
from services.actions.wiring import Wiring
from shared.db import DatabaseAway
from shared.messages.envelope import derived_id
from shared.web.guards import LOG_FIELDS
from shared.web.problems import Problem, as_problem, invalid, problem_response

PATH = "/api/v1/actions"
KEY_CHARACTERS_MAX = 255
IDEMPOTENCY_KEY, CONTENT_TYPE = b"idempotency-key", b"content-type"
HEADERS = frozenset({IDEMPOTENCY_KEY, CONTENT_TYPE})
ANSWER_HEADERS = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))


class HotRoute:
    """Takes actions as they come by the API; everything else goes on to `app`."""

    path = PATH  # what logs and metrics call this route

    def __init__(self, app: ASGIApp, wiring: Wiring) -> None:
        self._app, self._intake, self._own = app, wiring.intake, wiring.own_networks
        self._receipts = f"{wiring.settings.public_url.rstrip('/')}/receipts/"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
            return await self._app(scope, receive, send)
        scope["route"] = self
        try:
            await self._accept(scope, receive, send)
        except (Problem, DatabaseAway) as fault:
            await problem_response(as_problem(fault))(scope, receive, send)

    async def _accept(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers once the action is on disk. Raises the `Problem` that says why it is not, and `DatabaseAway`."""
        headers = {name: value for name, value in scope["headers"] if name in HEADERS}
        key = _key_of(headers)
        wish = _read(headers.get(CONTENT_TYPE, b""), await _body(receive))
        receipt = await accept_action(wish, derived_id("action", "api", key), self._intake, origin_of(scope, self._own))
        scope[LOG_FIELDS] = {"action_id": str(receipt.action_id), "outcome": "accepted"}
        await self._answer(receipt, send)

    async def _answer(self, receipt: Receipt, send: Send) -> None:
        url = self._receipts + receipt.token
        body = f'{{"id":"{receipt.action_id}","status":"accepted","receipt":"{url}"}}'.encode()
        sizes = [(b"location", url.encode()), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 202, "headers": [*ANSWER_HEADERS, *sizes]})
        await send({"type": "http.response.body", "body": body})


def _key_of(headers: Mapping[bytes, bytes]) -> str:
    sent = headers.get(IDEMPOTENCY_KEY)
    return read_key(None if sent is None else sent.decode("latin-1"))


def read_key(key: str | None) -> str:
    """Raises `KeyMissing` or `KeyMalformed`."""
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


def _read(content_type: bytes, body: bytes) -> ActionRequest:
    if content_type.partition(b";")[0].strip().lower() != b"application/json":
        raise WrongType("application/json")
    try:
        return ACTION_REQUEST.validate_json(body)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        if errors[0]["type"] == "json_invalid":
            raise NotJson from None
        raise invalid(explain(errors)) from None
