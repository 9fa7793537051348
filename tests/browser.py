"""A real browser for pages: Chromium, as the system has it, without a window."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
DESKTOP, PHONE = 1280, 375


@dataclass
class Browser:
    """Opens pages, and keeps what went wrong in any of them: it must be nothing when the test ends."""

    chromium: Chromium
    faults: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def open(
        self,
        path: Path,
        *,
        width: int = DESKTOP,
        scripts: bool = True,
        media: Literal["print"] | None = None,
        at: str = "",
    ) -> Page:
        """The page of a file, at a place in it (``#step-3``)."""
        context = self.chromium.new_context(viewport={"width": width, "height": 900}, java_script_enabled=scripts)
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("request", self._asked)
        page.emulate_media(media=media)
        page.goto(f"{path.absolute().as_uri()}{at}")
        return page

    def close(self) -> None:
        for context in self.contexts:
            context.close()

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"console: {message.text}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith(("file:", "data:")):
            self.faults.append(f"request: {request.url}")


@pytest.fixture(scope="module")
def _chromium() -> Iterator[Chromium]:
    """Of a module, not of all tests: the driver has a thread, and other tests fork."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def browser(_chromium: Chromium) -> Iterator[Browser]:
    opened = Browser(_chromium)
    yield opened
    opened.close()
    assert opened.faults == []


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong: names, contrast, order of headings, roles, what the keyboard cannot reach."""
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]


def overflow(page: Page) -> int:
    """How many pixels the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
