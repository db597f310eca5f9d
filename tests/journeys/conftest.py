"""A real browser on the real site. Without a Chromium the journeys are named as not run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urljoin, urlsplit

import pytest
import segno
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    sync_playwright,
)

from accounts.models import User

# Playwright's loop runs in this thread, and Django would refuse the ORM beside it.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next((path for path in map(shutil.which, NAMES) if path), None)
PHONE, DESK = 360, 1280
# In place of Playwright's own list, which is most of it. The last two would draw two pages more
# for each that is opened: what drops down from the line for addresses.
WITHOUT_FEATURES = (
    *("AvoidCorsURLLoaderRestartOnRedirect", "AvoidUnnecessaryBeforeUnloadCheckSync"),
    *("DestroyProfileOnBrowserClose", "HttpsFirstBalancedModeAutoEnable", "HttpsUpgrades"),
    *("AimEnabled", "LensOverlay", "MediaRouter", "NetworkTimeServiceQuerying"),
    *("OptimizationHints", "PaintHolding", "PreconnectToSearch", "ThirdPartyStoragePartitioning"),
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup"),
)
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    f"--disable-features={','.join(WITHOUT_FEATURES)}",
    "--no-first-run",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here drives a browser, and says so when there is none."""
    for item in items:
        if "tests/journeys/" not in item.nodeid:
            continue
        item.add_marker(pytest.mark.journey)
        item.add_marker(pytest.mark.django_db(transaction=True))
        if CHROMIUM is None:
            item.add_marker(
                pytest.mark.skip(reason="no Chromium found; `apt-get install chromium` lets it run")
            )


@dataclass
class Watch:
    """What went wrong in a page beside what was looked for."""

    site: str
    leaves_for: str = ""
    troubles: list[str] = field(default_factory=list)

    def on_console(self, message: ConsoleMessage) -> None:
        # A page that is not there is reported by the browser too; the test looks at the page.
        is_this_page = message.page is not None and message.location["url"] == message.page.url
        if message.type in ("error", "warning") and not (is_this_page and "404" in message.text):
            self.troubles.append(f"console: {message.text}")

    def on_request(self, request: Request) -> None:
        url = urlsplit(request.url)
        asked = f"{url.scheme}://{url.netloc}"
        if url.scheme in ("http", "https") and asked not in (self.site, self.leaves_for):
            self.troubles.append(f"third party: {request.url}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, live_server: Any) -> Iterator[Open]:
    """``open_page("/help/", width=360, user=…)``: a page in a context of its own.

    Console errors, refused inline code and requests to anybody else (but the site it
    ``leaves_for``) fail the test at its end.
    """
    contexts: list[BrowserContext] = []
    watches: list[Watch] = []

    def open_(
        path: str = "/",
        *,
        width: int = DESK,
        user: User | None = None,
        zone: str = "Europe/London",
        scripts: bool = True,
        leaves_for: str = "",
        language: str = "en",
    ) -> Page:
        context = browser.new_context(
            base_url=live_server.url,
            viewport={"width": width, "height": 800},
            color_scheme="light",
            timezone_id=zone,
            locale="en-GB",
            reduced_motion="reduce",
            java_script_enabled=scripts,
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        if user is not None:
            sign_in(context, live_server.url, user)
        page = context.new_page()
        if language != "en":
            read_in(page, language, live_server.url)
        watch = Watch(live_server.url, leaves_for)
        watches.append(watch)
        page.on("console", watch.on_console)
        page.on("pageerror", lambda error: watch.troubles.append(f"script: {error}"))
        page.on("request", watch.on_request)
        page.goto(path)
        return page

    yield open_
    for context in contexts:
        context.close()
    troubles = [trouble for watch in watches for trouble in watch.troubles]
    assert troubles == []


def sign_in(context: BrowserContext, site: str, user: User) -> None:
    """Give the browser a session of ``user``; signing in by hand has its own journey."""
    client = Client()
    client.force_login(user, backend="accounts.adapters.SignInBackend")
    name, cookie = next(iter(client.cookies.items()))
    context.add_cookies([{"name": name, "value": cookie.value, "url": site}])


def read_in(page: Page, language: str, site: str = "") -> None:
    """From the next page on, in ``language``."""
    home = urljoin(site or page.url, "/")  # the cookie holds below the address it is given for
    page.context.add_cookies([{"name": "django_language", "value": language, "url": home}])


@contextmanager
def camera_showing(text: str, browser: Browser, folder: Path) -> Iterator[Browser]:
    """A browser whose camera sees the QR code of ``text``."""
    film(text, folder / "code.y4m")
    with_camera = browser.browser_type.launch(
        executable_path=CHROMIUM,
        args=[
            *ARGUMENTS,
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={folder / 'code.y4m'}",
        ],
    )
    try:
        yield with_camera
    finally:
        with_camera.close()


def film(text: str, path: Path) -> None:
    """A second of video that shows the QR code of ``text``: raw frames, as Chromium plays them."""
    width, height, scale = 640, 480, 10
    code = [bytes(row) for row in segno.make(text, error="m", micro=False).matrix]
    left, top = (width - len(code) * scale) // 2, (height - len(code) * scale) // 2
    rows = []
    for y in range(height):
        row = bytearray(b"\xeb" * width)
        line = (y - top) // scale
        if 0 <= line < len(code):
            for column, is_dark in enumerate(code[line]):
                if is_dark:
                    start = left + column * scale
                    row[start : start + scale] = b"\x10" * scale
        rows.append(bytes(row))
    frame = b"FRAME\n" + b"".join(rows) + b"\x80" * (width * height // 2)
    header = f"YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420jpeg\n".encode()
    path.write_bytes(header + frame * 10)


@pytest.fixture(scope="session")
def axe() -> Axe:
    return Axe()


MANNERS = (Path(__file__).parent / "manners.js").read_text()
VIOLATIONS = "axe.run({ resultTypes: ['violations'] }).then((results) => results.violations)"
SIDEWAYS = """(() => {
    const root = document.documentElement, own = root.dir
    const found = ['rtl', 'ltr'].filter((direction) => {
        root.dir = direction
        return root.scrollWidth > root.clientWidth
    })
    root.dir = own
    return found.map((direction) => `scrolls sideways at ${innerWidth} px, ${direction}`)
})()"""
LOOKS: Final[tuple[tuple[int, Literal["light", "dark"]], ...]] = ((PHONE, "light"), (DESK, "dark"))


def assert_accessible(page: Page, axe: Axe) -> None:
    """No finding of axe-core and of our own manners, on a phone and on a desk, light and dark;
    nothing to scroll sideways to, at 320 px either, and not where people read from right to left.
    The page stays as it was."""
    before = page.viewport_size
    assert before is not None
    if not page.evaluate("'axe' in window"):  # half of what a look costs is to read it in
        page.evaluate(axe.axe_script)
    found: list[str] = []
    for width, scheme in LOOKS:
        page.set_viewport_size({"width": width, "height": before["height"]})
        page.emulate_media(color_scheme=scheme)
        found += [
            f"{violation['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
            for violation in page.evaluate(VIOLATIONS)
            for node in violation["nodes"]
        ]
        found += page.evaluate(MANNERS)
        found += page.evaluate(SIDEWAYS)
    page.set_viewport_size({"width": 320, "height": before["height"]})
    found += page.evaluate(SIDEWAYS)
    page.set_viewport_size(before)
    page.emulate_media(color_scheme="light")
    assert [f"{page.url}: {told}" for told in found] == []


@pytest.fixture
def check_accessible(axe: Axe) -> Callable[[Page], None]:
    return lambda page: assert_accessible(page, axe)
