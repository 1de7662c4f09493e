"""Pages from Jinja2 templates: sandboxed, escaped, strict about undefined names, with long-lived static files."""

from collections.abc import Iterable, Sequence
from functools import cache, lru_cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import BytecodeCache, ChoiceLoader, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import Markup, escape
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from shared.languages import LANGUAGES, direction
from shared.languages.catalogues import translations
from shared.languages.formats import Formats, language_name
from shared.languages.saying import in_words
from shared.web.problems import Problem
from shared.web.tongues import OF_STAFF, Tongue, tongue_of
from shared.web.words import CHANNEL_WORDS, EMPTY_WORDS, NO_ADDRESS

SHARED = Path(__file__).parent
STATIC_SECONDS = 365 * 24 * 3600
OPTIONS_KEPT_MAX = 64


class _Compiled(BytecodeCache):
    """Keeps in memory what templates were compiled to: once for all languages, which differ in nothing but globals."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], Any] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key, bucket.checksum] = bucket.code


COMPILED = _Compiled()


class Pages:
    """Renders a service's own templates, and the shared ones they extend (`base.html`, `fields.html`, `error.html`).

    `folders` hold templates; beside each lie the catalogues of its words, in `locales`. A template has `_`, `ngettext`
    and `{% trans %}`, and writes numbers, dates and countries by the `formats` of its language."""

    def __init__(self, folders: Sequence[Path], **globals_: Any) -> None:
        self._folders = (*folders, SHARED / "templates")
        self._globals = globals_
        self._environments: dict[str, SandboxedEnvironment] = {}

    def render(self, template: str, tongue: Tongue = OF_STAFF, **values: Any) -> str:
        return self._environment_of(tongue.language).get_template(template).render(to=tongue.to, **values)

    def respond(self, template: str, status: int = 200, tongue: Tongue = OF_STAFF, **values: Any) -> HTMLResponse:
        """A page for one person: not to be kept by any cache. Set other headers on what comes back."""
        return HTMLResponse(self.render(template, tongue, **values), status, headers={"Cache-Control": "no-store"})

    def show_problem(self, request: Request, problem: Problem) -> HTMLResponse:
        """For `install_problems`: the problem as a page."""
        sending = request.method == "POST"
        page = self.respond("error.html", problem.status, tongue_of(request), problem=problem, sending=sending)
        page.headers.update(problem.headers)
        return page

    def _environment_of(self, language: str) -> SandboxedEnvironment:
        """Made when a page first speaks the language: workers, relays and senders never do."""
        if language not in self._environments:
            self._environments[language] = self._make_environment(language)
        return self._environments[language]

    def _make_environment(self, language: str) -> SandboxedEnvironment:
        environment = SandboxedEnvironment(
            loader=ChoiceLoader([FileSystemLoader(folder) for folder in self._folders]),
            autoescape=True,
            undefined=StrictUndefined,
            bytecode_cache=COMPILED,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        environment.policies["ext.i18n.trimmed"] = True
        formats = Formats(language)
        spoken = translations(tuple(folder.parent / "locales" for folder in self._folders), language)
        environment.install_gettext_translations(spoken, newstyle=True)  # type: ignore[attr-defined]  # the extension's
        environment.globals.update(
            static=static_url,
            lang=language,
            dir=direction(language),
            languages=LANGUAGES,
            language_name=language_name,
            direction=direction,
            channel_words=CHANNEL_WORDS,
            empty_words=EMPTY_WORDS,
            no_address=NO_ADDRESS,
            formats=formats,
            option_tags=option_tags,
            said=partial(in_words, spoken=spoken, formats=formats),
            **self._globals,
        )
        return environment


def option_tags(options: Iterable[tuple[str, str]], chosen: str, empty: str) -> Markup:
    """An `<option>` for each pair of value and words, and `empty` before them where none is chosen.

    Made once for all pages: the countries are hundreds, and a loop over them took a third of the time of a case's."""
    return _option_tags(tuple(options), chosen, empty)


@lru_cache(OPTIONS_KEPT_MAX)
def _option_tags(pairs: tuple[tuple[str, str], ...], chosen: str, empty: str) -> Markup:
    first = [] if any(value == chosen for value, _ in pairs) else [("", empty)]
    tags = (
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>{escape(words)}</option>\n'
        for value, words in (*first, *pairs)
    )
    return Markup("".join(tags))  # noqa: S704 - each part is escaped


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
