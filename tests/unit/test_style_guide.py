"""The style guide shows all there is, for staff alone."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from shared.clock import ManualClock
from shared.web.pages import SHARED, Pages
from shared.web.staff import Staff, show_way_in
from shared.web.style_guide import PAGE, style_pages
from tests.support.events import NOW
from tests.support.staff_sessions import STAFF_TOKEN, log_in

CSS = (SHARED / "static" / "w4r.css").read_text("utf-8")
STAFF = Staff(STAFF_TOKEN, ManualClock(NOW), "http://style.example")


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.include_router(style_pages(STAFF, Pages([])))
    show_way_in(app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://style.example") as client:
        yield client


async def test_strangers_are_shown_the_way_in(http: httpx.AsyncClient) -> None:
    assert {(await http.get(path)).status_code for path in (PAGE, f"{PAGE}/tokens.css")} == {303}


async def test_every_class_token_and_macro_is_on_the_page(http: httpx.AsyncClient) -> None:
    log_in(http, STAFF)
    page, tokens = (await http.get(PAGE)).text, (await http.get(f"{PAGE}/tokens.css")).text
    used = {name for classes in re.findall(r'class="([^"]*)"', page) for name in classes.split()}
    listed = set(re.findall(r"(?<!\w)\.([a-z][a-z-]+)", CSS[: CSS.index("*/")])) - {"html", "py", "css"}
    assert len(listed) > 50
    assert listed - used == set()
    macros = re.findall(r"{% macro ([a-z]\w+)", (SHARED / "templates" / "fields.html").read_text("utf-8"))
    template = (SHARED / "templates" / "ops" / "style.html").read_text("utf-8")
    assert [macro for macro in macros if f"{{{{ {macro}(" not in template] == []
    for name in ("signal", "paper", "bad-wash"):
        assert f"--{name}" in page
        assert f".swatch-{name} " in tokens
    ids = re.findall(r'\sid="([^"]+)"', re.sub(r"<template.*?</template>", "", page, flags=re.DOTALL))
    assert len(set(ids)) == len(ids)


async def test_each_side_keeps_to_its_scheme_whatever_the_readers_is(http: httpx.AsyncClient) -> None:
    log_in(http, STAFF)
    css = (await http.get(f"{PAGE}/tokens.css")).text
    light, dark = (re.search(rf"\.scheme-{scheme} {{(.*?)}}", css, re.DOTALL) for scheme in ("light", "dark"))
    assert light
    assert dark
    assert "--paper: #f6f1e7;" in light[1]
    assert "--paper: #171412;" in dark[1]
    assert "--serif:" in dark[1], "what both schemes share is there as well"
