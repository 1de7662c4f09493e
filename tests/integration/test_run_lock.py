"""What runs needs nothing but requirements.lock: what only the tests bring must not be missed in the image."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
IMPORTS_EVERYTHING = """
import importlib, importlib.metadata, pkgutil, re, sys
from importlib.abc import MetaPathFinder

locked = set(sys.argv[1:])
plain = lambda name: re.sub("[-_.]+", "-", name).lower()
strangers = {
    module
    for module, owners in importlib.metadata.packages_distributions().items()
    if not locked & {plain(owner) for owner in owners}
}

class Refuse(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in strangers:
            raise ModuleNotFoundError(f"{name} is not in requirements.lock", name=name)

sys.meta_path.insert(0, Refuse())
count = 0
for top in ("shared", "services", "deploy"):
    for found in pkgutil.walk_packages(importlib.import_module(top).__path__, f"{top}."):
        if "migrations" not in found.name and not found.name.endswith("__main__"):
            importlib.import_module(found.name)
            count += 1
print(count, sorted(strangers)[:1])
"""


def test_every_module_loads_with_the_packages_of_the_run_lock_alone() -> None:
    pins = re.findall(r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    done = import_everything(pins)
    assert done.returncode == 0, done.stderr
    count, stranger = done.stdout.strip().split(" ", 1)
    assert int(count) > 50
    assert stranger != "[]", "nothing was refused, so nothing was checked"


def test_the_check_sees_a_package_that_is_missing() -> None:
    pins = re.findall(r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    done = import_everything([pin for pin in pins if pin != "greenlet"])
    assert "greenlet" in done.stderr


def import_everything(pins: list[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", IMPORTS_EVERYTHING, *pins]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
