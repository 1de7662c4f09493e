"""Bundles for staff: `/api/v1/delivery/bundles` for their tools, `/ops/bundles` for their eyes."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from services.delivery.digests import file_name
from services.delivery.steering_schemas import (
    KEEPABLE,
    SUBJECT_CHARACTERS_MAX,
    WHY_CHARACTERS_MAX,
    BundleOut,
    HandoverIn,
    WhyIn,
)
from services.delivery.wiring import Wiring
from shared.audit import By
from shared.paper.typesetting import TooBusy
from shared.web.problems import FieldError, Problem, invalid

API, PAGE = "/api/v1/delivery/bundles", "/ops/bundles"
PDF = "application/pdf"

Typed = Annotated[str, Form(max_length=SUBJECT_CHARACTERS_MAX, pattern=KEEPABLE)]
Why = Annotated[str, Form(max_length=WHY_CHARACTERS_MAX, pattern=KEEPABLE)]


def bundles_router(wiring: Wiring) -> APIRouter:
    router = APIRouter()
    router.include_router(_api(wiring))
    router.include_router(_pages(wiring))
    return router


def _api(wiring: Wiring) -> APIRouter:
    require, desk = wiring.staff.require_bearer, wiring.bundles
    router = APIRouter(prefix=API, tags=["delivery"], dependencies=[Depends(require)])
    Who = Annotated[str, Depends(require)]  # noqa: N806  # a type

    @router.get("", summary="Bundles, the newest first")
    async def list_bundles(response: Response) -> list[BundleOut]:
        response.headers["Cache-Control"] = "no-store"
        return [BundleOut.model_validate(each) for each in await desk.list()]

    @router.get(
        "/{bundle_id}.pdf", summary="Its document", response_class=Response, responses={200: {"content": {PDF: {}}}}
    )
    async def read_bundle(bundle_id: UUID) -> Response:
        return await _document(wiring, bundle_id)

    @router.post("/{bundle_id}/printed", summary="It is on paper", status_code=204)
    async def mark_printed(bundle_id: UUID, wish: WhyIn, who: Who) -> None:
        await desk.mark_printed(bundle_id, By(who, wish.why))

    @router.post("/{bundle_id}/handed-over", summary="Somebody took it", status_code=204)
    async def mark_handed_over(bundle_id: UUID, wish: HandoverIn, who: Who) -> None:
        await desk.mark_handed_over(bundle_id, wish.to_whom, By(who, wish.why))

    @router.post("/of/{target_id}", summary="Make a target's next bundle at once", status_code=202)
    async def make_now(target_id: UUID, wish: WhyIn, who: Who) -> None:
        await desk.make_now(target_id, By(who, wish.why))

    return router


def _pages(wiring: Wiring) -> APIRouter:
    require, desk = wiring.staff.require_session, wiring.bundles
    router = APIRouter(prefix=PAGE, include_in_schema=False, dependencies=[Depends(require)])
    own_form = [Depends(wiring.staff.require_own_form)]
    Who = Annotated[str, Depends(require)]  # noqa: N806  # a type

    @router.get("")
    async def list_bundles() -> HTMLResponse:
        return wiring.pages.respond("ops/bundles.html", bundles=await desk.list(), why_max=WHY_CHARACTERS_MAX)

    @router.get("/{bundle_id}.pdf")
    async def read_bundle(bundle_id: UUID) -> Response:
        return await _document(wiring, bundle_id)

    @router.post("/{bundle_id}/{did}", dependencies=own_form)
    async def change(bundle_id: UUID, did: str, who: Who, why: Why = "", to_whom: Typed = "") -> Response:
        if not why.strip():
            raise invalid([FieldError("why", "Say why.")])
        by = By(who, why.strip())
        if did == "printed":
            await desk.mark_printed(bundle_id, by)
        elif did == "handed-over" and to_whom.strip():
            await desk.mark_handed_over(bundle_id, to_whom.strip(), by)
        else:
            raise invalid([FieldError("to_whom", "Say who took it.")])
        return RedirectResponse(PAGE, 303, headers={"Cache-Control": "no-store"})

    return router


async def _document(wiring: Wiring, bundle_id: UUID) -> Response:
    """Raises 404, and 503 while too many documents are being made."""
    try:
        content = await wiring.bundling.document(bundle_id)
    except TooBusy:
        title = "Too many documents are being made"
        raise Problem(503, "busy", title, "Please try again in a moment.", headers={"Retry-After": "5"}) from None
    headers = {"Content-Disposition": f'attachment; filename="{file_name(bundle_id)}"', "Cache-Control": "no-store"}
    return Response(content, media_type=PDF, headers=headers)
