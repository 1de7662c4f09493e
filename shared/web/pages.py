"""Pages from Jinja2 templates: sandboxed, escaped, strict about undefined names, with long-lived static files."""

from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import ChoiceLoader, FileSystemLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from shared.web.problems import Problem

SHARED = Path(__file__).parent
STATIC_SECONDS = 365 * 24 * 3600


class Pages:
    """Renders a service's own templates, and the shared ones they extend (`base.html`, `fields.html`, `error.html`)."""

    def __init__(self, folders: Sequence[Path], **globals_: Any) -> None:
        loaders = [FileSystemLoader(folder) for folder in (*folders, SHARED / "templates")]
        self.environment = SandboxedEnvironment(
            loader=ChoiceLoader(loaders),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.environment.globals.update(static=static_url, **globals_)

    def render(self, template: str, **values: Any) -> str:
        return self.environment.get_template(template).render(**values)

    def respond(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A page for one person: not to be kept by any cache. Set other headers on what comes back."""
        return HTMLResponse(self.render(template, **values), status, headers={"Cache-Control": "no-store"})

    def show_problem(self, request: Request, problem: Problem) -> HTMLResponse:
        """For `install_problems`: the problem as a page."""
        page = self.respond("error.html", problem.status, problem=problem, sending=request.method == "POST")
        page.headers.update(problem.headers)
        return page


class Static(StaticFiles):
    """The shared style and scripts. Their URLs carry a digest, so they may be kept for a year."""

    def __init__(self) -> None:
        super().__init__(directory=SHARED / "static")

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code == 200 and b"v=" in scope["query_string"]:
            response.headers["Cache-Control"] = f"public, max-age={STATIC_SECONDS}, immutable"
        return response


def static_url(name: str) -> str:
    """`/static/name?v=digest`. Raises `FileNotFoundError` for a name that is not there."""
    return f"/static/{name}?v={_digest(name)}"


@cache
def _digest(name: str) -> str:
    return sha256((SHARED / "static" / name).read_bytes()).hexdigest()[:12]
