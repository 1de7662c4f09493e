"""`/ops/style`: every token, class and macro that pages are made of, light beside dark, for whoever builds a page.

It is made of the style sheet and the macros themselves, so it shows what is, not what was once agreed.
"""

import re
from collections.abc import Mapping
from functools import cache

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse, Response

from shared.web.pages import SHARED, Pages
from shared.web.problems import FieldError, Problem
from shared.web.staff import Staff

PAGE = "/ops/style"
NO_STORE = {"Cache-Control": "no-store"}
SCHEMES = ("light", "dark")
_ROOT = re.compile(r":root \{(.*?)\}", re.DOTALL)
_TOKEN = re.compile(r"--([\w-]+): ([^;]+);")
BUSY = Problem(503, "too-busy", "Too many letters at once", "Please send it again in a minute.")

Tokens = Mapping[str, str]


def style_pages(staff: Staff, pages: Pages) -> APIRouter:
    router = APIRouter(include_in_schema=False, dependencies=[Depends(staff.require_session)])

    @router.get(PAGE)
    async def show_guide() -> HTMLResponse:
        schemes = {scheme: tokens_of(scheme) for scheme in SCHEMES}
        errors = {scheme: [FieldError(f"{scheme}-wrong", "The subject is missing.")] for scheme in SCHEMES}
        return pages.respond("ops/style.html", schemes=schemes, errors=errors, busy=BUSY, sheet=f"{PAGE}/tokens.css")

    @router.get(f"{PAGE}/tokens.css")
    async def show_tokens() -> Response:
        return Response(sheet_of_tokens(), media_type="text/css", headers=NO_STORE)

    return router


@cache
def tokens_of(scheme: str) -> Tokens:
    """Every custom property of the style sheet and its value, in a scheme."""
    css = (SHARED / "static" / "w4r.css").read_text("utf-8")
    light, dark = (dict(_TOKEN.findall(block)) for block in _ROOT.findall(css)[:2])
    return light | (dark if scheme == "dark" else {})


@cache
def sheet_of_tokens() -> str:
    """Rules that pin a scheme to a part of a page, whatever the reader's own is, and that make each token visible."""
    rules = [
        f".scheme-{scheme} {{ color-scheme: {scheme}; {_declared(tokens_of(scheme))} "
        "background: var(--paper); color: var(--ink); padding: var(--s5); }"
        for scheme in SCHEMES
    ]
    rules += [
        ".schemes { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); }",
        ".schemes > * { min-inline-size: 0; }",
        ".swatch { display: inline-block; inline-size: 3rem; block-size: 2rem; border: 1px solid var(--edge); }",
        ".space { display: inline-block; block-size: 0.75rem; background: var(--signal); }",
    ]
    for name, value in tokens_of("light").items():
        rules += _shown(name, value)
    return "\n".join(rules)


def _declared(tokens: Tokens) -> str:
    return " ".join(f"--{name}: {value};" for name, value in tokens.items())


def _shown(name: str, value: str) -> list[str]:
    if value.startswith("#"):
        return [f".swatch-{name} {{ background: var(--{name}); }}"]
    if name.startswith("t-"):
        return [f".type-{name} {{ font: 600 var(--{name}) / 1.2 var(--serif); }}"]
    if re.fullmatch(r"s\d", name):
        return [f".space-{name} {{ inline-size: var(--{name}); }}"]
    return []
