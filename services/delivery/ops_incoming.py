"""`/ops/incoming`: what came back to letters, answers first among them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse

from services.delivery.home.mail import IncomingKind
from services.delivery.wiring import Wiring

INCOMING = "/ops/incoming"

Kind = Annotated[IncomingKind | None, Query(description="only mail of this kind")]


def incoming_pages(wiring: Wiring) -> APIRouter:
    router = APIRouter(include_in_schema=False, dependencies=[Depends(wiring.staff.require_session)])

    @router.get(INCOMING)
    async def list_incoming(kind: Kind = None) -> HTMLResponse:
        return wiring.pages.respond(
            "ops/incoming.html",
            incoming=await wiring.incoming.list(kind=kind),
            kind=kind,
            kinds=list(IncomingKind),
            is_open=wiring.campaign.home is not None,
        )

    return router
