"""Pages opened in the distribution's Chromium without a network."""

import contextlib
import shutil
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import sync_playwright

DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


@dataclass
class Seen:
    """A page, and everything that went wrong in it."""

    page: object
    complaints: list[str] = field(default_factory=list)

    def assert_quiet(self):
        assert not self.complaints, self.complaints


@pytest.fixture(scope="module")
def chromium():
    """A browser for a module's tests; it ends with them, because its event loop would be in the way of others."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not installed (tools/services.sh)")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextlib.contextmanager
def opened(browser, file, viewport=DESKTOP, scheme="light"):
    """Opens a file; every message, error and request for anything but the file itself is a complaint."""
    context = browser.new_context(viewport=viewport, color_scheme=scheme, offline=True)
    seen = Seen(context.new_page())
    own = file.absolute().as_uri()

    def check(request):
        if request.url != own and not request.url.startswith("data:"):
            seen.complaints.append(f"request: {request.url}")

    seen.page.on("console", lambda message: seen.complaints.append(f"console: {message.text}"))
    seen.page.on("pageerror", lambda error: seen.complaints.append(f"error: {error}"))
    seen.page.on("dialog", lambda dialog: (seen.complaints.append("dialog"), dialog.dismiss()))
    seen.page.on("request", check)
    seen.page.goto(own)
    yield seen
    context.close()
