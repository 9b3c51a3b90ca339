"""A browser without scripts for tests: keeps cookies, reads a page, fills in its forms. And what lies in the letter box."""

import html
import re
from typing import Any
from urllib.parse import urlencode

from quart import Quart
from sqlalchemy import select

from server import jobs, sign_ins
from server.models import Account, Job
from server.site import Site


class Browser:
    """One person's browser at http://art.test. `page` is the text of the last answer, `status` its code."""

    def __init__(self, app: Quart, host: str = "art.test") -> None:
        self.client: Any = app.test_client()
        self.site: Site = app.extensions["site"]
        self.host = host
        self.page = ""
        self.status = 0
        self.headers: Any = {}

    async def as_somebody(self, account: Account) -> "Browser":
        """The same browser with an open session of `account`."""
        async with self.site.db.write() as tx:
            token = await sign_ins.open(tx, account, "Firefox on Linux")
        self.client.set_cookie(self.host, self.cookie_name, token)
        return self

    async def get(self, path: str, **headers: str) -> str:
        """Read a page; redirects are not followed."""
        return await self._read(await self.client.get(path, headers={"Host": self.host, **_dashed(headers)}))

    async def post(
        self, path: str, form: dict[str, Any] | None = None, *, csrf: str | None = None, **headers: str
    ) -> str:
        """Send a form with the proof that the last page carried, unless `csrf` says another."""
        proof = self.csrf if csrf is None else csrf
        sent = urlencode({**({"csrf": proof} if proof else {}), **(form or {})}, doseq=True)
        sending = {"Host": self.host, "Content-Type": "application/x-www-form-urlencoded", **_dashed(headers)}
        return await self._read(await self.client.post(path, data=sent, headers=sending))

    async def upload(self, path: str, form: dict[str, str], files: dict[str, tuple[str, bytes]]) -> str:
        """Send a form with files, as browsers write it (RFC 7578): `files` maps a field to a name and a content."""
        boundary = "----a-boundary-of-the-tests"
        parts = [(f'name="{name}"', text.encode()) for name, text in {"csrf": self.csrf, **form}.items()]
        parts += [(f'name="{name}"; filename="{file}"', content) for name, (file, content) in files.items()]
        sent = b"".join(
            f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + content + b"\r\n"
            for head, content in parts
        )
        sending = {"Host": self.host, "Content-Type": f"multipart/form-data; boundary={boundary}"}
        return await self._read(
            await self.client.post(path, data=sent + f"--{boundary}--\r\n".encode(), headers=sending)
        )

    @property
    def cookie_name(self) -> str:
        return "__Host-session" if self.site.settings.is_https else "session"

    @property
    def cookies(self) -> dict[str, str]:
        """What the browser would send."""
        return {cookie.name: cookie.value for cookie in self.client.cookie_jar}

    @property
    def csrf(self) -> str:
        """The proof in the first form of the page."""
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', self.page)
        return found[1] if found else ""

    @property
    def location(self) -> str:
        return str(self.headers.get("Location", ""))

    def hidden(self, name: str) -> str:
        """The value that a hidden field of the page holds."""
        found = re.search(rf'name="{re.escape(name)}" value="([^"]*)"', self.page)
        found = found or re.search(rf'<textarea name="{re.escape(name)}" hidden>\n(.*?)</textarea>', self.page, re.S)
        assert found, f"no field {name}"
        return html.unescape(found[1])

    async def _read(self, response: Any) -> str:
        self.status, self.headers = response.status_code, response.headers
        self.page = await response.get_data(as_text=True)
        return self.page


async def queued(site: Site) -> list[jobs.Mail]:
    """The letters that wait to be sent, in the order in which they were written."""
    async with site.db.read() as tx:
        rows = await tx.scalars(select(Job).where(Job.kind == "Mail").order_by(Job.id))
        return [jobs.Mail(**row.payload) for row in rows]


def link_in(letter: jobs.Mail) -> str:
    """The path of the first link of ours in a letter."""
    found = re.search(r"http://art\.test(/\S+)", letter.text)
    assert found, letter.text
    return found[1]


def _dashed(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
