"""The public pages: the front page, and a case with its letter ready to edit."""

import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.cases.answers import HTML
from services.cases.case_files import BODY_CHARACTERS_MAX, SUBJECT_CHARACTERS_MAX
from services.cases.errors import UnknownCase
from services.cases.filtering import EVERYTHING, Wish, asks, choices, narrow, read_wish
from services.cases.front_views import FrontView
from services.cases.issues import ISSUE_WORDS, Issue
from services.cases.reading import Reading
from services.cases.searching import QUERY_CHARACTERS_MAX
from services.cases.speaking import case_in, front_in
from services.cases.views import CaseView
from services.cases.visitors import variant_for
from services.cases.voices import Voice
from shared.languages.formats import Formats, language_name
from shared.posts.networks import NAMES
from shared.web.pages import Pages
from shared.web.shedding import Feature, Shedding
from shared.web.tongues import tongue_of

TEMPLATES = Path(__file__).parent / "templates"
READ = ["GET", "HEAD"]
SOURCES = ("utm_source", "utm_medium", "utm_campaign", "partner")
SOURCE = re.compile(r"[\w.\- ]{1,60}", re.ASCII)
NAME_CHARACTERS_MAX = 200
POST_CHARACTERS_MAX, MESSAGE_CHARACTERS_MAX = 1_000, 2_000


def make_pages(leave_url: str) -> Pages:
    return Pages([TEMPLATES], leave_url=leave_url)


def case_pages(reading: Reading, shedding: Shedding, pages: Pages, public_url: str) -> APIRouter:
    router, site = APIRouter(include_in_schema=False), public_url.rstrip("/")

    @router.api_route("/", methods=READ)
    async def show_front(request: Request) -> Response:
        can_search = not await shedding.sheds(Feature.SEARCH)
        front = await reading.front(numbers=not await shedding.sheds(Feature.COUNTERS))
        asked, tongue = asks(request.query_params), tongue_of(request)
        wish = read_wish(request.query_params, front.cases) if can_search else EVERYTHING
        return await reading.answer(
            request,
            front,
            # While search is off, all questions have the same answer.
            ("page", tongue, wish, can_search, asked and not can_search),
            lambda: pages.render(
                "front.html",
                tongue,
                path="/",
                site=site,
                **narrowed(front_in(tongue.language, front), wish, tongue.language),
                can_search=can_search,
                asked_in_vain=asked and not can_search,
                issue_words=ISSUE_WORDS,
                query_max=QUERY_CHARACTERS_MAX,
            ),
            HTML,
            memory=None if wish == EVERYTHING else reading.searches,
        )

    @router.api_route("/cases/{slug}", methods=READ)
    async def show_case(request: Request, slug: str) -> Response:
        case = await reading.case(slug, numbers=not await shedding.sheds(Feature.COUNTERS))
        tongue, source = tongue_of(request), source_of(request)
        wanted = request.query_params.get("letter") or request.query_params.get("lang")
        letter = case.letter_in(wanted, tongue.language) if case.letter_channels else None
        # Counted by what there is, so that a letter without variants has one page for all.
        number = variant_for(request) % len(letter.bodies) if letter else 0
        return await reading.answer(
            request,
            case,
            ("page", tongue, letter.language if letter else None, number, source),
            lambda: pages.render(
                "case.html",
                tongue,
                path=f"/cases/{slug}",
                site=site,
                case=case_in(tongue.language, case),
                letter=letter.variant(number) if letter else None,
                issue_words=ISSUE_WORDS,
                keeps_drafts=keeps_drafts(case),
                source=source,
                nonce=nonce_of(case),
                subject_max=SUBJECT_CHARACTERS_MAX,
                body_max=BODY_CHARACTERS_MAX,
                name_max=NAME_CHARACTERS_MAX,
                post_max=POST_CHARACTERS_MAX,
                networks=NAMES,
            ),
            HTML,
        )

    @router.api_route("/cases/{slug}/solidarity", methods=READ)
    async def show_solidarity(request: Request, slug: str) -> Response:
        case = await reading.case(slug, numbers=False)
        if not (case.takes_messages or case.messages):
            raise UnknownCase
        tongue, source = tongue_of(request), source_of(request)
        return await reading.answer(
            request,
            case,
            ("solidarity", tongue, source),
            lambda: pages.render(
                "solidarity.html",
                tongue,
                path=f"/cases/{slug}/solidarity",
                site=site,
                case=case_in(tongue.language, case),
                source=source,
                nonce=nonce_of(case),
                name_max=NAME_CHARACTERS_MAX,
                message_max=MESSAGE_CHARACTERS_MAX,
            ),
            HTML,
        )

    return router


def narrowed(front: FrontView, wish: Wish, language: str) -> dict[str, Any]:
    """What the front page shows of `front` to who has this wish, and what it offers to choose from."""
    formats = Formats(language)
    shown = replace(front, cases=narrow(wish, front.cases, formats)) if wish.narrows else front
    return {"front": shown, "wish": wish, "choices": choices(wish, front.cases, formats, partial(_named, language))}


def _named(language: str, name: str, value: str) -> str:
    """What a filter's value is called, as the page has it."""
    match name:
        case "country":
            return Formats(language).country(value)
        case "issue":
            return Voice(language)(ISSUE_WORDS[Issue(value)])
        case _:
            return language_name(value)


def nonce_of(case: CaseView) -> str:
    """The same for everybody, whichever variant they get: a few copies serve all. The intake's key is this and all that
    was written."""
    return f"{case.slug}-{case.revision}"


def keeps_drafts(case: CaseView) -> bool:
    """Whether a tab may hold on to what is written. Not where finding it on a phone could cost somebody dearly."""
    return not case.discreet and not case.risky_countries


def source_of(request: Request) -> str:
    """Where the reader came from, as the form hands it on: the UTM marks and the partner, urlencoded."""
    found = {name: request.query_params.get(name, "") for name in SOURCES}
    return urlencode({name: value for name, value in found.items() if SOURCE.fullmatch(value)})
