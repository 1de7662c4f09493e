"""An open-loop driver: actions come at a fixed rate, however fast they are answered, as people do.

A closed loop such as wrk's waits for a slow answer before it asks again, and so hides the wait of all who would have
asked meanwhile. Here each request has its moment, and its latency counts from that moment.
"""

import asyncio
import json
import statistics
import time

import uvloop

CONNECTIONS_MAX = 64
ANSWER_SECONDS_MAX = 10.0
LETTER = "I write to you about a man who is held in secret. " * 14
BODY = json.dumps(
    {
        "case": "a-test-case",
        "channel": "email",
        "supporter": {"name": "Supporter WHO", "email": "supporter-WHO@mail.example", "country": "PK"},
        "letter": {"subject": "Please act", "body": LETTER, "language": "en"},
    }
)
HEAD = (
    "POST /api/v1/actions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    "Idempotency-Key: open-{who}\r\nContent-Length: {length}\r\n\r\n"
)

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def measure_p99_ms(port: int, requests_a_second: float, seconds: float) -> float:
    """The 99th percentile from each request's due moment to its whole answer. Raises if one is not a 202."""
    latencies = uvloop.run(_drive(port, requests_a_second, seconds))
    return statistics.quantiles(latencies, n=100)[98] * 1000


async def _drive(port: int, requests_a_second: float, seconds: float) -> list[float]:
    idle: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS_MAX):
        idle.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    began, run = time.perf_counter(), time.monotonic_ns()
    tasks = []
    for number in range(int(requests_a_second * seconds)):
        due = began + number / requests_a_second
        if (ahead := due - time.perf_counter()) > 0:
            await asyncio.sleep(ahead)
        tasks.append(asyncio.create_task(_post(idle, f"{run}-{number}", due)))
    latencies = await asyncio.gather(*tasks)
    while not idle.empty():
        idle.get_nowait()[1].close()
    return latencies


async def _post(idle: asyncio.Queue[Connection], who: str, due: float) -> float:
    body = BODY.replace("WHO", who)
    async with asyncio.timeout(ANSWER_SECONDS_MAX):
        reader, writer = await idle.get()
        writer.write((HEAD.format(who=who, length=len(body)) + body).encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 202"), head[:40]
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
    idle.put_nowait((reader, writer))
    return time.perf_counter() - due
