"""The link in a mail with news, and the switch on a receipt. Looking ends nothing, pressing the button does.

Mail scanners follow links. What a mail program sends for its own button (RFC 8058) is a POST without a cookie, and is
answered at once like any other.
"""

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from services.actions.errors import UnknownLink
from services.actions.pages import PRIVATE
from services.actions.wiring import Wiring
from shared.web.tongues import tongue_of

SEE_OTHER = 303

Wanted = Annotated[Literal["yes", "no"], Form()]


def news_router(wiring: Wiring) -> APIRouter:
    router, consent = APIRouter(include_in_schema=False), wiring.news_consent

    @router.api_route("/unsubscribe/{token}", methods=["GET", "HEAD"])
    async def show_link(request: Request, token: str) -> Response:
        has_ended = await consent.has_ended(token)
        if has_ended is None:
            raise UnknownLink
        return show(request, token, has_ended=has_ended)

    @router.post("/unsubscribe/{token}")
    async def end_news(request: Request, token: str) -> Response:
        if not await consent.end(token):
            raise UnknownLink
        return show(request, token, has_ended=True)

    @router.post("/unsubscribe/{token}/again")
    async def resume_news(request: Request, token: str) -> Response:
        if not await consent.resume(token):
            raise UnknownLink
        return _went(request, f"/unsubscribe/{token}")

    @router.post("/receipts/{token}/news")
    async def wish_by_receipt(request: Request, token: str, wanted: Wanted) -> Response:
        await consent.wish(token, wanted == "yes")
        return _went(request, f"/receipts/{token}")

    def show(request: Request, token: str, *, has_ended: bool) -> Response:
        path = f"/unsubscribe/{token}"
        page = wiring.pages.respond(
            "unsubscribe.html", tongue=tongue_of(request), path=path, token=token, has_ended=has_ended
        )
        page.headers.update(PRIVATE)
        return page

    return router


def _went(request: Request, where: str) -> Response:
    headers = PRIVATE | {"Cache-Control": "no-store"}
    return RedirectResponse(tongue_of(request).to(where), SEE_OTHER, headers=headers)
