"""The style sheet holds what its head promises: contrast, logical properties, nothing from elsewhere."""

import re
from itertools import product
from pathlib import Path

import pytest

from shared.web.pages import SHARED

CSS = (SHARED / "static" / "w4r.css").read_text("utf-8")
TEXT_CONTRAST_MIN = 4.5  # WCAG 2.2, 1.4.3
EDGE_CONTRAST_MIN = 3.0  # WCAG 2.2, 1.4.11

TEXT_ON = [
    *product(["ink", "soft", "signal", "signal-deep", "good", "bad"], ["paper", "sheet"]),
    ("on-signal", "signal"),
    ("on-signal", "signal-deep"),
    ("on-stamp", "stamp"),
    ("on-stamp", "stamp-good"),
    ("ink", "rule"),
    *((colour, f"{colour}-wash") for colour in ("signal", "good", "wait", "bad")),
    *product(["ink"], ["good-wash", "wait-wash", "bad-wash", "signal-wash"]),
]
EDGE_ON = [("edge", "paper"), ("edge", "sheet"), ("signal", "paper"), ("signal", "sheet")]


def tokens(scheme: str) -> dict[str, str]:
    light, dark = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)[:2]
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light))
    return found | (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", dark)) if scheme == "dark" else {})


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read_on_their_ground(scheme: str) -> None:
    colours = tokens(scheme)
    weak = {pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2) for pair in TEXT_ON}
    assert {pair: ratio for pair, ratio in weak.items() if ratio < TEXT_CONTRAST_MIN} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_edges_of_fields_can_be_seen(scheme: str) -> None:
    colours = tokens(scheme)
    weak = {pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2) for pair in EDGE_ON}
    assert {pair: ratio for pair, ratio in weak.items() if ratio < EDGE_CONTRAST_MIN} == {}


def test_no_property_knows_left_from_right() -> None:
    sided = r"(?:margin|padding|border)-(?:left|right)|[^-\w](?:left|right):|(?:text-align|float): (?:left|right)"
    assert re.findall(sided, CSS) == []


def test_nothing_is_fetched_from_elsewhere() -> None:
    assert re.findall(r"url\(|@import|https?://", CSS.replace('a[href^="http"]', "")) == []


def test_templates_keep_to_the_strict_content_security_policy() -> None:
    root = Path(__file__).parents[2]
    for template in [*root.glob("services/*/templates/**/*.html"), *root.glob("shared/web/templates/*.html")]:
        inline = re.findall(
            r'<style|<script(?![^>]*(?:src=|type="application/ld\+json"))|\sstyle=|\son\w+=',
            template.read_text("utf-8"),
        )
        assert inline == [], template.name
