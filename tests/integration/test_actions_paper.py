"""The receipt of a letter on paper: it is there to print, in any script, and the supporter's word is taken once."""

from collections.abc import AsyncIterator
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from sqlmodel import select

from services.actions.tables import Outbox
from shared.messages.actions import LetterPostedV1
from shared.messages.cases import Channel
from shared.messages.delivery import LetterPrintedV1, letter_id
from shared.messages.registry import read
from shared.paper.sizes import A4, A4_RIGHT, US_LETTER, Sheet, sheet_of
from tests.support.actions_app import ActionsService, actions_service
from tests.support.actions_rows import an_action_row, put_actions
from tests.support.events import CASE_ID, EMBASSY, MINISTRY, NOW, a_closed_case, a_published_case

URDU = "محترم وزیر،\n\nمیں یہ خط لکھ رہی ہوں۔"
HOSTILE = '#set page(width: 1cm) *bold* $x$ \\ #import "x" <b>1 < 2</b>'


@pytest.fixture
async def actions(database_url: str) -> AsyncIterator[ActionsService]:
    async with actions_service(database_url) as service:
        await service.tell(a_published_case(channels=(Channel.EMAIL, Channel.POST)))
        yield service


async def a_letter(actions: ActionsService, **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "channel": "post",
        "target_ids": [str(MINISTRY.id)],
        "case_id": CASE_ID,
        "case_slug": "a-test-case",
    }
    row = an_action_row(**(values | changes))
    await put_actions(actions.wiring, [row])
    return row


def pdf_text(pdf: bytes, path: Path) -> str:
    path.write_bytes(pdf)
    return run(["pdftotext", "-layout", str(path), "-"], capture_output=True, text=True, check=True).stdout


def fonts_of(path: Path) -> list[str]:
    return run(["pdffonts", str(path)], capture_output=True, text=True, check=True).stdout.splitlines()[2:]


@pytest.mark.parametrize(("language", "body"), [("en", HOSTILE), ("ur", URDU), ("ar", "معالي الوزير"), ("ru", "Прошу")])
async def test_the_letter_is_there_to_print_with_its_fonts(
    actions: ActionsService, tmp_path: Path, language: str, body: str
) -> None:
    row = await a_letter(actions, letter_language=language, letter_body=body, supporter_country="US")
    answer = await actions.http.get(f"/receipts/{row['token']}/letters/{MINISTRY.id}.pdf")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert answer.headers["cache-control"] == "no-store"
    text = pdf_text(answer.content, tmp_path / "letter.pdf")
    assert "1 Example Street" in text
    assert MINISTRY.name in text
    if body is HOSTILE:
        assert "#set page(width: 1cm) *bold* $x$" in text
    fonts = fonts_of(tmp_path / "letter.pdf")
    assert fonts
    assert all(line.split()[-5] == "yes" for line in fonts), "each font is embedded"
    if language == "ur":
        assert any("Nastaliq" in line for line in fonts)


async def posted(actions: ActionsService) -> list[LetterPostedV1]:
    rows = await actions.rows(select(Outbox))
    return [event for row in rows if isinstance(event := read(row.body).data, LetterPostedV1)]


async def test_who_says_they_posted_it_is_believed_once(actions: ActionsService) -> None:
    row = await a_letter(actions)
    receipt = f"/receipts/{row['token']}"
    page = (await actions.http.get(receipt)).text
    assert "I posted it" in page
    assert f"{receipt}/letters/{MINISTRY.id}.pdf" in page
    for _ in range(2):
        answer = await actions.http.post(f"{receipt}/posted", data={"target": str(MINISTRY.id)})
        assert (answer.status_code, answer.headers["location"]) == (303, receipt)
    [event] = await posted(actions)
    assert event.letter_id == letter_id(row["id"], MINISTRY.id, Channel.POST)
    printed = LetterPrintedV1(
        letter_id=event.letter_id,
        action_id=row["id"],
        case_id=CASE_ID,
        case_slug="a-test-case",
        target_id=MINISTRY.id,
        channel=Channel.POST,
        country="PK",
        occurred_at=NOW,
    )
    await actions.tell(printed)
    page = (await actions.http.get(receipt)).text
    assert "I posted it" not in page
    assert "It is on paper" in page


async def test_what_does_not_go_on_paper_is_not_there(actions: ActionsService) -> None:
    mail, paper = await a_letter(actions, channel="email"), await a_letter(actions)
    for token, target in ((mail["token"], MINISTRY.id), (paper["token"], EMBASSY.id), ("unknown", MINISTRY.id)):
        assert (await actions.http.get(f"/receipts/{token}/letters/{target}.pdf")).status_code == 404
        assert (await actions.http.post(f"/receipts/{token}/posted", data={"target": str(target)})).status_code == 404
    assert (await actions.http.post(f"/receipts/{paper['token']}/posted", data={"target": "x"})).status_code == 422
    await actions.tell(a_closed_case())
    assert (await actions.http.get(f"/receipts/{paper['token']}/letters/{MINISTRY.id}.pdf")).status_code == 409
    assert await posted(actions) == []


@pytest.mark.parametrize(
    ("country", "sheet"), [("US", US_LETTER), ("mx", US_LETTER), ("FR", A4_RIGHT), ("PK", A4), ("", A4)]
)
def test_paper_and_window_are_the_countrys(country: str, sheet: Sheet) -> None:
    assert sheet_of(country) == sheet
