"""How a process of ours begins: those that can wait give way to those that answer people."""

import subprocess
import sys

import pytest


def niceness_of(role: str, background_nice: int) -> int:
    """Of a process that began in this role, above that of the tests."""
    program = f"""
import os
from shared.command_line import begin
from shared.settings import Settings
before = os.nice(0)
begin("a-service", {role!r}, Settings(background_nice={background_nice}))
print(os.nice(0) - before)
"""
    return int(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize("role", ["worker", "sender", "relay"])
def test_what_can_wait_gives_way(role: str) -> None:
    assert niceness_of(role, 7) == 7


def test_who_answers_people_does_not() -> None:
    assert niceness_of("web", 7) == 0


def test_giving_way_can_be_switched_off() -> None:
    assert niceness_of("relay", 0) == 0
