"""Taking back what was sent, and hiding one's address: two buttons on the receipt, and the same for programs.

The receipt's token is the key to both: whoever has it may do so, once and for all.
"""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from services.actions.api import answer_receipt
from services.actions.openapi import RECEIPT_ANSWERS, RECEIPT_SENT
from services.actions.wiring import Wiring
from shared.web.tongues import tongue_of

SEE_OTHER = 303


def taking_back_router(wiring: Wiring) -> APIRouter:
    router, taking_back = APIRouter(tags=["actions"]), wiring.taking_back

    @router.post("/receipts/{token}/take-back", include_in_schema=False)
    async def take_back_by_form(request: Request, token: str) -> Response:
        await taking_back.take_back(token)
        return _to_receipt(request, token)

    @router.post("/receipts/{token}/hide-address", include_in_schema=False)
    async def hide_by_form(request: Request, token: str) -> Response:
        await taking_back.hide_address(token)
        return _to_receipt(request, token)

    @router.post(
        "/api/v1/receipts/{token}/take-back",
        summary="Take an action back",
        responses=RECEIPT_ANSWERS,
        openapi_extra=RECEIPT_SENT,
    )
    async def take_back(request: Request) -> JSONResponse:
        """Stops the letters that are not out yet, and answers with the receipt. As often as you like."""
        token = request.path_params["token"]
        await taking_back.take_back(token)
        return await answer_receipt(token, wiring)

    @router.post(
        "/api/v1/receipts/{token}/hide-address",
        summary="Hide the supporter's address",
        responses=RECEIPT_ANSWERS,
        openapi_extra=RECEIPT_SENT,
    )
    async def hide_address(request: Request) -> JSONResponse:
        """Letters that are not out yet go without the supporter's address. As often as you like."""
        token = request.path_params["token"]
        await taking_back.hide_address(token)
        return await answer_receipt(token, wiring)

    return router


def _to_receipt(request: Request, token: str) -> Response:
    where = tongue_of(request).to(f"/receipts/{token}")
    return RedirectResponse(where, SEE_OTHER, headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
