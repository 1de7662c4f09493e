"""Taking back what was sent, and hiding one's address: two buttons on the receipt, and the same for programs.

The receipt's token is the key to both: whoever has it may do so, once and for all.
"""

from collections.abc import Awaitable

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from services.actions.api import PRIVATE
from services.actions.errors import UnknownReceipt
from services.actions.openapi import RECEIPT_ANSWERS, RECEIPT_SENT
from services.actions.receipts import find_receipt
from services.actions.wiring import Wiring
from shared.web.tongues import tongue_of

SEE_OTHER = 303


def taking_back_router(wiring: Wiring) -> APIRouter:
    router, taking_back = APIRouter(tags=["actions"]), wiring.taking_back

    @router.post("/receipts/{token}/take-back", include_in_schema=False)
    async def take_back_by_form(request: Request, token: str) -> Response:
        return await _to_receipt(request, token, taking_back.take_back(token))

    @router.post("/receipts/{token}/hide-address", include_in_schema=False)
    async def hide_by_form(request: Request, token: str) -> Response:
        return await _to_receipt(request, token, taking_back.hide_address(token))

    @router.post(
        "/api/v1/receipts/{token}/take-back",
        summary="Take an action back",
        responses=RECEIPT_ANSWERS,
        openapi_extra=RECEIPT_SENT,
    )
    async def take_back(request: Request) -> JSONResponse:
        """Stops the letters that are not out yet, and answers with the receipt. As often as you like."""
        token = request.path_params["token"]
        return await _as_json(token, taking_back.take_back(token), wiring)

    @router.post(
        "/api/v1/receipts/{token}/hide-address",
        summary="Hide the supporter's address",
        responses=RECEIPT_ANSWERS,
        openapi_extra=RECEIPT_SENT,
    )
    async def hide_address(request: Request) -> JSONResponse:
        """Letters that are not out yet go without the supporter's address. As often as you like."""
        token = request.path_params["token"]
        return await _as_json(token, taking_back.hide_address(token), wiring)

    return router


async def _to_receipt(request: Request, token: str, done: Awaitable[bool]) -> Response:
    if not await done:
        raise UnknownReceipt
    where = tongue_of(request).to(f"/receipts/{token}")
    return RedirectResponse(where, SEE_OTHER, headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})


async def _as_json(token: str, done: Awaitable[bool], wiring: Wiring) -> JSONResponse:
    if not await done:
        raise UnknownReceipt
    receipt = await find_receipt(token, wiring.database, wiring.clock.now())
    if receipt is None:
        raise UnknownReceipt
    return JSONResponse(receipt.as_json(), headers=PRIVATE)
