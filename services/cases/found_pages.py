"""What others need to find a case and to show a link to it: the picture beside the link, the map of the site, and what
machines should leave alone."""

from collections.abc import Iterable
from functools import partial
from xml.etree.ElementTree import Element, SubElement, tostring

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.cases.answers import TEXT, XML
from services.cases.front_views import FrontView
from services.cases.reading import Reading
from services.cases.speaking import case_in
from services.cases.views import CaseView
from shared.languages import LANGUAGES, direction, spoken_or_source
from shared.languages.formats import Formats
from shared.paper.typesetting import TooBusy, typeset
from shared.web.problems import unavailable
from shared.web.tongues import tongue_of

READ = ["GET", "HEAD"]
SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
XHTML = "http://www.w3.org/1999/xhtml"
PRIVATE = ("/actions", "/ops", "/posts", "/receipts", "/unsubscribe", "/verify")
SITE_NAME = "Write for Rights"


def found_pages(reading: Reading, public_url: str) -> APIRouter:
    router, site = APIRouter(include_in_schema=False), public_url.rstrip("/")

    @router.api_route("/cases/{slug}/card.png", methods=READ)
    async def show_card(request: Request, slug: str) -> Response:
        """1200 x 630 pixels, in the language of its address."""
        language = tongue_of(request).language
        case = case_in(language, await reading.case(slug, numbers=False))
        draw = partial(typeset, "card", card_of(case, language), "png")
        try:
            return await reading.picture(request, case, ("card", language), draw)
        except TooBusy:
            raise unavailable("Too many pictures are being drawn just now.") from None

    @router.api_route("/sitemap.xml", methods=READ)
    async def show_sitemap(request: Request) -> Response:
        front = await reading.front(numbers=False)
        return await reading.answer(request, front, "sitemap", lambda: sitemap_of(front, site), XML)

    @router.api_route("/robots.txt", methods=READ)
    async def show_robots(request: Request) -> Response:
        front = await reading.front(numbers=False)
        return await reading.answer(request, front, "robots", lambda: robots_of(site), TEXT)

    return router


def card_of(case: CaseView, language: str) -> dict[str, str]:
    """What the picture says; of a case that wants to be discreet, no more than whose site it is."""
    title, country = (SITE_NAME, "") if case.discreet else (case.title, Formats(language).country(case.country))
    spoken = spoken_or_source(case.language)
    return {"title": title, "country": country, "site": SITE_NAME, "language": spoken, "direction": direction(spoken)}


def sitemap_of(front: FrontView, site: str) -> str:
    """Each page in each of its languages, with the others named beside it."""
    listed = Element("urlset", {"xmlns": SITEMAP, "xmlns:xhtml": XHTML})
    paths = ["/", "/events", *(f"/cases/{case.slug}" for case in front.cases)]
    for path in paths:
        for language in LANGUAGES:
            page = SubElement(listed, "url")
            SubElement(page, "loc").text = f"{site}/{language}{path}"
            for other, address in _alternates(site, path):
                SubElement(page, "xhtml:link", {"rel": "alternate", "hreflang": other, "href": address})
    return tostring(listed, encoding="unicode", xml_declaration=True)


def robots_of(site: str) -> str:
    """Receipts and the like are marked as well where they are; this spares their asking."""
    prefixes = ["", *(f"/{language}" for language in LANGUAGES)]
    lines = [f"Disallow: {prefix}{path}" for prefix in prefixes for path in PRIVATE]
    return "\n".join(["User-agent: *", *lines, f"Sitemap: {site}/sitemap.xml", ""])


def _alternates(site: str, path: str) -> Iterable[tuple[str, str]]:
    yield from ((language, f"{site}/{language}{path}") for language in LANGUAGES)
    yield "x-default", f"{site}{path}"
