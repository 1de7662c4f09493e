"""A port is given away once, however long its server takes to start."""

import subprocess
import sys

import pytest

from deploy.local import ports


def test_a_port_is_given_once_while_this_process_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    base = ports.free_port()
    monkeypatch.setattr(ports, "FIRST_PORT", base)
    monkeypatch.setattr(ports, "LAST_PORT", base)

    with pytest.raises(OSError, match="no free port"):
        ports.free_port()


def test_another_process_is_not_given_it_either() -> None:
    taken = ports.free_port()
    script = (
        f"from deploy.local import ports; ports.FIRST_PORT = ports.LAST_PORT = {taken}\n"
        "try: ports.free_port()\n"
        "except OSError: print('refused')"
    )

    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert answer.stdout == "refused\n"
