"""What people print and take along: QR codes, sheets and posters of cases, and the kit for who holds an event.

A case that is finished has a code, since its page tells what came of it, and no papers that ask for letters."""

import asyncio
import json
from collections.abc import Callable
from functools import partial

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.cases.answers import HTML, SVG
from services.cases.errors import CaseFinished
from services.cases.paper_data import Data, codes_of, file_name, kit_data, poster_data, sheet_data
from services.cases.qr_codes import png_code, svg_code
from services.cases.reading import Reading
from services.cases.speaking import case_in, front_in
from services.cases.views import CaseView
from services.cases.words_on_paper import GUIDE
from shared.languages import N_
from shared.paper.sizes import Paper
from shared.paper.typesetting import TooBusy, typeset
from shared.web.pages import Pages
from shared.web.problems import unavailable
from shared.web.tongues import Tongue, tongue_of

READ = ["GET", "HEAD"]
EVENTS = "/events"


def paper_pages(reading: Reading, pages: Pages, public_url: str) -> APIRouter:
    router, site = APIRouter(include_in_schema=False), public_url.rstrip("/")

    @router.api_route("/cases/{slug}/qr.svg", methods=READ)
    async def show_svg(request: Request, slug: str) -> Response:
        return await show_code(request, slug, "svg", lambda address: svg_code(address).encode(), SVG)

    @router.api_route("/cases/{slug}/qr.png", methods=READ)
    async def show_png(request: Request, slug: str) -> Response:
        return await show_code(request, slug, "png", png_code)

    async def show_code(request: Request, slug: str, kind: str, draw: Callable[[str], bytes], *form: str) -> Response:
        """Of the page's address as this one was asked for: in one language, or in whatever its reader's is."""
        case, tongue = await reading.case(slug, numbers=False), tongue_of(request)
        address = f"{site}{tongue.to(f'/cases/{slug}')}"
        return await reading.picture(
            request, case, ("code", kind, tongue), partial(asyncio.to_thread, draw, address), *form
        )

    @router.api_route("/cases/{slug}/sheet.pdf", methods=READ)
    async def print_sheet(request: Request, slug: str, paper: Paper = Paper.A4) -> Response:
        case, tongue = await open_case(request, slug)
        return await show("sheet", request, sheet_data(case, tongue, site, paper), file_name("sheet", paper, case))

    @router.api_route("/cases/{slug}/poster.pdf", methods=READ)
    async def print_poster(request: Request, slug: str, paper: Paper = Paper.A4) -> Response:
        case, tongue = await open_case(request, slug)
        return await show("poster", request, poster_data(case, tongue, site, paper), file_name("poster", paper, case))

    async def open_case(request: Request, slug: str) -> tuple[CaseView, Tongue]:
        """Raises `CaseFinished`, and what `Reading.case` raises."""
        tongue = tongue_of(request)
        case = case_in(tongue.language, await reading.case(slug, numbers=False))
        if not case.is_open:
            raise CaseFinished
        return case, tongue

    @router.api_route("/kit.pdf", methods=READ)
    async def print_kit(request: Request, paper: Paper = Paper.A4) -> Response:
        tongue = tongue_of(request)
        front = front_in(tongue.language, await reading.front(numbers=False))
        return await show("kit", request, kit_data(front, tongue, site, paper), f"letter-writing-kit-{paper}.pdf")

    async def show(template: str, request: Request, data: Data, name: str) -> Response:
        what = (template, json.dumps(data, sort_keys=True))
        try:
            return await reading.document(request, what, partial(set_type, template, data), name)
        except TooBusy:
            raise unavailable(N_("Too many papers are being made just now.")) from None

    @router.api_route(EVENTS, methods=READ)
    async def show_events(request: Request) -> Response:
        front, tongue = await reading.front(numbers=False), tongue_of(request)
        return await reading.answer(
            request,
            front,
            ("events", tongue),
            lambda: pages.render(
                "events.html", tongue, path=EVENTS, site=site, front=front_in(tongue.language, front), guide=GUIDE
            ),
            HTML,
        )

    return router


async def set_type(template: str, data: Data) -> bytes:
    """Raises `TooBusy`."""
    codes = await asyncio.to_thread(lambda: {address: svg_code(address) for address in codes_of(data)})
    return await typeset(template, data | {"codes": codes})
