"""Pages that tests open in the distribution's Chromium, without a network."""

import contextlib
import shutil
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import sync_playwright

DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


@dataclass
class OpenedPage:
    """A page, and all messages, errors and requests in it."""

    page: object
    problems: list[str] = field(default_factory=list)

    def assert_no_problems(self):
        assert not self.problems, self.problems


@pytest.fixture(scope="module")
def chromium():
    """A browser for the tests of one module; it ends with them, because its event loop would disturb other tests."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not installed (tools/services.sh)")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextlib.contextmanager
def opened(browser, file, viewport=DESKTOP, scheme="light"):
    """Open a file; every message, error or request for anything but the file itself is a problem."""
    context = browser.new_context(viewport=viewport, color_scheme=scheme, offline=True)
    opened_page = OpenedPage(context.new_page())
    own = file.absolute().as_uri()

    def check(request):
        if request.url != own and not request.url.startswith("data:"):
            opened_page.problems.append(f"request: {request.url}")

    opened_page.page.on("console", lambda message: opened_page.problems.append(f"console: {message.text}"))
    opened_page.page.on("pageerror", lambda error: opened_page.problems.append(f"error: {error}"))
    opened_page.page.on("dialog", lambda dialog: (opened_page.problems.append("dialog"), dialog.dismiss()))
    opened_page.page.on("request", check)
    opened_page.page.goto(own)
    yield opened_page
    context.close()
