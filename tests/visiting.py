"""A browser without scripts for a house that really runs behind the TLS front: cookies, redirects, and the forms of its pages."""

import http.client
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

from tests.peers.front import Front
from tests.running import PASSWORD, Answer


@dataclass
class Form:
    """One form of a page, with what it would send if nothing were changed."""

    action: str
    multipart: bool
    fields: list[tuple[str, str]] = field(default_factory=list)

    def names(self, prefix: str) -> list[str]:
        return [name for name, _ in self.fields if name.startswith(prefix)]


class Forms(HTMLParser):
    """The forms of a page."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Form] = []
        self._text: str | None = None
        self._select: tuple[str, str | None] | None = None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        name = said.get("name", "")
        if tag == "form":
            self.found.append(Form(said.get("action", ""), said.get("enctype") == "multipart/form-data"))
        elif not self.found or not (name or tag == "option"):
            return
        elif tag == "input" and said.get("type", "text") in ("checkbox", "radio"):
            if "checked" in said:
                self._add(name, said.get("value", "on"))
        elif tag == "input" and said.get("type") not in ("file", "submit"):
            self._add(name, said.get("value", ""))
        elif tag == "textarea":
            self._add(name, "")
            self._text = ""
        elif tag == "select":
            self._select = (name, None)
        elif tag == "option" and self._select and (self._select[1] is None or "selected" in said):
            self._select = (self._select[0], said.get("value", ""))

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._text is not None:
            name, _ = self.found[-1].fields.pop()
            self._add(name, self._text.removeprefix("\n"))
            self._text = None
        elif tag == "select" and self._select:
            self._add(self._select[0], self._select[1] or "")
            self._select = None

    def _add(self, name: str, value: str) -> None:
        self.found[-1].fields.append((name, value))


class _Line(http.client.HTTPSConnection):
    """A connection to a name, wherever the front listens."""

    def __init__(self, front: Front, name: str) -> None:
        super().__init__(name, 443, timeout=60)
        self._front, self._name = front, name

    def connect(self) -> None:
        raw = socket.create_connection(("127.0.0.1", self._front.port), 60)
        self.sock = self._front.trusting().wrap_socket(raw, server_hostname=self._name)


@dataclass
class Visitor:
    """Somebody's browser at https://NAME."""

    front: Front
    name: str
    cookies: dict[str, str] = field(default_factory=dict)
    # Where the last answer came from, after redirects.
    path: str = ""

    def sign_in(self, handle: str) -> "Visitor":
        answer = self.send("/login", "/login", name=handle, password=PASSWORD)
        assert answer.status == 200 and "__Host-session" in self.cookies, answer.text
        return self

    def get(self, path: str) -> Answer:
        """A page, wherever redirects within the house lead."""
        return self._follow(self._ask("GET", path), path)

    def send(self, path: str, action: str, **changes: str) -> Answer:
        """Open the page at `path` and send its form whose action ends with `action`, with some fields changed; what follows."""
        shown = self.get(path)
        assert shown.status == 200, (path, shown.status, shown.text[:500])
        forms = [form for form in Forms(shown.text).found if form.action.endswith(action)]
        assert forms, f"no form for {action} on {self.path}"
        form = forms[0]
        fields = [(name, value) for name, value in form.fields if name not in changes] + list(changes.items())
        return self._post(form, fields)

    def _post(self, form: Form, fields: list[tuple[str, str]]) -> Answer:
        path = urlsplit(urljoin(f"https://{self.name}{self.path}", form.action)).path
        if form.multipart:
            edge = f"----{secrets.token_hex(12)}"
            parts = [
                f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                for name, value in fields
            ]
            body, kind = "".join([*parts, f"--{edge}--\r\n"]), f"multipart/form-data; boundary={edge}"
        else:
            body, kind = urlencode(fields), "application/x-www-form-urlencoded"
        return self._follow(self._ask("POST", path, body.encode(), kind), path)

    def _follow(self, answer: Answer, path: str) -> Answer:
        for _ in range(4):
            self.path = path
            if answer.status not in (301, 302, 303):
                return answer
            parts = urlsplit(urljoin(f"https://{self.name}{path}", answer.headers["location"]))
            assert parts.netloc == self.name, parts
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            answer = self._ask("GET", path)
        raise AssertionError(f"{path} redirects without an end")

    def _ask(self, method: str, path: str, body: bytes = b"", kind: str = "") -> Answer:
        line = _Line(self.front, self.name)
        headers = {"Content-Type": kind} if kind else {}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        try:
            line.request(method, path, body or None, headers)
            reply = line.getresponse()
            content = reply.read()
        finally:
            line.close()
        for said in reply.headers.get_all("Set-Cookie") or []:
            name, _, value = said.split(";")[0].partition("=")
            self.cookies[name] = value
        return Answer(reply.status, {key.lower(): value for key, value in reply.headers.items()}, content)

    def until(self, path: str, look: Callable[[Answer], bool], seconds: float = 150, what: str = "") -> Answer:
        """Open a page again and again until it shows what is looked for. What met a dead server is tried again after a minute."""
        end = time.monotonic() + seconds
        while not look(answer := self.get(path)):
            assert time.monotonic() < end, f"not within {seconds} s on {path}: {what}\n{answer.status}"
            time.sleep(0.2)
        return answer
