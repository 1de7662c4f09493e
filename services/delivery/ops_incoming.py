"""`/ops/incoming`: what came back to letters, answers first among them, and what documents an answer brought."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import HTMLResponse

from services.delivery.errors import no_such_mail
from services.delivery.home.documents import Documents, read_documents
from services.delivery.home.mail import IncomingKind
from services.delivery.wiring import Wiring

INCOMING = "/ops/incoming"
# Who sent it is no friend: no browser may show it, guess what it is, or let it do anything.
AS_A_FILE = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'"}

Kind = Annotated[IncomingKind | None, Query(description="only mail of this kind")]


def incoming_pages(wiring: Wiring) -> APIRouter:
    router = APIRouter(include_in_schema=False, dependencies=[Depends(wiring.staff.require_session)])
    incoming = wiring.incoming

    @router.get(INCOMING)
    async def list_incoming(kind: Kind = None) -> HTMLResponse:
        return wiring.pages.respond(
            "ops/incoming.html",
            incoming=await incoming.list(kind=kind),
            kind=kind,
            kinds=list(IncomingKind),
            is_open=wiring.campaign.home is not None,
        )

    @router.get(f"{INCOMING}/{{incoming_id}}.eml")
    async def download_mail(incoming_id: UUID) -> Response:
        content = await incoming.content(incoming_id)
        if content is None:
            raise no_such_mail()
        name = f'attachment; filename="answer-{incoming_id}.eml"'
        headers = {"Content-Disposition": name, "Cache-Control": "no-store", **AS_A_FILE}
        return Response(content, media_type="message/rfc822", headers=headers)

    @router.get(f"{INCOMING}/{{incoming_id}}")
    async def show_incoming(incoming_id: UUID) -> HTMLResponse:
        mail = await incoming.find(incoming_id)
        if mail is None:
            raise no_such_mail()
        content = await incoming.content(incoming_id)
        documents = await asyncio.to_thread(read_documents, content) if content else Documents()
        return wiring.pages.respond("ops/answer.html", mail=mail, documents=documents, is_whole=content is not None)

    return router
