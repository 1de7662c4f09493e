"""Takes the README's pictures of the site anew, into docs/pictures: `make pictures`.

The platform runs in this process with the sample campaign, on a folder that is thrown away, and the system's Chromium
looks at it. Whenever they are taken, the same page gives the same picture: times on it are put to one moment.
"""

import asyncio
import os
import secrets
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from playwright.async_api import Browser, Page, async_playwright, expect

from deploy.demo import CAMPAIGN, HOST, ROOT
from deploy.embedded import build
from deploy.local.ports import free_port
from shared.observability import configure_logging

FOLDER = ROOT / "docs" / "pictures"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
PHONE, DESKTOP = {"width": 390, "height": 780}, {"width": 1280, "height": 1000}
PHONE_PIXELS, DESKTOP_PIXELS = 2.0, 1.5  # of the picture, for each of the page
COLOURS, BYTES_MAX = 128, 120_000
CASE = "idris-khattak"
LISTENS_SECONDS_MAX, SENT_MS_MAX = 30.0, 30_000
A_MOMENT = "1 December 2026, 10:00 UTC"
SET_TIMES = "(moment) => document.querySelectorAll('main time').forEach((time) => { time.textContent = moment; })"


@dataclass(frozen=True)
class Shot:
    """A picture of one page: the window's upper left corner, or what begins at `at`."""

    name: str
    path: str
    size: dict[str, int]
    scheme: str = "light"
    at: str | None = None


SHOTS = (
    Shot("front-desktop", "/en/", DESKTOP),
    Shot("case-phone", f"/en/cases/{CASE}", PHONE),
    Shot("letter-phone-dark", f"/en/cases/{CASE}", PHONE, "dark", at="#write"),
    Shot("case-phone-arabic", f"/ar/cases/{CASE}", PHONE),
)


def main() -> int:
    configure_logging("pictures", "all", "warning")
    chromium = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if chromium is None:
        print("Chromium is not installed.")
        return 1
    with TemporaryDirectory() as folder:
        taken = asyncio.run(_take_all(Path(folder), chromium))
    for file, bytes_ in taken.items():
        print(f"{file.relative_to(ROOT)}  {bytes_ / 1000:.0f} kB{'  TOO LARGE' if bytes_ > BYTES_MAX else ''}")
    return int(max(taken.values()) > BYTES_MAX)


async def _take_all(folder: Path, chromium: str) -> dict[Path, int]:
    async with _platform(folder) as site, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        taken = dict([await _take(browser, site, shot) for shot in SHOTS] + [await _take_receipt(browser, site)])
        await browser.close()
    return taken


@asynccontextmanager
async def _platform(folder: Path) -> AsyncIterator[str]:
    port = free_port()
    site = f"http://localhost:{port}"
    embedded = build(folder, public_url=site, staff_token=secrets.token_urlsafe(18))
    await asyncio.to_thread(embedded.prepare)
    await embedded.cases.publishing.import_folder(CAMPAIGN)
    stop = asyncio.Event()
    jobs = asyncio.gather(*(job(stop) for job in embedded.jobs(HOST, port)))
    async with asyncio.timeout(LISTENS_SECONDS_MAX):
        while not _listens(port) or await embedded.actions.cases.find(CASE) is None:  # noqa: ASYNC110 - rings no event
            await asyncio.sleep(0.05)
    try:
        yield site
    finally:
        stop.set()
        await jobs


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


async def _take(browser: Browser, site: str, shot: Shot) -> tuple[Path, int]:
    async with _window(browser, shot.size, shot.scheme) as page:
        await page.goto(site + shot.path)
        if shot.at:
            await page.locator(shot.at).evaluate("it => scrollTo(0, it.getBoundingClientRect().top + scrollY - 16)")
        return await _keep(page, shot.name)


async def _take_receipt(browser: Browser, site: str) -> tuple[Path, int]:
    """A letter is written as anybody would, and its receipt shown once it is out."""
    async with _window(browser, PHONE, "light") as page:
        await page.goto(f"{site}/en/cases/{CASE}")
        await page.fill("#field-name", "A Supporter")
        await page.fill("#field-email", "supporter@mail.example")
        await page.select_option("#field-country", "DE")
        await page.click("#write button[type=submit]")
        await expect(page.locator("[data-state=sent]")).to_have_count(2, timeout=SENT_MS_MAX)
        return await _keep(page, "receipt-phone")


@asynccontextmanager
async def _window(browser: Browser, size: dict[str, int], scheme: str) -> AsyncIterator[Page]:
    like: dict[str, Any] = {"viewport": size, "color_scheme": scheme, "reduced_motion": "reduce"}
    scale = PHONE_PIXELS if size is PHONE else DESKTOP_PIXELS
    context = await browser.new_context(**like, device_scale_factor=scale)
    yield await context.new_page()
    await context.close()


async def _keep(page: Page, name: str) -> tuple[Path, int]:
    await page.evaluate(SET_TIMES, A_MOMENT)
    image = Image.open(BytesIO(await page.screenshot())).convert("RGB")
    file = FOLDER / f"{name}.png"
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
    return file, os.stat(file).st_size


if __name__ == "__main__":
    sys.exit(main())
