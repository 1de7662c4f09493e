"""`/pictures/{digest}.webp`: pictures of cases, by what they are, so that a browser asks for each once in a year.

A browser may keep one so long, since its address never shows anything else. Gateways and CDNs may not: a case that is
withdrawn must not live on there, so they ask again as often as for a page, and are mostly told that nothing changed."""

import re

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.cases.answers import respond
from services.cases.errors import UnknownPicture
from services.cases.picture_files import DIGEST_CHARACTERS
from services.cases.reading import Reading

READ = ["GET", "HEAD"]
NAME = re.compile(rf"([0-9a-f]{{{DIGEST_CHARACTERS}}})\.webp")
YEAR_SECONDS = 365 * 24 * 3600


def picture_pages(reading: Reading) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    shared = f"s-maxage={reading.http_cache_seconds}, stale-while-revalidate={reading.http_stale_seconds}"
    cache_control = f"public, max-age={YEAR_SECONDS}, {shared}, immutable"

    @router.api_route("/pictures/{name}", methods=READ)
    async def show_picture(request: Request, name: str) -> Response:
        named = NAME.fullmatch(name)
        if not named:
            raise UnknownPicture
        return respond(request, await reading.rendition(named[1]), cache_control)

    return router
