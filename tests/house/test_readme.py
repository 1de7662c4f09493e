"""The README tells the truth: settings, make targets, files and commands it names exist."""

import re
from pathlib import Path

import pytest

from deploy.settings_table import README, SERVICES, variable, with_table

ROOT = README.parent
TEXTS = [
    README,
    ROOT / "deploy" / "README.md",
    ROOT / "shared" / "messages" / "README.md",
    *ROOT.glob("docs/decisions/*.md"),
]


def test_the_configuration_table_is_made_from_the_settings() -> None:
    text = README.read_text()
    assert with_table(text) == text, "run `make settings-table`"


def test_every_setting_says_what_it_means() -> None:
    unsaid = [
        variable(name, field)
        for settings in SERVICES.values()
        for name, field in settings.model_fields.items()
        if not field.description
    ]
    assert unsaid == []


def test_no_secret_has_a_default() -> None:
    secret = re.compile(r"TOKEN|SECRET|PASSWORD|_URL$")
    defaults = {
        variable(name, field): field.default
        for settings in SERVICES.values()
        for name, field in settings.model_fields.items()
        if secret.search(variable(name, field)) and variable(name, field) not in {"W4R_PUBLIC_URL", "W4R_LEAVE_URL"}
    }
    assert "W4R_STAFF_TOKEN" in defaults
    assert [name for name, value in defaults.items() if isinstance(value, str)] == []


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_path_a_text_names_exists(text: Path) -> None:
    named = re.findall(r"`((?:services|shared|deploy|tests|docs|campaigns)/[\w./-]*)`", text.read_text())
    named += [link for link in re.findall(r"\]\(([\w./-]+)\)", text.read_text()) if "://" not in link]
    named += re.findall(r'<img src="([^"]+)"', text.read_text())
    missing = [name for name in named if not (ROOT / name).exists() and not (text.parent / name).exists()]
    assert missing == []


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_make_target_a_text_names_exists(text: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)(?:[A-Z]+=\S+ )?make ([a-z-]+)", text.read_text(), re.MULTILINE))
    assert named <= targets
