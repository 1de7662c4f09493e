"""A view in a reader's language, as far as it was translated; the rest stays as it was written. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from services.cases.front_views import CaseLine, FrontView, NewsLine, NewsView
from services.cases.views import CaseView, UpdateView


class Spoken(Protocol):
    """A view of words in `language`, with the same words in others."""

    @property
    def language(self) -> str: ...

    @property
    def translations(self) -> Mapping[str, Mapping[str, Any]]: ...


S = TypeVar("S", bound=Spoken)


def case_in(language: str, case: CaseView) -> CaseView:
    spoken = _in(language, case)
    updates = tuple(_update_in(language, update) for update in case.updates)
    picture = _in(language, case.picture) if case.picture else None
    return replace(spoken, demands=tuple(spoken.demands), updates=updates, picture=picture)


def front_in(language: str, front: FrontView) -> FrontView:
    campaign = _in(language, front.campaign) if front.campaign else None
    return replace(front, campaign=campaign, cases=tuple(_line_in(language, case) for case in front.cases))


def news_in(language: str, news: NewsView) -> NewsView:
    campaign = _in(language, news.campaign) if news.campaign else None
    return replace(news, campaign=campaign, lines=tuple(_news_line_in(language, line) for line in news.lines))


def _news_line_in(language: str, line: NewsLine) -> NewsLine:
    return replace(_in(language, line), update=_update_in(language, line.update))


def _line_in(language: str, case: CaseLine) -> CaseLine:
    outcome = _update_in(language, case.outcome) if case.outcome else None
    picture = _in(language, case.picture) if case.picture else None
    return replace(_in(language, case), outcome=outcome, picture=picture)


def _update_in(language: str, update: UpdateView) -> UpdateView:
    text = update.translations.get(language)
    return replace(update, text=text, language=language) if text else update


def _in(language: str, view: S) -> S:
    words = view.translations.get(language)
    if words is None:
        return view
    # A word that was not translated is told in the case's own, which is better than nothing.
    own = {name: value for name, value in words.items() if hasattr(view, name) and value is not None}
    return replace(view, language=language, **own)  # type: ignore[type-var]  # every view is a dataclass
