"""A finished body with its strong ETag, answered so that browsers, gateways and CDNs can carry it.

RFC 9110 section 13.1.2 (If-None-Match), RFC 9111 (Cache-Control), RFC 5861 (stale-while-revalidate).
What we answer depends on nothing a header says but the language, and the variant of a letter that `visitors` chooses:
the gateway keeps a copy of each. Any copy may serve anybody, so there is no Vary.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType

from fastapi import Request
from fastapi.responses import Response

HTML = "text/html; charset=utf-8"
JSON = "application/json"
PNG, SVG, WEBP, PDF = "image/png", "image/svg+xml", "image/webp", "application/pdf"
XML, ATOM, TEXT = "application/xml", "application/atom+xml; charset=utf-8", "text/plain; charset=utf-8"
OPEN = {JSON, ATOM}  # public numbers and texts: any site may show them


@dataclass(frozen=True)
class Answer:
    body: bytes
    media_type: str
    etag: str


def make_answer(text: str | bytes, media_type: str) -> Answer:
    body = text.encode() if isinstance(text, str) else text
    return Answer(body, media_type, f'"{sha256(body).hexdigest()[:32]}"')


def respond(
    request: Request, answer: Answer, cache_control: str, more: Mapping[str, str] = MappingProxyType({})
) -> Response:
    """200 with the body, or 304 when the caller has this very one. `more` are headers of this answer's own."""
    headers = {"ETag": answer.etag, "Cache-Control": cache_control, **more}
    if answer.media_type in OPEN:
        headers["Access-Control-Allow-Origin"] = "*"
    if has_it(request.headers.get("if-none-match", ""), answer.etag):
        return Response(status_code=304, headers=headers)
    return Response(answer.body, 200, headers | {"Content-Type": answer.media_type})


def has_it(if_none_match: str, etag: str) -> bool:
    """Whether who sent this header has the answer with this tag."""
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag in tags or "*" in tags
