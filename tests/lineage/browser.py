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


@contextlib.contextmanager
def opened(file, viewport=DESKTOP, scheme="light"):
    """Opens a file; every message, error and request for anything but the file itself is a complaint."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not installed (tools/services.sh)")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        context = browser.new_context(viewport=viewport, color_scheme=scheme, offline=True)
        seen = Seen(context.new_page())
        own = file.absolute().as_uri()
        seen.page.on("console", lambda message: seen.complaints.append(f"console: {message.text}"))
        seen.page.on("pageerror", lambda error: seen.complaints.append(f"error: {error}"))
        seen.page.on("dialog", lambda dialog: (seen.complaints.append("dialog"), dialog.dismiss()))
        seen.page.on(
            "request",
            lambda request: (
                None
                if request.url == own or request.url.startswith("data:")
                else seen.complaints.append(f"request: {request.url}")
            ),
        )
        seen.page.goto(own)
        yield seen
        browser.close()
