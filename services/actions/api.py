"""The API: what `POST /api/v1/actions` takes and answers, for the documents; and the receipt as JSON.

The post itself is answered by `hot_route.py`, which is put before this router.
"""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from services.actions.errors import UnknownReceipt
from services.actions.hot_route import PATH
from services.actions.openapi import ACTION_ANSWERS, ACTION_SENT, RECEIPT_ANSWERS, RECEIPT_SENT
from services.actions.receipts import find_receipt
from services.actions.wiring import Wiring

PRIVATE = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}


def api_router(wiring: Wiring) -> APIRouter:
    router = APIRouter(tags=["actions"])

    @router.post(
        PATH,
        summary="Act on a case",
        status_code=202,
        response_class=Response,
        response_model=None,
        responses=ACTION_ANSWERS,
        openapi_extra=ACTION_SENT,
    )
    async def post_action() -> None:
        """Returns once the action is on disk. The same key and body again get the same answer, as often as you like."""
        raise NotImplementedError("the hot route stands before this one")

    @router.get(
        "/api/v1/receipts/{token}",
        summary="What became of an action",
        responses=RECEIPT_ANSWERS,
        openapi_extra=RECEIPT_SENT,
    )
    async def get_receipt(request: Request) -> JSONResponse:
        """The action, and for each letter its state, when that changed, and its history."""
        return await answer_receipt(request.path_params["token"], wiring)

    return router


async def answer_receipt(token: str, wiring: Wiring) -> JSONResponse:
    """The receipt that `token` opens, as JSON. Raises `UnknownReceipt` and `DatabaseAway`."""
    receipt = await find_receipt(token, wiring.database, wiring.clock.now())
    if receipt is None:
        raise UnknownReceipt
    return JSONResponse(receipt.as_json(), headers=PRIVATE)
