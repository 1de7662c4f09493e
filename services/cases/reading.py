"""What the pages and the API share: views from memory, answers made once, headers from the settings."""

import re
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from fastapi import Request
from fastapi.responses import Response

from services.cases.answers import PDF, PNG, WEBP, Answer, make_answer, respond
from services.cases.errors import NotShown, UnknownCase
from services.cases.front_views import FrontView, NewsView
from services.cases.library import Library
from services.cases.remembered import Remembered
from services.cases.settings import CasesSettings
from services.cases.views import CaseView, LedgerView
from shared.clock import Clock
from shared.db import DatabaseAway

SEARCHES_MAX = 100
LEDGERS_MAX = 100
DOCUMENTS_MAX = 120
DOCUMENT_SECONDS = 600.0
PICTURES_MAX = 80  # of at most picture_files.RENDITION_BYTES_MAX each
SLUG = re.compile(r"[a-z0-9-]{1,80}")

T = TypeVar("T")


@dataclass(frozen=True)
class Reading:
    """A hot page costs the database nothing: its view and its bytes are both in memory."""

    library: Library
    views: Remembered[CaseView | NotShown]
    fronts: Remembered[FrontView]
    answers: Remembered[Answer]
    searches: Remembered[Answer]
    ledgers: Remembered[LedgerView | NotShown]
    feeds: Remembered[NewsView]
    documents: Remembered[Answer]
    pictures: Remembered[Answer]
    http_cache_seconds: int
    http_stale_seconds: int

    async def case(self, slug: str, *, numbers: bool = True) -> CaseView:
        """With its numbers or, for less, without. Raises `UnknownCase`, `CaseWithdrawn`, `DatabaseAway`."""
        if not SLUG.fullmatch(slug):
            raise UnknownCase
        view = await _get(self.views, slug, numbers, partial(self.library.read_case, slug))
        if isinstance(view, CaseView):
            return view
        raise view()

    async def ledger(self, slug: str) -> LedgerView:
        """All its public numbers. Raises as `case` does."""
        if not SLUG.fullmatch(slug):
            raise UnknownCase
        view = await self.ledgers.get(slug, partial(self.library.read_ledger, slug))
        if isinstance(view, LedgerView):
            return view
        raise view()

    async def front(self, *, numbers: bool = True) -> FrontView:
        """With its numbers or, for less, without. Raises `DatabaseAway`."""
        return await _get(self.fronts, "front", numbers, self.library.read_front)

    async def news(self) -> NewsView:
        """Raises `DatabaseAway`."""
        return await self.feeds.get("news", self.library.read_news)

    async def answer(
        self,
        request: Request,
        view: CaseView | FrontView | NewsView | LedgerView,
        what: Hashable,
        write: Callable[[], str],
        media_type: str,
        *,
        memory: Remembered[Answer] | None = None,
        cache_seconds_max: int | None = None,
    ) -> Response:
        """`what` names the form of the view that is asked for; `write` writes it when it is not in `memory`."""
        slug = view.slug if isinstance(view, CaseView) else view.case if isinstance(view, LedgerView) else None

        async def make() -> Answer:
            return make_answer(write(), media_type)

        # The time of reading is part of the key, so an answer is never older than its view.
        key = (slug, view.read_at, view.has_numbers, what)
        answer = await (self.answers if memory is None else memory).get(key, make)
        return respond(request, answer, self.cache_control(cache_seconds_max))

    async def picture(
        self,
        request: Request,
        case: CaseView,
        what: Hashable,
        draw: Callable[[], Awaitable[bytes]],
        media_type: str = PNG,
    ) -> Response:
        """A picture of the case, which takes long to draw and shows no numbers: one for each revision."""

        async def make() -> Answer:
            return make_answer(await draw(), media_type)

        answer = await self.answers.get((case.slug, case.revision, what), make)
        return respond(request, answer, self.cache_control())

    async def document(
        self, request: Request, what: Hashable, set_type: Callable[[], Awaitable[bytes]], name: str
    ) -> Response:
        """A PDF to print, called `name` where it is saved. `what` holds all that it says."""

        async def make() -> Answer:
            return make_answer(await set_type(), PDF)

        answer = await self.documents.get(what, make)
        # Found by its page: a search engine's copy would outlast a withdrawal.
        more = {"Content-Disposition": f'inline; filename="{name}"', "X-Robots-Tag": "noindex"}
        return respond(request, answer, self.cache_control(), more)

    async def rendition(self, digest: str) -> Answer:
        """A campaigner's picture of a case. Raises `UnknownPicture`, `DatabaseAway`."""

        async def make() -> Answer:
            return make_answer(await self.library.read_picture(digest), WEBP)

        return await self.pictures.get(digest, make)

    def cache_control(self, seconds_max: int | None = None) -> str:
        """What caches are told; `seconds_max` is for what must not be shown for as long as a page."""
        if seconds_max is None:
            return f"public, max-age={self.http_cache_seconds}, stale-while-revalidate={self.http_stale_seconds}"
        return f"public, max-age={min(seconds_max, self.http_cache_seconds)}"


async def _get(memory: Remembered[T], key: str, numbers: bool, read: Callable[..., Awaitable[T]]) -> T:
    try:
        return await memory.get((key, numbers), lambda: read(numbers=numbers))
    except DatabaseAway as away:
        fault = away

    async def give_up() -> T:
        raise fault

    # Leaving numbers out must not cost a page that would still be shown with them, nor the other way round.
    return await memory.get((key, not numbers), give_up)


def make_reading(library: Library, clock: Clock, settings: CasesSettings) -> Reading:
    entries_max, seconds = settings.page_cache_entries_max, settings.page_cache_seconds
    stale_seconds_max = settings.page_stale_seconds_max
    return Reading(
        library=library,
        views=Remembered(clock, entries_max=entries_max, seconds=seconds, stale_seconds_max=stale_seconds_max),
        fronts=Remembered(clock, entries_max=2, seconds=seconds, stale_seconds_max=stale_seconds_max),
        answers=Remembered(clock, entries_max=entries_max, seconds=max(seconds, stale_seconds_max)),
        # Apart, so that no crowd of searches drives the pages out that everybody reads.
        searches=Remembered(clock, entries_max=SEARCHES_MAX, seconds=max(seconds, stale_seconds_max)),
        ledgers=Remembered(clock, entries_max=LEDGERS_MAX, seconds=seconds, stale_seconds_max=stale_seconds_max),
        feeds=Remembered(clock, entries_max=1, seconds=seconds, stale_seconds_max=stale_seconds_max),
        # Large, slow to make, and wanted by few: apart too, and kept longer.
        documents=Remembered(clock, entries_max=DOCUMENTS_MAX, seconds=DOCUMENT_SECONDS),
        # As fresh as a page: a picture goes with its case.
        pictures=Remembered(clock, entries_max=PICTURES_MAX, seconds=seconds, stale_seconds_max=stale_seconds_max),
        http_cache_seconds=settings.http_cache_seconds,
        http_stale_seconds=settings.http_cache_stale_seconds,
    )
