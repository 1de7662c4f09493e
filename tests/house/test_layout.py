"""The house is laid out as agreed, so that somebody new finds a file by guessing."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SILHOUETTE = ["__init__", "__main__", "wiring", "app", "settings", "api", "schemas", "tables", "handlers", "errors"]
LINES_MAX = 300


def tracked(*patterns: str) -> list[Path]:
    names = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in names.stdout.split()]


@pytest.mark.parametrize("service", ["cases", "actions", "delivery"])
def test_every_service_has_the_same_silhouette(service: str) -> None:
    folder = ROOT / "services" / service
    missing = [name for name in SILHOUETTE if not (folder / f"{name}.py").exists()]
    assert missing == []
    assert list(folder.glob("migrations/versions/*.py"))


def test_no_file_has_grown_beyond_one_idea() -> None:
    long = {
        path.name: lines
        for path in tracked("services", "shared", "deploy")
        if path.suffix == ".py"
        if (lines := len(path.read_text().splitlines())) > LINES_MAX
    }
    assert long == {}


def test_only_settings_read_the_environment() -> None:
    readers = [
        path
        for path in tracked("services", "shared")
        if path.suffix == ".py" and re.search(r"os\.(environ|getenv)", path.read_text())
    ]
    assert readers == []


def test_no_file_names_a_package_index_or_a_home_folder() -> None:
    bad = re.compile(r"index-url|files\.pythonhosted|registry\.npmjs|/root/|/home/\w+/")
    here = Path(__file__)
    found = [
        path
        for path in tracked()
        if path != here and path.suffix not in {".png", ".ico"} and bad.search(path.read_text(errors="ignore"))
    ]
    found = [path for path in found if path.name != "Makefile"]
    assert found == []


def test_the_locks_hold_hashes_for_everything() -> None:
    for lock in ("requirements.lock", "requirements-dev.lock"):
        pins = re.findall(r"^[\w.-]+==.*$", (ROOT / lock).read_text(), re.MULTILINE)
        assert pins
        assert all(pin.endswith("\\") for pin in pins), "each pin goes on with its hashes"


def test_no_dependency_of_a_route_works_on_after_the_answer() -> None:
    """What stands after the `yield` of a FastAPI dependency runs when the answer is out: a commit there is a lie."""
    sources = {path: path.read_text() for path in tracked("services", "shared") if path.suffix == ".py"}
    users = [path.name for path, text in sources.items() if "Depends(" in text and re.search(r"\byield\b", text)]
    assert users == []
