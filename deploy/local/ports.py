"""Picks free TCP ports on the loopback interface."""

import random
import socket

LOOPBACK = "127.0.0.1"
# Below the range from which systems take ports for outgoing connections (Linux: 32768), so that no client
# holds a server's port by chance while that server is down and about to come back.
FIRST_PORT, LAST_PORT = 20_000, 32_000
TRIES_MAX = 200


def free_port() -> int:
    """A port nobody listens on now. Raises `OSError` when none was found."""
    for _ in range(TRIES_MAX):
        port = random.randint(FIRST_PORT, LAST_PORT)  # noqa: S311 - no secret
        if is_free(port):
            return port
    raise OSError(f"no free port between {FIRST_PORT} and {LAST_PORT} in {TRIES_MAX} tries")


def is_free(port: int, host: str = LOOPBACK) -> bool:
    with socket.socket() as probe:
        # As servers do; otherwise a port whose last connections linger in TIME_WAIT would count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
