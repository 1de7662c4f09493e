"""A letter on paper: its receipt offers it as a PDF to print and post, and takes the supporter's word that they did."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from services.actions.errors import UnknownReceipt
from services.actions.letter_states import LetterState
from services.actions.receipts import LetterPath, ReceiptView, find_receipt
from services.actions.wiring import Wiring
from shared.languages import N_, spoken_or_source
from shared.languages.formats import Formats
from shared.messages.actions import LetterPostedV1
from shared.messages.cases import Channel
from shared.paper.sizes import sheet_of
from shared.paper.typesetting import TooBusy, direction_of, typeset
from shared.web.problems import Problem, unavailable
from shared.web.tongues import tongue_of

PDF = "application/pdf"
FILE_NAME = "letter.pdf"
PRIVATE = {"X-Robots-Tag": "noindex", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


def paper_router(wiring: Wiring) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/receipts/{token}/letters/{target_id}.pdf")
    async def read_letter(token: str, target_id: UUID) -> Response:
        now = wiring.clock.now()
        receipt, letter = await _find(token, target_id, wiring, now)
        try:
            content = await typeset("letter", letter_data(receipt, letter, now))
        except TooBusy:
            raise unavailable(N_("Too many letters are being set just now.")) from None
        headers = PRIVATE | {"Content-Disposition": f'inline; filename="{FILE_NAME}"'}
        return Response(content, media_type=PDF, headers=headers)

    @router.post("/receipts/{token}/posted")
    async def mark_posted(request: Request, token: str, target: Annotated[UUID, Form()]) -> Response:
        now = wiring.clock.now()
        receipt, letter = await _find(token, target, wiring, now)
        if letter.state is LetterState.QUEUED:
            async with wiring.database.transaction() as session:
                await wiring.outbox.add(session, _posted(receipt, letter, now))
        return RedirectResponse(tongue_of(request).to(f"/receipts/{token}"), 303, headers={"Cache-Control": "no-store"})

    return router


def letter_data(receipt: ReceiptView, letter: LetterPath, now: datetime) -> dict[str, object]:
    """What the template is given. The paper is that of the supporter's country: they buy it there."""
    action, target = receipt.action, letter.target
    sheet, formats = sheet_of(action.supporter_country), Formats(spoken_or_source(action.letter_language))
    return {
        "sheet": {"paper": sheet.paper, "left_mm": sheet.left_mm, "top_mm": sheet.top_mm, "width_mm": sheet.width_mm},
        "to_name": target.name,
        "address": target.post_address or "",
        "date": formats.day(now.date()),
        "letter": {
            "language": action.letter_language,
            "direction": direction_of(action.letter_language),
            "subject": action.letter_subject,
            "body": action.letter_body,
            "sender_name": action.supporter_name,
            "country": formats.country(action.supporter_country),
        },
    }


async def _find(token: str, target_id: UUID, wiring: Wiring, now: datetime) -> tuple[ReceiptView, LetterPath]:
    """Raises 404 for what is not there or does not go on paper, and 409 for an action that does not go out."""
    receipt = await find_receipt(token, wiring.database, now)
    letters = receipt.letters if receipt and receipt.action.channel == Channel.POST else ()
    letter = next((one for one in letters if one.target.id == target_id), None)
    if receipt is None or letter is None:
        raise UnknownReceipt
    if receipt.status != "accepted" or receipt.case_is_withdrawn:
        raise Problem(409, "does-not-go-out", N_("This letter does not go out"), N_("Your receipt says why."))
    return receipt, letter


def _posted(receipt: ReceiptView, letter: LetterPath, now: datetime) -> LetterPostedV1:
    action = receipt.action
    return LetterPostedV1(
        letter_id=letter.id,
        action_id=action.id,
        case_id=action.case_id,
        case_slug=action.case_slug,
        target_id=letter.target.id,
        posted_at=now,
    )
