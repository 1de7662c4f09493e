"""Picks free TCP ports on the loopback interface."""

import random
import socket

LOOPBACK = "127.0.0.1"
# Below the range from which systems take ports for outgoing connections (Linux: 32768), so that no client
# holds a server's port by chance while that server is down and about to come back.
FIRST_PORT, LAST_PORT = 20_000, 32_000
TRIES_MAX = 200


def free_port() -> int:
    """A port nobody listens on now, and that no other call of this gives away, in this process or another,
    while this process lives. Raises `OSError` when none was found."""
    for _ in range(TRIES_MAX):
        port = random.randint(FIRST_PORT, LAST_PORT)  # noqa: S311 - no secret
        if _is_ours(port) and is_free(port):
            return port
    raise OSError(f"no free port between {FIRST_PORT} and {LAST_PORT} in {TRIES_MAX} tries")


def _is_ours(port: int) -> bool:
    """Between the choice of a port and the server's start lie seconds in which another process could choose it
    too. The UDP port of the same number, which no server of ours uses, says that it is taken while we live."""
    mark = socket.socket(type=socket.SOCK_DGRAM)
    try:
        mark.bind((LOOPBACK, port))
    except OSError:
        mark.close()
        return False
    mark.detach()
    return True


def is_free(port: int, host: str = LOOPBACK) -> bool:
    with socket.socket() as probe:
        # As servers do; otherwise a port whose last connections linger in TIME_WAIT would count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
