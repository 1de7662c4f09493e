"""The public pages: the front page, and a case with its letter ready to edit."""

import re
from dataclasses import replace
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
from services.cases.searching import QUERY_CHARACTERS_MAX, find_cases, read_query
from services.cases.views import CaseView, FrontView
from shared.messages.cases import Channel
from shared.posts.networks import NAMES
from shared.web.pages import Pages
from shared.web.shedding import Feature, Shedding

TEMPLATES = Path(__file__).parent / "templates"
READ = ["GET", "HEAD"]
SOURCES = ("utm_source", "utm_medium", "utm_campaign", "partner")
SOURCE = re.compile(r"[\w.\- ]{1,60}", re.ASCII)
NAME_CHARACTERS_MAX = 200
POST_CHARACTERS_MAX = 1_000
CHANNEL_WORDS = {
    Channel.EMAIL: "by email",
    Channel.POST: "by post",
    Channel.SOCIAL: "on social media",
    Channel.SOLIDARITY: "a message to the person",
}


def make_pages() -> Pages:
    return Pages([TEMPLATES], number=number, day=day_in_words, channel_words=CHANNEL_WORDS)


def case_pages(reading: Reading, shedding: Shedding, pages: Pages) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.api_route("/", methods=READ)
    async def show_front(request: Request) -> Response:
        can_search = not await shedding.sheds(Feature.SEARCH)
        front = await reading.front(numbers=not await shedding.sheds(Feature.COUNTERS))
        asked = read_query(request.query_params.get("q", ""))
        query = asked if can_search else ""
        return await reading.answer(
            request,
            front,
            # While search is off, all questions have the same answer.
            ("page", query, can_search, bool(asked)),
            lambda: pages.render(
                "front.html",
                front=found(front, query),
                query=query,
                can_search=can_search,
                asked_in_vain=bool(asked) and not can_search,
                query_max=QUERY_CHARACTERS_MAX,
            ),
            HTML,
            memory=reading.searches if query else None,
        )

    @router.api_route("/cases/{slug}", methods=READ)
    async def show_case(request: Request, slug: str) -> Response:
        case = await reading.case(slug, numbers=not await shedding.sheds(Feature.COUNTERS))
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
                post_max=POST_CHARACTERS_MAX,
                networks=NAMES,
            ),
            HTML,
        )

    return router


def found(front: FrontView, query: str) -> FrontView:
    """The front page's view with those cases alone that hold every word of `query`."""
    return replace(front, cases=find_cases(query, front.cases)) if query else front


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
