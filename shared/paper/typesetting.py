"""Typesets PDF and pictures with Typst: any script, right to left, fonts embedded, tagged for screen readers.

What people wrote goes in as data and is set as text: nothing in it is ever read as markup.
"""

import asyncio
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, Literal

import typst

TEMPLATES = Path(__file__).parent / "templates"
AT_ONCE_MAX = 2
WAITING_MAX = 20
PIXELS_PER_INCH = 72  # of a picture: one for each point

RIGHT_TO_LEFT = frozenset(["ar", "arc", "ckb", "dv", "fa", "he", "ks", "ku-arab", "ps", "sd", "ug", "ur", "yi"])

_workers = ThreadPoolExecutor(AT_ONCE_MAX, thread_name_prefix="typesetting")
_waiting = 0


class TooBusy(Exception):
    """More is being typeset than there is room for; try again in a moment."""


async def typeset(template: str, data: Mapping[str, Any], form: Literal["pdf", "png"] = "pdf") -> bytes:
    """The PDF of `templates/<template>.typ` with `data`, which is JSON; or its first page as a picture.

    Raises `TooBusy`."""
    global _waiting
    if _waiting >= WAITING_MAX:
        raise TooBusy
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(
            _workers, compile_template, template, data, form, PIXELS_PER_INCH
        )
    finally:
        _waiting -= 1


def compile_template(
    template: str, data: Mapping[str, Any], form: Literal["pdf", "png"] = "pdf", ppi: int = 70
) -> bytes:
    """As `typeset`, here and now."""
    made = typst.compile(
        str(TEMPLATES / f"{template}.typ"),
        root=str(TEMPLATES),
        font_paths=_fonts(),
        sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
        format=form,
        ppi=ppi,
    )
    if isinstance(made, bytes):
        return made
    return made[0] if made else b""


def direction_of(language: str) -> Literal["rtl", "ltr"]:
    """Of a BCP 47 language tag."""
    return "rtl" if language.lower().partition("-")[0] in RIGHT_TO_LEFT else "ltr"


@cache
def _fonts() -> Any:
    """Searching the system's fonts takes longer than setting a letter, so they are looked up once."""
    return typst.Fonts()
