"""What an organiser types into the form for letters written at an event, and the words for what cannot be taken."""

from datetime import date
from typing import Annotated

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from starlette.datastructures import FormData

from services.cases.case_files import Country, Slug
from shared.languages import N_
from shared.web.problems import FieldError, invalid

LINE_CHARACTERS_MAX, NOTE_CHARACTERS_MAX, COUNT_MAX = 200, 1_000, 100_000
FIELDS = ("case", "count", "held_on", "place", "country", "organiser", "contact", "note", "website")
WORDS = {
    "case": N_("Choose a case that is open, or was lately."),
    "count": N_("How many letters? A whole number from 1 to 100,000."),
    "held_on": N_("On which day? Today or earlier."),
    "place": N_("Where? A town, a school, a meeting place; one line."),
    "country": N_("Please choose your country."),
    "organiser": N_("Who are you? A name or a group; one line."),
    "contact": N_("This is not an email address. One looks like name@example.org."),
    "note": N_("At most 1,000 characters, and none that cannot be shown."),
}


def _plain(text: str) -> str:
    if not text.replace("\n", "").replace("\r", "").isprintable():
        raise ValueError("control characters")
    return text


def _address(text: str) -> str:
    try:
        return validate_email(text, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError:
        raise ValueError("no address") from None


def _none_if_empty(text: str) -> str | None:
    return text or None


Line = Annotated[
    str, Field(min_length=1, max_length=LINE_CHARACTERS_MAX, pattern=r"^[^\r\n]*$"), AfterValidator(_plain)
]


class OfflineWish(BaseModel):
    """A report as it is taken. Whose contact it is, is known to staff alone."""

    model_config = ConfigDict(frozen=True, str_strip_whitespace=True)

    case: Slug
    count: Annotated[int, Field(ge=1, le=COUNT_MAX)]
    held_on: date
    place: Line
    country: Country
    organiser: Line
    contact: Annotated[
        Annotated[str, Field(max_length=254), AfterValidator(_address)] | None, BeforeValidator(_none_if_empty)
    ]
    note: Annotated[str, Field(max_length=NOTE_CHARACTERS_MAX), AfterValidator(_plain)]


def read_form(data: FormData) -> dict[str, str]:
    """Every field that we know, as it was typed."""
    return {name: value if isinstance(value := data.get(name, ""), str) else "" for name in FIELDS}


def as_wish(form: dict[str, str], today: date) -> OfflineWish:
    """Raises the 422 that says which fields cannot be taken."""
    try:
        wish = OfflineWish.model_validate({name: form[name].strip() for name in WORDS})
    except ValidationError as error:
        fields = dict.fromkeys(str(fault["loc"][0]) for fault in error.errors(include_url=False))
        raise invalid([FieldError(field, WORDS[field]) for field in fields]) from None
    if wish.held_on > today:
        raise invalid([FieldError("held_on", WORDS["held_on"])])
    return wish
