"""What the pages and the API share: views from memory, answers made once, headers from the settings."""

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import Response

from services.cases.answers import Answer, make_answer, respond
from services.cases.errors import NotShown, UnknownCase
from services.cases.library import Library
from services.cases.remembered import Remembered
from services.cases.settings import CasesSettings
from services.cases.views import CaseView, FrontView
from shared.clock import Clock

SLUG = re.compile(r"[a-z0-9-]{1,80}")


@dataclass(frozen=True)
class Reading:
    """A hot page costs the database nothing: its view and its bytes are both in memory."""

    library: Library
    views: Remembered[CaseView | NotShown]
    fronts: Remembered[FrontView]
    answers: Remembered[Answer]
    cache_control: str

    async def case(self, slug: str) -> CaseView:
        """Raises `UnknownCase`, `CaseWithdrawn`, `DatabaseAway`."""
        if not SLUG.fullmatch(slug):
            raise UnknownCase
        view = await self.views.get(slug, lambda: self.library.read_case(slug))
        if isinstance(view, CaseView):
            return view
        raise view()

    async def front(self) -> FrontView:
        """Raises `DatabaseAway`."""
        return await self.fronts.get("front", self.library.read_front)

    async def answer(
        self, request: Request, view: CaseView | FrontView, what: Hashable, write: Callable[[], str], media_type: str
    ) -> Response:
        """`what` names the form of the view that is asked for; `write` writes it when it is not in memory."""
        slug = view.slug if isinstance(view, CaseView) else None

        async def make() -> Answer:
            return make_answer(write(), media_type)

        # The time of reading is part of the key, so an answer is never older than its view.
        answer = await self.answers.get((slug, view.read_at, what), make)
        return respond(request, answer, self.cache_control)


def make_reading(library: Library, clock: Clock, settings: CasesSettings) -> Reading:
    entries_max, seconds = settings.page_cache_entries_max, settings.page_cache_seconds
    stale_seconds_max = settings.page_stale_seconds_max
    return Reading(
        library=library,
        views=Remembered(clock, entries_max=entries_max, seconds=seconds, stale_seconds_max=stale_seconds_max),
        fronts=Remembered(clock, entries_max=1, seconds=seconds, stale_seconds_max=stale_seconds_max),
        answers=Remembered(clock, entries_max=entries_max, seconds=max(seconds, stale_seconds_max)),
        cache_control=f"public, max-age={settings.http_cache_seconds}, "
        f"stale-while-revalidate={settings.http_cache_stale_seconds}",
    )
