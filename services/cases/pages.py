"""The public pages: the front page, and a case with its letter ready to edit."""

import re
from datetime import date
from pathlib import Path
from urllib.parse import urlencode

from babel.dates import format_date
from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.cases.answers import HTML
from services.cases.case_files import BODY_CHARACTERS_MAX, SUBJECT_CHARACTERS_MAX
from services.cases.places import READER, countries, number
from services.cases.reading import Reading
from services.cases.views import CaseView
from shared.messages.cases import Channel
from shared.web.pages import Pages

TEMPLATES = Path(__file__).parent / "templates"
READ = ["GET", "HEAD"]
SOURCES = ("utm_source", "utm_medium", "utm_campaign", "partner")
SOURCE = re.compile(r"[\w.\- ]{1,60}", re.ASCII)
NAME_CHARACTERS_MAX = 200
CHANNEL_WORDS = {
    Channel.EMAIL: "by email",
    Channel.POST: "by post",
    Channel.SOCIAL: "on social media",
    Channel.SOLIDARITY: "a message to the person",
}


def make_pages() -> Pages:
    return Pages([TEMPLATES], number=number, day=day_in_words, channel_words=CHANNEL_WORDS)


def case_pages(reading: Reading, pages: Pages) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.api_route("/", methods=READ)
    async def show_front(request: Request) -> Response:
        front = await reading.front()
        return await reading.answer(request, front, "page", lambda: pages.render("front.html", front=front), HTML)

    @router.api_route("/cases/{slug}", methods=READ)
    async def show_case(request: Request, slug: str) -> Response:
        case = await reading.case(slug)
        letter = case.letter_in(request.query_params.get("lang"))
        source = source_of(request)
        return await reading.answer(
            request,
            case,
            ("page", letter.language if letter else None, source),
            lambda: pages.render(
                "case.html",
                case=case,
                letter=letter,
                source=source,
                nonce=nonce_of(case),
                countries=list(countries().items()),
                subject_max=SUBJECT_CHARACTERS_MAX,
                body_max=BODY_CHARACTERS_MAX,
                name_max=NAME_CHARACTERS_MAX,
            ),
            HTML,
        )

    return router


def nonce_of(case: CaseView) -> str:
    """The same for everybody: one copy of the page serves all. The intake's key is this and all that was written."""
    return f"{case.slug}-{case.revision}"


def source_of(request: Request) -> str:
    """Where the reader came from, as the form hands it on: the UTM marks and the partner, urlencoded."""
    found = {name: request.query_params.get(name, "") for name in SOURCES}
    return urlencode({name: value for name, value in found.items() if SOURCE.fullmatch(value)})


def day_in_words(day: date | str) -> str:
    """2 April 2020, January 2021 or 2021: as exact as it is known."""
    text = day if isinstance(day, str) else day.isoformat()[:10]
    year, month, of_month = ([int(part) for part in text.split("-")] + [0, 0])[:3]
    pattern = "d MMMM y" if of_month else "MMMM y" if month else "y"
    return format_date(date(year, month or 1, of_month or 1), pattern, locale=READER)
