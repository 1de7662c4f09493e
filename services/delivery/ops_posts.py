"""The campaign's own posts, for staff: `/api/v1/letters/posts` for their tools, `/ops/posts` for their eyes."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, Field, ValidationError

from services.delivery.announcing import TEXT_CHARACTERS_MAX, WHY_CHARACTERS_MAX, AnnouncementIn
from services.delivery.wiring import Wiring
from shared.posts.networks import LENGTH_MAX, NAMES, Network
from shared.web.problems import FieldError, Problem, field_errors, invalid

API, PAGE = "/api/v1/letters/posts", "/ops/posts"
FIELD_CHARACTERS_MAX = 4_000
EMPTY_FORM: dict[str, Any] = {"text": "", "link": "", "language": "en", "networks": [], "why": ""}
MESSAGES = {
    "text": f"Write at most {TEXT_CHARACTERS_MAX:,} characters.",
    "link": "A whole address, such as https://letters.example/cases/a-case.",
    "language": "A language tag, such as en or pt-BR.",
    "networks": "Choose at least one network.",
    "why": f"Say why, in at most {WHY_CHARACTERS_MAX} characters.",
}

Typed = Annotated[str, Form(max_length=FIELD_CHARACTERS_MAX)]


class AnnouncementOut(BaseModel):
    letters: dict[Network, UUID] = Field(
        description="by network, the letter that carries the post: see /api/v1/letters"
    )


def announcements_router(wiring: Wiring) -> APIRouter:
    router = APIRouter()
    router.include_router(_api(wiring))
    router.include_router(_pages(wiring))
    return router


def _api(wiring: Wiring) -> APIRouter:
    require = wiring.staff.require_bearer
    router = APIRouter(tags=["letters"])

    @router.post(API, summary="Post under the campaign's name", status_code=202)
    async def announce(
        wish: AnnouncementIn, who: Annotated[str, Depends(require)], response: Response
    ) -> AnnouncementOut:
        response.headers["Cache-Control"] = "no-store"
        return AnnouncementOut(letters=dict((await wiring.announcer.announce(wish, who)).letters))

    return router


def _pages(wiring: Wiring) -> APIRouter:
    require = wiring.staff.require_session
    router = APIRouter(prefix=PAGE, include_in_schema=False, dependencies=[Depends(require)])

    @router.get("")
    async def show_form() -> HTMLResponse:
        return show(EMPTY_FORM)

    @router.post("", dependencies=[Depends(wiring.staff.require_own_form)])
    async def announce(
        who: Annotated[str, Depends(require)],
        text: Typed = "",
        link: Typed = "",
        language: Typed = "en",
        networks: Annotated[list[str], Form(max_length=len(Network))] = [],  # noqa: B006  # FastAPI copies it
        why: Typed = "",
    ) -> Response:
        form = {
            "text": text.replace("\r\n", "\n"),
            "link": link,
            "language": language,
            "networks": networks,
            "why": why,
        }
        try:
            await wiring.announcer.announce(_read_form(form), who)
        except Problem as problem:
            return show(form, problem)
        return RedirectResponse("/ops/letters?kind=announcement", 303, headers={"Cache-Control": "no-store"})

    def show(form: dict[str, Any], problem: Problem | None = None) -> HTMLResponse:
        errors = problem.errors if problem else []
        return wiring.pages.respond(
            "ops/posts.html",
            problem.status if problem else 200,
            form=form,
            errors=errors,
            error_of=dict.fromkeys(EMPTY_FORM) | {error.field: error.message for error in errors},
            networks=[(network.value, NAMES[network], LENGTH_MAX[network]) for network in wiring.announcer.networks],
            text_max=TEXT_CHARACTERS_MAX,
            why_max=WHY_CHARACTERS_MAX,
        )

    return router


def _read_form(form: dict[str, Any]) -> AnnouncementIn:
    """Raises the 422 that says which fields cannot be taken."""
    try:
        return AnnouncementIn.model_validate(form | {"link": form["link"].strip() or None})
    except ValidationError as error:
        fields = dict.fromkeys(each.field.split(".")[0] for each in field_errors(error.errors(include_url=False)))
        raise invalid([FieldError(field, MESSAGES[field]) for field in fields]) from None
