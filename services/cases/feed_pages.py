"""`/updates.atom` and `/cases/{slug}/updates.atom`: what is new, for who would rather be told than look."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.cases.answers import ATOM
from services.cases.feeds import case_feed, site_feed
from services.cases.reading import Reading
from services.cases.speaking import case_in
from shared.web.tongues import tongue_of

READ = ["GET", "HEAD"]


def feed_pages(reading: Reading, public_url: str) -> APIRouter:
    router, site = APIRouter(include_in_schema=False), public_url.rstrip("/")

    @router.api_route("/updates.atom", methods=READ)
    async def follow_site(request: Request) -> Response:
        """The latest updates of the newest campaign."""
        news, tongue = await reading.news(), tongue_of(request)
        return await reading.answer(request, news, ("feed", tongue), lambda: site_feed(news, tongue, site), ATOM)

    @router.api_route("/cases/{slug}/updates.atom", methods=READ)
    async def follow_case(request: Request, slug: str) -> Response:
        tongue = tongue_of(request)
        case = case_in(tongue.language, await reading.case(slug, numbers=False))
        return await reading.answer(request, case, ("feed", tongue), lambda: case_feed(case, tongue, site), ATOM)

    return router
