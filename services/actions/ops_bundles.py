"""`/ops/intake/solidarity/bundles`: staff put messages together for a family, print them, and say who got them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form
from fastapi.responses import RedirectResponse, Response

from services.actions.ops_solidarity import PAGE
from services.actions.solidarity_sheets import typeset_messages
from services.actions.wiring import Wiring
from shared.audit import By
from shared.paper.typesetting import TooBusy
from shared.web.problems import FieldError, invalid, unavailable

HANDED_TO_CHARACTERS_MAX = 200
PRIVATE = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}

Typed = Annotated[str, Form(max_length=1_000)]


def bundles_router(wiring: Wiring) -> APIRouter:
    bundles, session = wiring.bundles, Depends(wiring.staff.require_session)
    router = APIRouter(prefix=f"{PAGE}/bundles", include_in_schema=False, dependencies=[session])
    own_form = [Depends(wiring.staff.require_own_form)]

    @router.post("", dependencies=own_form)
    async def make_bundle(case: Typed = "", who: str = session) -> Response:
        await bundles.make(case, By(who, "to be given to the family"))
        return _back()

    @router.get("/{bundle_id}.pdf")
    async def read_bundle(bundle_id: UUID) -> Response:
        bundle, messages = await bundles.open(bundle_id)
        try:
            content = await typeset_messages(bundle, messages)
        except TooBusy:
            raise unavailable("Too many documents are being set just now.") from None
        headers = PRIVATE | {"Content-Disposition": f'inline; filename="messages-{bundle.id}.pdf"'}
        return Response(content, media_type="application/pdf", headers=headers)

    @router.post("/{bundle_id}/handed-over", dependencies=own_form)
    async def hand_over(bundle_id: UUID, handed_to: Typed = "", who: str = session) -> Response:
        told = handed_to.strip()
        if not told or len(told) > HANDED_TO_CHARACTERS_MAX or not told.isprintable():
            raise invalid([FieldError("handed_to", "Say to whom it was given, in one line.")])
        await bundles.hand_over(bundle_id, told, By(who, "given to the family"))
        return _back()

    return router


def _back() -> Response:
    return RedirectResponse(PAGE, 303, headers={"Cache-Control": "no-store"})
