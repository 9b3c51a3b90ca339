"""A real browser that looks at pages and is hard to please.

It fails on any console error, any request to a foreign host, any violation of the content security policy, any axe-core violation
and any page that is wider than its window.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome") or ""
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 1000}
# WCAG 2.0 to 2.2, A and AA, and axe's best practices.
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
# What another theme can break: everything else is the same page again.
COLOURS = {
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
    "resultTypes": ["violations"],
}


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Eyes:
    """One person at one browser; `complaints` is what they saw that should not be."""

    def __init__(self, context: BrowserContext, home: str) -> None:
        self.context = context
        self.home = home
        self.complaints: list[str] = []
        self.expected: set[str] = set()
        self.page: Page = context.new_page()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda wrong: self.complaints.append(f"script error: {wrong}"))
        self.page.on("request", self._request)
        self.page.add_init_script(
            "document.addEventListener('securitypolicyviolation',"
            " e => console.error('CSP ' + e.violatedDirective + ' ' + e.blockedURI))"
        )

    def go(self, path: str) -> None:
        """Open a page of the house."""
        self.page.goto(path if path.startswith("http") else self.home + path, wait_until="networkidle")

    def look(self, what: str, shots: Path | None = None) -> None:
        """See the page as it is: in both themes, at both widths, with axe. Leaves the window as it was."""
        size = self.page.viewport_size
        for width, window in ((390, PHONE), (1440, DESK)):
            self.page.set_viewport_size(window)  # type: ignore[arg-type]
            for theme in ("light", "dark"):
                # Without motion: a colour that is still on its way is neither of the two.
                self.page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
                where = f"{what}, {width} px, {theme}"
                wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                if wide > 0:
                    self.complaints.append(f"{where}: {wide} px too wide")
                rules = RULES if theme == "light" else COLOURS
                for violation in Axe().run(self.page, options=rules).response["violations"]:
                    nodes = "; ".join(node["html"][:120] for node in violation["nodes"][:3])
                    self.complaints.append(f"{where}: axe {violation['id']}: {violation['help']}: {nodes}")
                if shots:
                    shots.mkdir(parents=True, exist_ok=True)
                    self.page.screenshot(path=shots / f"{what.replace(' ', '-')}-{theme}-{width}.png", full_page=True)
        if size:
            self.page.set_viewport_size(size)
        self.page.emulate_media(color_scheme="light", reduced_motion="no-preference")

    def satisfied(self) -> None:
        """Nothing was seen that should not be."""
        assert not self.complaints, "\n".join(dict.fromkeys(self.complaints))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(text in message.text for text in self.expected):
            self.complaints.append(f"console {message.type}: {message.text} at {self.page.url}")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != urlsplit(self.home).netloc:
            self.complaints.append(f"foreign host: {request.url} from {self.page.url}")
