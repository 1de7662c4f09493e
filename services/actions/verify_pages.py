"""The pages behind the link in a mail. Looking confirms nothing, pressing the button does.

Mail scanners follow links, some of them with HEAD and some with GET; none presses a button.
"""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from services.actions.confirming import LinkView, Standing
from services.actions.errors import UnknownLink
from services.actions.pages import PRIVATE
from services.actions.wiring import Wiring
from shared.web.guards import LOG_FIELDS
from shared.web.tongues import tongue_of

SEE_OTHER = 303
GONE = 410
ASKED = "/verify/asked"


def verify_router(wiring: Wiring) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get(ASKED)
    async def show_asked(request: Request) -> Response:
        rules = wiring.asking_again.rules
        minutes = max(1, round(rules.between_mails.total_seconds() / 60))
        page = wiring.pages.respond(
            "verify_asked.html", tongue=tongue_of(request), path=ASKED, mails_max=rules.mails_max, minutes=minutes
        )
        return _private(page)

    @router.api_route("/verify/{token}", methods=["GET", "HEAD"])
    async def show_link(request: Request, token: str) -> Response:
        return _show(request, _known(await wiring.confirmations.look(token)), token, wiring)

    @router.post("/verify/{token}")
    async def confirm(request: Request, token: str) -> Response:
        link = _known(await wiring.confirmations.confirm(token))
        request.scope[LOG_FIELDS] = {"action_id": str(link.action.id), "outcome": link.standing.value}
        if link.standing is Standing.CONFIRMED:
            return _went(request, f"/receipts/{link.action.token}")
        return _show(request, link, token, wiring)

    @router.post("/verify/{token}/resend")
    async def ask_by_link(request: Request, token: str) -> Response:
        await wiring.asking_again.by_link(token)
        return _went(request, ASKED)

    @router.post("/receipts/{token}/resend")
    async def ask_by_receipt(request: Request, token: str) -> Response:
        await wiring.asking_again.by_receipt(token)
        return _went(request, ASKED)

    return router


def _known(link: LinkView | None) -> LinkView:
    if link is None:
        raise UnknownLink
    return link


def _show(request: Request, link: LinkView, token: str, wiring: Wiring) -> Response:
    status = 200 if link.standing in {Standing.WAITING, Standing.CONFIRMED} else GONE
    path = f"/verify/{token}"
    return _private(wiring.pages.respond("verify.html", status, tongue_of(request), path=path, link=link, token=token))


def _went(request: Request, where: str) -> Response:
    """The same, whatever was done. The address that is left is a key, and so is the one gone to."""
    return _private(RedirectResponse(tongue_of(request).to(where), SEE_OTHER, headers={"Cache-Control": "no-store"}))


def _private(answer: Response) -> Response:
    answer.headers.update(PRIVATE)
    return answer
