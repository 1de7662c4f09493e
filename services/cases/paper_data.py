"""What the templates of a case's papers are given: its words as data, in the reader's language where there are such.

A discreet case is named nowhere that is seen in passing: not in a document's title, nor on a poster, nor in the kit's
list. Its sheet tells it, as its page does, to who opened it. Pure.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from services.cases import words_on_paper as words
from services.cases.front_views import CaseLine, FrontView
from services.cases.views import CaseView, TargetView
from services.cases.voices import Voice
from services.cases.words_on_paper import Chapter
from shared.languages import direction, way_of
from shared.languages.saying import say
from shared.paper.sizes import Paper
from shared.web.tongues import Tongue

# Two pages hold so much; the case's page has the rest.
STORY_CHARACTERS_MAX, LIST_MAX = 6_000, 12
STORY_CHARACTERS_MAX_IN = {"ur": 2_400}  # Nastaliq stands high
ADDRESS_LINES_MAX, KIT_CASES_MAX = 10, 24

Data = dict[str, Any]


def sheet_data(case: CaseView, tongue: Tongue, site: str, paper: Paper) -> Data:
    voice, path = Voice(tongue.language), f"/cases/{case.slug}"
    story = shortened(case.paragraphs, STORY_CHARACTERS_MAX_IN.get(case.language, STORY_CHARACTERS_MAX))
    is_whole = story == case.paragraphs and max(len(case.targets), len(case.demands)) <= LIST_MAX
    return _paper(voice, paper, case.discreet, case.title) | {
        "case": _case(case, voice) | {"story": story, "demands": list(case.demands[:LIST_MAX])},
        "closing": _closing(case, voice),
        "targets": [_target(target) for target in case.targets[:LIST_MAX]],
        "tips": _chapter(words.TIPS, voice),
        "more": "" if is_whole else voice(words.WHOLE_STORY),
        "headings": {
            "story": voice(words.WHAT_HAPPENED),
            "demands": voice(words.DEMANDS),
            "targets": voice(words.TARGETS),
        },
        "link": _link(voice, tongue, site, path),
    }


def poster_data(case: CaseView, tongue: Tongue, site: str, paper: Paper) -> Data:
    voice, path = Voice(tongue.language), f"/cases/{case.slug}"
    shown = _case(case, voice)
    if case.discreet:
        shown |= _spoken(voice.language) | {
            "title": voice(words.SOMEONE),
            "summary": voice(words.ANY_CASE),
            "country": "",
        }
    link = _link(voice, tongue, site, path)
    return _paper(voice, paper, case.discreet, case.title) | {
        "case": shown,
        "call": voice(words.CALL),
        "closing": _closing(case, voice),
        # The address of a discreet case may say more than its poster: its code is enough.
        "link": _unnamed(link, voice) if case.discreet else link,
    }


def kit_data(front: FrontView, tongue: Tongue, site: str, paper: Paper) -> Data:
    voice, cases = Voice(tongue.language), front.open_cases
    return _paper(voice, paper, False, voice(words.EVENT)) | {
        "lead": voice(words.EVENT_LEAD),
        "guide": [_chapter(chapter, voice) for chapter in words.GUIDE],
        "cases_title": voice(words.OPEN_CASES),
        "cases": [_listed(case, voice, tongue, site) for case in cases[:KIT_CASES_MAX]],
        "no_case": "" if cases else voice(words.NO_CASE),
        "more": _link(voice, tongue, site, "/") if len(cases) > KIT_CASES_MAX else None,
        "report": {"title": voice(words.REPORT), "lead": voice(words.REPORT_LEAD)}
        | {"link": _link(voice, tongue, site, "/report")},
        "letter": {"to": voice(words.LETTER_TO), "from": voice(words.LETTER_FROM)},
    }


def file_name(kind: str, paper: Paper, case: CaseView) -> str:
    """What a browser calls the file; ASCII, as slugs are."""
    return f"{kind}-{paper}.pdf" if case.discreet else f"{case.slug}-{kind}-{paper}.pdf"


def codes_of(data: Data) -> list[str]:
    """The addresses that a paper shows codes of."""
    links = [data.get("link"), data.get("more"), (data.get("report") or {}).get("link")]
    links += [case["link"] for case in data.get("cases", [])]
    return [link["address"] for link in links if isinstance(link, dict)]


def shortened(paragraphs: Sequence[str], characters_max: int) -> list[str]:
    """As many paragraphs as there is room for; the last one may end within, after a whole word."""
    kept: list[str] = []
    for paragraph in paragraphs:
        if len(paragraph) > characters_max:
            return [*kept, f"{paragraph[:characters_max].rpartition(' ')[0]} …"] if characters_max > 0 else kept
        kept.append(paragraph)
        characters_max -= len(paragraph)
    return kept


def _paper(voice: Voice, paper: Paper, discreet: bool, title: str) -> Data:
    site_name = voice(words.SITE_NAME)
    return {"paper": paper.in_typst, "document": site_name if discreet else title, "site": site_name} | _spoken(
        voice.language
    )


def _spoken(language: str) -> Data:
    return {"language": language, "direction": direction(language)}


def _case(case: CaseView | CaseLine, voice: Voice) -> Data:
    shown = {"title": case.title, "summary": case.summary, "country": voice.formats.country(case.country)}
    return shown | _spoken(case.language)


def _listed(case: CaseLine, voice: Voice, tongue: Tongue, site: str) -> Data:
    """A case in the kit, which lies on tables: a discreet one without its name."""
    shown = _case(case, voice)
    if case.discreet:
        shown |= _spoken(voice.language) | {"title": voice(words.QUIET_CASE), "summary": "", "country": ""}
    link = _link(voice, tongue, site, f"/cases/{case.slug}")
    return shown | {"closing": _closing(case, voice), "link": _unnamed(link, voice) if case.discreet else link}


def _unnamed(link: Data, voice: Voice) -> Data:
    """A link without the address to type, nor behind the picture for those who hear the page."""
    return link | {"shown": "", "scan": voice(words.SCAN_ONLY), "alt": voice(words.CODE)}


def _closing(case: CaseView | CaseLine, voice: Voice) -> str:
    if case.closes_at is None:
        return ""
    return voice(say("Open until %(day)s.", day=voice.formats.day(case.closes_at.date())))


def _target(target: TargetView) -> Data:
    return {
        "name": target.name,
        "email": target.email or "",
        "address": "\n".join((target.post_address or "").split("\n")[:ADDRESS_LINES_MAX]),
        "direction": way_of(target.name),
    }


def _chapter(chapter: Chapter, voice: Voice) -> Data:
    return {"title": voice(chapter.title), "lines": [voice(line) for line in chapter.lines]}


def _link(voice: Voice, tongue: Tongue, site: str, path: str) -> Data:
    """`address` is behind the code, in the language of the paper; `shown`, to be typed, leads to the reader's own."""
    shown = f"{urlsplit(site).netloc}{path}".rstrip("/")
    address = f"{site}{tongue.to(path)}"
    return {"address": address, "shown": shown, "scan": voice(words.SCAN), "alt": f"{voice(words.CODE)}: {address}"}
