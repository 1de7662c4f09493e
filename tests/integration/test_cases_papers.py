"""Sheets, posters, the kit and QR codes as they come to somebody's printer."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from subprocess import run

import httpx
import pytest

from services.cases.wiring import Wiring
from shared.messages.cases import ClosedReason
from tests.support.cases_folders import CASE, WON, change, write_campaign
from tests.support.cases_service import cases_service, reader_of
from tests.support.qr_reader import read_qr

SITE, HOSTILE = "https://letters.example", '#set page(width: 1cm) *bold* #import "x"'
POSTAL = "    email: info@ministry.example\n    post_address: |\n      1 Example Road\n      Islamabad\n"
WITH_POST = change(CASE, ("    email: info@ministry.example\n", POSTAL), ("- Let them go.", f"- '{HOSTILE}'"))
IN_URDU = (
    "translations:\n  ur: {title: ایک کیس, summary: کیا داؤ پر ہے۔, story: کیا ہوا۔, demands: [انہیں رہا کیجیے۔]}\n"
)
QUIET = change(WITH_POST, ("slug: a-test-case", "slug: a-quiet-case\ndiscreet: true"), ("A Test Case", "A Quiet Case"))
WON_CASE = change(WITH_POST + WON, ("slug: a-test-case", "slug: a-won-case\nstatus: won"), ("A Test", "A Won"))
A4, LETTER = "595.276 x 841.89 pts (A4)", "612 x 792 pts (letter)"
PAPERS = ("sheet.pdf", "poster.pdf")


@pytest.fixture
async def cases(tmp_path: Path) -> AsyncIterator[Wiring]:
    async with cases_service(f"sqlite+aiosqlite:///{tmp_path / 'cases.db'}", page_cache_seconds=0) as wiring:
        files = {"a_test_case": WITH_POST + IN_URDU, "a_quiet_case": QUIET, "a_won_case": WON_CASE}
        await wiring.publishing.import_folder(write_campaign(tmp_path / "campaign", **files))
        yield wiring


@pytest.fixture
async def reader(cases: Wiring) -> AsyncIterator[httpx.AsyncClient]:
    async with reader_of(cases) as client:
        yield client


async def printed(reader: httpx.AsyncClient, path: str, folder: Path) -> tuple[str, dict[str, str]]:
    """The text of a PDF, and what it says of itself; all its fonts are inside."""
    answer = await reader.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf"), answer.text
    assert answer.headers["x-robots-tag"] == "noindex"
    (file := folder / "paper.pdf").write_bytes(answer.content)
    fonts = told(["pdffonts", str(file)]).splitlines()[2:]
    assert fonts
    assert all(line.split()[-5] == "yes" for line in fonts)
    facts = dict(re.findall(r"^([\w ]+): +(.+)$", told(["pdfinfo", str(file)]), re.MULTILINE))
    named = re.findall(r'filename="(.+)"', answer.headers["content-disposition"])
    return told(["pdftotext", "-layout", str(file), "-"]), facts | {"Fonts": " ".join(fonts), "File": named[0]}


def told(command: list[str]) -> str:
    return run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(("asked", "size"), [("", A4), ("?paper=a4", A4), ("?paper=letter", LETTER)])
async def test_a_sheet_has_the_case_and_where_to_write_on_one_page(
    reader: httpx.AsyncClient, tmp_path: Path, asked: str, size: str
) -> None:
    text, facts = await printed(reader, f"/en/cases/a-test-case/sheet.pdf{asked}", tmp_path)
    assert (facts["Page size"], facts["Pages"], facts["Title"]) == (size, "1", "A Test Case")
    for words in ("A Test Case", "Pakistan", "What happened then.", "info@ministry.example", "1 Example Road"):
        assert words in text
    assert "31 December 2030" in text
    assert "#set page(width:" in text, "set as text"
    assert facts["File"] == f"a-test-case-sheet-{asked.partition('=')[2] or 'a4'}.pdf"


@pytest.mark.parametrize("paper", PAPERS)
async def test_papers_are_in_the_language_of_their_address(
    reader: httpx.AsyncClient, tmp_path: Path, paper: str
) -> None:
    text, facts = await printed(reader, f"/ur/cases/a-test-case/{paper}", tmp_path)
    assert "Nastaliq" in facts["Fonts"]
    assert facts["Pages"] == "1"
    assert facts["Title"] == "ایک کیس"
    assert "A Test Case" not in text
    assert "What happened" not in text


async def test_a_long_case_is_cut_where_two_pages_end(cases: Wiring, reader: httpx.AsyncClient, tmp_path: Path) -> None:
    longer = change(WITH_POST, ("  What happened then.\n", "  " + "They went on searching. " * 700 + "\n"))
    await cases.publishing.import_folder(write_campaign(tmp_path / "campaign", a_test_case=longer))
    text, facts = await printed(reader, "/en/cases/a-test-case/sheet.pdf", tmp_path)
    assert facts["Pages"] == "2"
    assert "The whole story" in text


async def test_a_discreet_case_is_named_in_no_title_file_or_poster(reader: httpx.AsyncClient, tmp_path: Path) -> None:
    poster, facts = await printed(reader, "/en/cases/a-quiet-case/poster.pdf", tmp_path)
    assert (facts["Title"], facts["File"]) == ("Write for Rights", "poster-a4.pdf")
    assert not any(words in poster for words in ("Quiet", "at stake", "Pakistan", "a-quiet-case"))
    sheet, facts = await printed(reader, "/en/cases/a-quiet-case/sheet.pdf", tmp_path)
    assert (facts["Title"], facts["File"]) == ("Write for Rights", "sheet-a4.pdf")
    assert "A Quiet Case" in sheet, "who opened it wants to write"


@pytest.mark.parametrize("paper", PAPERS)
async def test_nobody_is_called_to_write_for_a_case_that_is_over(
    cases: Wiring, reader: httpx.AsyncClient, paper: str
) -> None:
    assert (await reader.get(f"/cases/a-test-case/{paper}")).status_code == 200
    await cases.publishing.close("a-test-case", ClosedReason.ENDED)
    for slug in ("a-test-case", "a-won-case"):
        over = await reader.get(f"/cases/{slug}/{paper}")
        assert over.status_code == 410
        assert "This case is closed" in over.text
    assert (await reader.get("/cases/a-won-case/qr.svg")).status_code == 200
    assert (await reader.get(f"/cases/a-test-case/{paper}?paper=a5")).status_code == 422
    assert (await reader.get(f"/cases/nobody/{paper}")).status_code == 404


async def test_of_a_withdrawn_case_nothing_can_be_taken_along(cases: Wiring, reader: httpx.AsyncClient) -> None:
    await reader.get("/en/cases/a-test-case/sheet.pdf")
    await cases.publishing.close("a-test-case", ClosedReason.WITHDRAWN)
    for file in (*PAPERS, "qr.svg", "qr.png"):
        answer = await reader.get(f"/en/cases/a-test-case/{file}")
        assert answer.status_code == 410
        assert "is no longer public" in answer.text
    assert "A Test Case" not in (await reader.get("/en/events")).text


async def test_a_code_leads_where_it_was_asked_for(reader: httpx.AsyncClient) -> None:
    for prefix in ("", "/ar"):
        picture = await reader.get(f"{prefix}/cases/a-test-case/qr.png")
        assert read_qr(picture.content) == f"{SITE}{prefix}/cases/a-test-case"
    drawing = await reader.get("/ar/cases/a-test-case/qr.svg")
    assert drawing.headers["content-type"].startswith("image/svg+xml")
    assert "viewBox" in drawing.text
    again = await reader.get("/ar/cases/a-test-case/qr.svg", headers={"If-None-Match": drawing.headers["etag"]})
    assert again.status_code == 304


async def test_the_kit_has_the_open_cases_and_where_to_report(reader: httpx.AsyncClient, tmp_path: Path) -> None:
    text, facts = await printed(reader, "/en/kit.pdf?paper=letter", tmp_path)
    assert (facts["Pages"], facts["Page size"]) == ("3", LETTER)
    for words in (
        "Hold a letter-writing event",
        "A Test Case",
        "letters.example/report",
        "A case that asks",
    ):
        assert words in text
    assert not any(words in text for words in ("A Quiet Case", "A Won Case"))
    arabic, _ = await printed(reader, "/ar/kit.pdf", tmp_path)
    assert "letters.example/report" in arabic


async def test_who_holds_an_event_finds_everything_from_the_front_page(reader: httpx.AsyncClient) -> None:
    assert 'href="/es/events"' in (await reader.get("/es/")).text
    page = (await reader.get("/es/events")).text
    wanted = ["kit.pdf?paper=a4", "kit.pdf?paper=letter", "report", "cases/a-test-case/poster.pdf?paper=letter"]
    assert all(f'href="/es/{path}"' in page for path in wanted)
    assert "a-won-case" not in page
    case = (await reader.get("/es/cases/a-test-case")).text
    for file in ("sheet.pdf?paper=a4", "poster.pdf?paper=letter", "qr.svg", "qr.png"):
        assert f'href="/es/cases/a-test-case/{file}"' in case
    assert "sheet.pdf" not in (await reader.get("/es/cases/a-won-case")).text


async def test_a_paper_is_made_once_and_again_when_the_case_says_something_else(
    cases: Wiring, reader: httpx.AsyncClient, tmp_path: Path
) -> None:
    first = await reader.get("/en/cases/a-test-case/poster.pdf")
    assert (await reader.get("/en/cases/a-test-case/poster.pdf")).headers["etag"] == first.headers["etag"]
    changed = change(WITH_POST, ("title: A Test Case", "title: Another Title"))
    await cases.publishing.import_folder(write_campaign(tmp_path / "campaign", a_test_case=changed))
    text, _ = await printed(reader, "/en/cases/a-test-case/poster.pdf", tmp_path)
    assert "Another Title" in " ".join(text.split())
