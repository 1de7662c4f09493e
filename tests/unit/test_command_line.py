"""How a process of ours begins: those that can wait give way to those that answer people."""

import subprocess
import sys

import pytest

from shared.processes import AUTOGROUP


def said_by(role: str, background_nice: int, says: str, *, leads_a_session: bool = False) -> str:
    """What a process prints that began in this role; `before` is its niceness before it did."""
    program = f"""
import os
from pathlib import Path
from shared.command_line import begin
from shared.settings import Settings
before = os.nice(0)
begin("a-service", {role!r}, Settings(background_nice={background_nice}))
print({says})
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, start_new_session=leads_a_session)
    return done.stdout.strip()


@pytest.mark.parametrize("role", ["worker", "sender", "relay"])
def test_what_can_wait_gives_way(role: str) -> None:
    assert said_by(role, 7, "os.nice(0) - before") == "7"


def test_who_answers_people_does_not() -> None:
    assert said_by("web", 7, "os.nice(0) - before") == "0"


def test_giving_way_can_be_switched_off() -> None:
    assert said_by("relay", 0, "os.nice(0) - before") == "0"


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this kernel does not share the processor out by session")
@pytest.mark.parametrize("leads_a_session", [True, False])
def test_only_who_leads_a_session_speaks_for_it(leads_a_session: bool) -> None:
    before, told = AUTOGROUP.read_text(), f"Path({str(AUTOGROUP)!r}).read_text()"
    said = said_by("relay", 7, told, leads_a_session=leads_a_session)
    assert said.endswith("nice 7") is leads_a_session
    assert AUTOGROUP.read_text() == before
