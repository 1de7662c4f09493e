"""Updates as an Atom feed (RFC 4287). Pure.

`published` and `updated` are the times at which we told an update, and last changed what it says: they are known to the
second. When the thing itself happened may be known to the month or year alone, so that is said in words and never made
into a time. Of a discreet case an entry says no more than that there is something to read.
"""

import re
from datetime import UTC, datetime
from uuid import UUID
from xml.etree.ElementTree import Element, SubElement, tostring

from services.cases.front_views import NewsLine, NewsView
from services.cases.speaking import news_in
from services.cases.views import CaseView
from services.cases.voices import Voice
from shared.languages import LANGUAGES, N_, direction
from shared.languages.saying import say
from shared.messages.cases import UpdateKind
from shared.messages.envelope import derived_id
from shared.web.tongues import Tongue

ATOM = "http://www.w3.org/2005/Atom"
XHTML = "http://www.w3.org/1999/xhtml"
ATOM_TYPE, HTML_TYPE = "application/atom+xml", "text/html"
TITLE_CHARACTERS_MAX = 140
NOTHING_TOLD_YET = datetime(1970, 1, 1, tzinfo=UTC)
ISOLATE, END = "\u2068", "\u2069"  # first strong isolate: what stands inside keeps its direction to itself

SITE_NAME = N_("Write for Rights")
KINDS = {UpdateKind.NEWS: N_("News"), UpdateKind.OUTCOME: N_("The outcome")}
UNTOLD = {UpdateKind.NEWS: N_("There is news of a case"), UpdateKind.OUTCOME: N_("A case has an outcome")}

_NOT_XML = re.compile("[\ufffe\uffff]")


def news_of(case: CaseView) -> NewsView:
    """The updates of one case, the latest first, as the feed of a campaign has them."""
    lines = [
        NewsLine(case.slug, case.title, case.discreet, case.language, case.translations, update)
        for update in case.updates
    ]
    lines.sort(key=lambda line: (line.update.published_at, line.update.date or ""), reverse=True)
    return NewsView(None, tuple(lines), case.read_at)


def site_feed(news: NewsView, tongue: Tongue, site: str) -> str:
    voice, told = Voice(tongue.language), news_in(tongue.language, news)
    if told.campaign is None:
        return _feed(told, tongue, site, "/", voice(SITE_NAME), voice.language)
    return _feed(told, tongue, site, "/", told.campaign.name, told.campaign.language)


def case_feed(case: CaseView, tongue: Tongue, site: str) -> str:
    """`case` is in the language of `tongue` already."""
    news, page = news_in(tongue.language, news_of(case)), f"/cases/{case.slug}"
    if case.discreet:
        return _feed(news, tongue, site, page, Voice(tongue.language)(SITE_NAME), tongue.language)
    return _feed(news, tongue, site, page, case.title, case.language)


def feed_path(page: str) -> str:
    """Where the updates of the page at `page` are."""
    return f"{page.rstrip('/')}/updates.atom"


def _feed(news: NewsView, tongue: Tongue, site: str, page: str, about: str, about_language: str) -> str:
    voice, language = Voice(tongue.language), tongue.language
    feed = Element("feed", {"xmlns": ATOM, "xml:lang": language})
    _text(feed, "id", derived_id("feed", page, language).urn)
    _text(feed, "title", voice(say("%(name)s: news", name=_isolated(about, about_language, voice))))
    _text(feed, "updated", _time(max((line.update.changed_at for line in news.lines), default=NOTHING_TOLD_YET)))
    author = SubElement(feed, "author")
    _text(author, "name", voice(SITE_NAME))
    _text(author, "uri", f"{site}/")
    _link(feed, "self", ATOM_TYPE, language, f"{site}{tongue.to(feed_path(page))}")
    _link(feed, "alternate", HTML_TYPE, language, f"{site}{tongue.to(page)}")
    for other in LANGUAGES:
        if other != language:
            _link(feed, "alternate", ATOM_TYPE, other, f"{site}/{other}{feed_path(page)}")
    for line in news.lines:
        _entry(feed, line, voice, f"{site}{tongue.to(f'/cases/{line.slug}')}")
    return tostring(feed, encoding="unicode", xml_declaration=True)


def _entry(feed: Element, line: NewsLine, voice: Voice, address: str) -> None:
    entry, update = SubElement(feed, "entry"), line.update
    _text(entry, "id", _entry_id(update.id, voice.language).urn)
    _text(entry, "published", _time(update.published_at))
    _text(entry, "updated", _time(update.changed_at))
    _link(entry, "alternate", HTML_TYPE, voice.language, address)
    SubElement(entry, "category", {"term": update.kind.value, "label": voice(KINDS[update.kind])})
    if line.discreet:
        _text(entry, "title", voice(UNTOLD[update.kind]))
    else:
        _text(entry, "title", _title(line, voice)).set("xml:lang", update.language)
        _content(entry, line, voice)


def _entry_id(update_id: UUID, language: str) -> UUID:
    """The same update in two languages is two entries: who reads both feeds sees both."""
    return derived_id("entry", update_id, language)


def _title(line: NewsLine, voice: Voice) -> str:
    name = _isolated(line.title, line.language, voice)
    return f"{name}: {_isolated(_shortened(line.update.text), line.update.language, voice)}"


def _content(entry: Element, line: NewsLine, voice: Voice) -> None:
    """XHTML, so that each line says which way it runs."""
    content = SubElement(entry, "content", {"type": "xhtml", "xml:lang": voice.language})
    box = SubElement(content, "div", {"xmlns": XHTML, "lang": voice.language, "dir": voice.direction})
    language = line.update.language
    for paragraph in line.update.text.split("\n\n"):
        _text(box, "p", " ".join(paragraph.split())).attrib.update(lang=language, dir=direction(language))
    if line.update.date:
        _text(box, "p", voice.formats.day(line.update.date))


def _text(parent: Element, name: str, text: str) -> Element:
    child = SubElement(parent, name)
    child.text = _NOT_XML.sub("", text)
    return child


def _link(parent: Element, rel: str, kind: str, language: str, address: str) -> None:
    SubElement(parent, "link", {"rel": rel, "type": kind, "hreflang": language, "href": address})


def _time(at: datetime) -> str:
    """RFC 3339, to the second, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _isolated(text: str, language: str, voice: Voice) -> str:
    """Marked where directions may meet: `text`, of `language`, among words of the feed's own. Few feeds need it."""
    return f"{ISOLATE}{text}{END}" if "rtl" in {direction(language), voice.direction} else text


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    if len(line) <= TITLE_CHARACTERS_MAX:
        return line
    return f"{line[:TITLE_CHARACTERS_MAX].rsplit(' ', 1)[0]} …"
