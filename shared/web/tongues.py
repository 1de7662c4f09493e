"""Which language a page speaks: its address says so. `/es/cases/...` is the page at `/cases/...`, in Spanish.

An address without a language is the one to pass on: it leads to the page in the reader's own language, by what their
browser asks for. That is decided once, there; from then on every link of the page keeps to its language.
"""

from dataclasses import dataclass

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.languages import LANGUAGES, SOURCE, preferred

# What speaks no language, and is never asked for below one.
NOT_PAGES = frozenset(
    {"api", "static", "pictures", "ops", "health", "metrics", "openapi.json", "robots.txt", "sitemap.xml"}
)
READING = frozenset({"GET", "HEAD"})
REDIRECT_SECONDS = 60
TONGUE = "w4r.tongue"


@dataclass(frozen=True, slots=True)
class Tongue:
    """The language of one page, and what its addresses begin with: nothing, or such as `/es`."""

    language: str = SOURCE
    prefix: str = ""

    def to(self, path: str) -> str:
        """`path`, such as `/cases/x`, in this language."""
        return f"{self.prefix}{path}"


OF_STAFF = Tongue()


def tongue_of(request: Request) -> Tongue:
    tongue: Tongue = request.scope.get(TONGUE, OF_STAFF)
    return tongue


def without_language(path: str) -> tuple[str, str]:
    """The path as routes know it, and the language it was asked for in; `""` for none."""
    first, _, rest = path.removeprefix("/").partition("/")
    if first in LANGUAGES and _is_page(f"/{rest}"):
        return f"/{rest}", first
    return path, ""


def _is_page(path: str) -> bool:
    return path.removeprefix("/").partition("/")[0] not in NOT_PAGES


class SpeakLanguage:
    """Takes the language off the path and leaves it in the scope, for `tongue_of`. Sends who should rather read another
    language there."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        path, language = without_language(scope["path"])
        if language:
            spoken = {"path": path, "raw_path": path.encode(), TONGUE: Tongue(language, f"/{language}")}
            return await self._app({**scope, **spoken}, receive, send)
        if scope["method"] not in READING or not _is_page(path):
            return await self._app(scope, receive, send)
        wanted = preferred(Headers(scope=scope).get("accept-language", ""))
        answer = self._app if wanted == SOURCE else _redirect(scope, wanted)
        return await answer(scope, receive, _varying(send))


def _redirect(scope: Scope, language: str) -> RedirectResponse:
    query = scope["query_string"].decode("latin-1")
    where = f"/{language}{scope['path']}" + (f"?{query}" if query else "")
    return RedirectResponse(where, 302, headers={"Cache-Control": f"private, max-age={REDIRECT_SECONDS}"})


def _varying(send: Send) -> Send:
    async def varying(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).add_vary_header("Accept-Language")
        await send(message)

    return varying
