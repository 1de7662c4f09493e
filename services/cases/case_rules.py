"""What must hold between the fields of a case before it may be published. Pure: a file's model in, complaints out."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from services.cases.case_files import CaseFile, CaseWords
from services.cases.tables import CaseStatus, ConsentScope
from services.cases.yaml_lines import Path_
from shared.messages.cases import Channel, UpdateKind

NAME_PART_LETTERS_MIN = 3

Complaints = Iterator[tuple[Path_, str]]


def check_case(case: CaseFile) -> list[tuple[Path_, str]]:
    """Every rule that this case breaks, each with the path of the field to look at."""
    rules = [_consent(case), _twice(case), _outcome(case)]
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


def _names(person: str, text: str) -> bool:
    words = set(re.findall(r"\w+", text.casefold()))
    return any(part in words for part in re.findall(r"\w+", person.casefold()) if len(part) >= NAME_PART_LETTERS_MIN)


def _published_texts(case: CaseFile) -> Iterator[tuple[Path_, str]]:
    yield ("slug",), case.slug
    yield from _words_of(case, ())
    for language, words in case.translations.items():
        yield from _words_of(words, ("translations", language))
    for place, letter in enumerate(case.letters):
        yield ("letters", place, "subject"), letter.subject
        yield ("letters", place, "body"), letter.body
    for place, update in enumerate(case.updates):
        yield ("updates", place, "text"), update.text
        for language, text in update.translations.items():
            yield ("updates", place, "translations", language), text
    for place, offline in enumerate(case.offline):
        yield ("offline", place, "wording"), offline.wording
        yield ("offline", place, "source"), offline.source


def _words_of(words: CaseWords, at: Path_) -> Iterator[tuple[Path_, str]]:
    yield (*at, "title"), words.title
    yield (*at, "summary"), words.summary
    yield (*at, "story"), words.story
    yield from (((*at, "demands", place), demand) for place, demand in enumerate(words.demands))


def _twice(case: CaseFile) -> Complaints:
    named: dict[str, Sequence[str]] = {
        "targets": [target.key for target in case.targets],
        "letters": [letter.language for letter in case.letters],
        "channels": case.channels,
    }
    for field, keys in named.items():
        yield from (((field,), f"has `{key}` twice") for key, times in Counter(keys).items() if times > 1)


def _outcome(case: CaseFile) -> Complaints:
    if case.status is CaseStatus.WON and not any(update.kind is UpdateKind.OUTCOME for update in case.updates):
        yield ("updates",), "must tell the outcome (`kind: outcome`) of a case that is won"


def _ready_to_act(case: CaseFile) -> Complaints:
    for field in ("demands", "channels", "targets", "letters"):
        if not getattr(case, field):
            yield (field,), "must have at least one entry while the case is open"
    reach = {Channel.EMAIL: "email", Channel.POST: "post_address", Channel.SOCIAL: "handle"}
    for place, channel in enumerate(case.channels):
        address = reach.get(channel)
        if address and case.targets and not any(getattr(target, address) for target in case.targets):
            yield ("channels", place), f"offers `{channel}`, but no target has `{address}`"
