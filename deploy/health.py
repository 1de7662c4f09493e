"""Asks a process how it is, for health checks in images without curl: `python -m deploy.health http://host:port/health/ready`.

Ends with 0 when the answer is 200, else with 1 and the answer, which tells what is away.
"""

import sys
from http import HTTPStatus
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

ANSWER_SECONDS_MAX = 4.0


def ask(url: str) -> tuple[int, str]:
    """Status and body; status 0 when nobody answers."""
    try:
        with urlopen(url, timeout=ANSWER_SECONDS_MAX) as answer:  # noqa: S310 - the address comes from the image's owner
            return answer.status, answer.read().decode()
    except HTTPError as answer:
        return answer.code, answer.read().decode()
    except (URLError, OSError) as fault:
        return 0, f"nobody answers: {fault}"


def main() -> None:
    status, body = ask(sys.argv[1])
    print(body)
    sys.exit(0 if status == HTTPStatus.OK else 1)


if __name__ == "__main__":
    main()
