"""The calls behind the commands: where the API is, who asks, and what its problems say."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

URL, TOKEN, NAME = "W4R_URL", "W4R_STAFF_TOKEN", "W4R_STAFF_NAME"
URL_DEFAULT = "http://localhost:8000"
SECONDS_MAX = 60.0


class Refused(Exception):
    """The API said no, or could not be reached. The text is for the person at the terminal."""


@dataclass(frozen=True)
class Api:
    """One connection a call: a command asks once or twice, and leaves nothing open."""

    url: str
    headers: Mapping[str, str]

    def get(self, path: str, **query: Any) -> Any:
        return self._ask("GET", path, params={name: value for name, value in query.items() if value is not None})

    def read(self, path: str) -> bytes:
        return self._answer("GET", path).content

    def send(self, method: str, path: str, **body: Any) -> Any:
        return self._ask(method, path, json=body)

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        answer = self._answer(method, path, **more)
        return answer.json() if answer.content else None

    def _answer(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Raises `Refused`."""
        try:
            with httpx.Client(base_url=self.url, headers=self.headers, timeout=SECONDS_MAX, trust_env=False) as http:
                answer = http.request(method, path, **more)
        except httpx.HTTPError as fault:
            raise Refused(f"{self.url} cannot be reached: {type(fault).__name__}") from fault
        if answer.is_error:
            raise Refused(_problem(answer))
        return answer


def connect(environment: Mapping[str, str] = os.environ) -> Api:
    """From the environment, so that no token stands in a command line. Raises `Refused` without one."""
    token = environment.get(TOKEN, "")
    if not token:
        raise Refused(f"set {TOKEN} (and {URL} where it is not {URL_DEFAULT}, and {NAME} to your name)")
    headers = {"Authorization": f"Bearer {token}", "Staff-Name": environment.get(NAME, "")}
    return Api(environment.get(URL, URL_DEFAULT), headers)


def _problem(answer: httpx.Response) -> str:
    """RFC 9457, in lines."""
    try:
        told = answer.json()
    except ValueError:
        return f"HTTP {answer.status_code}"
    lines = [f"{told.get('title', 'Refused')} ({answer.status_code})", told.get("detail", "")]
    lines += [f"  {error['field']}: {error['message']}" for error in told.get("errors", [])]
    return "\n".join(line for line in lines if line)
