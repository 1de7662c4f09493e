"""What must hold between the fields of a case before it may be published. Pure: a file's model in, complaints out."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from services.cases.case_files import BODY_CHARACTERS_MAX, CaseFile, CaseWords, LetterPart
from services.cases.tables import CaseStatus, ConsentScope
from services.cases.yaml_lines import Path_
from shared.messages.cases import Channel, UpdateKind

NAME_PART_LETTERS_MIN = 3
# Its event carries every body that a letter of the case may have started from: well below what a broker takes.
STARTS_CHARACTERS_MAX = 300_000
OF_LETTERS = {Channel.EMAIL, Channel.POST}
PARTS = ("opening", "points", "closing")

Complaints = Iterator[tuple[Path_, str]]


def check_case(case: CaseFile) -> list[tuple[Path_, str]]:
    """Every rule that this case breaks, each with the path of the field to look at."""
    rules = [_consent(case), _picture(case), _twice(case), _outcome(case), _letters(case)]
    if case.status is CaseStatus.OPEN:
        rules.append(_ready_to_act(case))
    return [complaint for rule in rules for complaint in rule]


def _consent(case: CaseFile) -> Complaints:
    scope = case.consent.scope
    if scope is ConsentScope.NOTHING and case.status is not CaseStatus.WITHDRAWN:
        yield ("consent", "scope"), "says that nothing may be published: such a case can only be `status: withdrawn`"
    if scope is ConsentScope.STORY_WITHOUT_NAME:
        for path, text in _published_texts(case):
            if case.person and _names(case.person, text):
                yield path, "names the person, and they agreed to the story without their name"


def _picture(case: CaseFile) -> Complaints:
    if case.picture and case.picture.shows_person and case.consent.scope is not ConsentScope.NAME_AND_STORY:
        yield (
            ("picture",),
            "may show nobody who did not agree to be known: take it out, or, if no person can be made out in it, say "
            "`shows_person: false`",
        )


def _names(person: str, text: str) -> bool:
    words = set(re.findall(r"\w+", text.casefold()))
    return any(part in words for part in re.findall(r"\w+", person.casefold()) if len(part) >= NAME_PART_LETTERS_MIN)


def _published_texts(case: CaseFile) -> Iterator[tuple[Path_, str]]:
    yield ("slug",), case.slug
    yield from _words_of(case, ())
    for language, words in case.translations.items():
        yield from _words_of(words, ("translations", language))
    if case.picture:
        yield ("picture", "alt"), case.picture.alt
        yield ("picture", "credit"), case.picture.credit or ""
        for language, said in case.picture.translations.items():
            yield ("picture", "translations", language), said.alt
    for place, letter in enumerate(case.letters):
        yield ("letters", place, "subject"), letter.subject
        yield from (((*at, part), text) for at, part, text in _said_in(letter, ("letters", place)))
    for place, update in enumerate(case.updates):
        yield ("updates", place, "text"), update.text
        for language, text in update.translations.items():
            yield ("updates", place, "translations", language), text
    for place, offline in enumerate(case.offline):
        yield ("offline", place, "wording"), offline.wording
        yield ("offline", place, "source"), offline.source


def _said_in(letter: LetterPart, at: Path_) -> Iterator[tuple[Path_, str | int, str]]:
    for part in ("body", "opening", "closing"):
        if text := getattr(letter, part):
            yield at, part, text
    yield from (((*at, "points"), number, point) for number, point in enumerate(letter.points or ()))


def _words_of(words: CaseWords, at: Path_) -> Iterator[tuple[Path_, str]]:
    yield (*at, "title"), words.title
    yield (*at, "summary"), words.summary
    yield (*at, "story"), words.story
    yield from (((*at, "demands", place), demand) for place, demand in enumerate(words.demands))
    if words.solidarity_advice:
        yield (*at, "solidarity_advice"), words.solidarity_advice


def _twice(case: CaseFile) -> Complaints:
    named: dict[str, Sequence[str]] = {
        "targets": [target.key for target in case.targets],
        "letters": [letter.language for letter in case.letters],
        "channels": case.channels,
        "issues": case.issues,
        "updates": [update.key for update in case.updates if update.key],
    }
    for field, keys in named.items():
        yield from (((field,), f"has `{key}` twice") for key, times in Counter(keys).items() if times > 1)


def _letters(case: CaseFile) -> Complaints:
    for place, letter in enumerate(case.letters):
        yield from _one_form(letter, ("letters", place))
        if any(len(body) > BODY_CHARACTERS_MAX for body in letter.bodies):
            path = ("letters", place, "points" if letter.points else "body")
            yield path, f"make a letter of more than {BODY_CHARACTERS_MAX} characters, with opening and closing"
    if sum(len(body) for letter in case.letters for body in letter.bodies) > STARTS_CHARACTERS_MAX:
        yield ("letters",), f"are too long: with all their variants, more than {STARTS_CHARACTERS_MAX} characters"


def _one_form(letter: LetterPart, at: Path_) -> Complaints:
    """Either a body, or all the parts of which one is made."""
    given = [part for part in PARTS if getattr(letter, part) is not None]
    if letter.body is not None:
        yield from (((*at, part), "cannot stand beside `body`: a letter has one or the other") for part in given)
    elif not given:
        yield (*at, "body"), "is missing: or write `opening`, `points` and `closing`"
    else:
        yield from (((*at, part), "is missing beside the other parts") for part in PARTS if part not in given)
    points = letter.points or ()
    yield from (
        ((*at, "points", number), "says the same as a point before it")
        for number, point in enumerate(points)
        if point in points[:number]
    )


def _outcome(case: CaseFile) -> Complaints:
    if case.status is CaseStatus.WON and not any(update.kind is UpdateKind.OUTCOME for update in case.updates):
        yield ("updates",), "must tell the outcome (`kind: outcome`) of a case that is won"


def _ready_to_act(case: CaseFile) -> Complaints:
    wanted = {"demands", "channels"}
    wanted |= {"targets", "letters"} if OF_LETTERS & set(case.channels) else set()
    wanted |= {"targets"} if Channel.SOCIAL in case.channels else set()
    for field in ("demands", "channels", "targets", "letters"):
        if field in wanted and not getattr(case, field):
            yield (field,), "must have at least one entry while the case is open"
    reach = {Channel.EMAIL: "email", Channel.POST: "post_address", Channel.SOCIAL: "handle"}
    for place, channel in enumerate(case.channels):
        address = reach.get(channel)
        if address and case.targets and not any(getattr(target, address) for target in case.targets):
            yield ("channels", place), f"offers `{channel}`, but no target has `{address}`"
