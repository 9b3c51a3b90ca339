"""Letters: composed from `templates/email/<message>/`, queued in the transaction they follow from, sent by a job.

With `smtp.host` they go to that server; TLS is required where it is configured and never given up for a plain connection
(security.md row 65). Without it each letter becomes a file under DATA/mail, readable by the server's user alone (decision 9).
"""

import asyncio
import logging
import os
import re
import secrets
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiosmtplib
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy.ext.asyncio import AsyncSession

from server import clock, jobs
from server.errors import GiveUp, Invalid, TryLater
from server.media.storage import fsync
from server.settings import Settings
from server.site import Site

log = logging.getLogger(__name__)

SECONDS = 30  # for the connection and for each answer of the mail server

# Row 64: characters that every mail server reads alike. No quotes, comments, `%`, `!` or look-alikes of other scripts.
_LOCAL = r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ADDRESS = re.compile(rf"(?P<local>{_LOCAL})@(?P<domain>(?:{_LABEL}\.)+(?=[a-z]){_LABEL})", re.ASCII)


def address(text: str, field: str = "email") -> str:
    """The e-mail address in `text`, in lower case; raises Invalid(email=…) for anything but a plain one (row 64)."""
    found = _ADDRESS.fullmatch(text.strip(" ").lower()) if text.isascii() else None
    if found is None or len(found["local"]) > 64 or len(found[0]) > 254:
        raise Invalid(
            **{field: "This is not an e-mail address that we can write to. It should look like ines@mail.example."}
        )
    return found[0]


def queue(tx: AsyncSession, settings: Settings, to: str, message: str, **values: Any) -> None:
    """Enqueue the letter `templates/email/<message>` to `to` in the caller's transaction.

    `values` are what its texts name, besides `server` (the house's name) and `base` (its address).
    """
    subject, text = compose(settings, message, **values)
    jobs.enqueue(tx, jobs.Mail(to=address(to), subject=subject, text=text))


def compose(settings: Settings, message: str, **values: Any) -> tuple[str, str]:
    """Subject and text of a letter. A subject is one line, whatever somebody's name contains."""
    values |= {"server": settings.server.name, "base": settings.base_url, "contact": settings.server.contact}
    subject = _environment().get_template(f"{message}/subject.txt").render(values)
    text = _environment().get_template(f"{message}/body.txt").render(values)
    return " ".join(subject.split()), text.strip() + "\n"


async def send(site: Site, job: jobs.Mail) -> None:
    """Send one letter, or write it to a file where no mail server is configured.

    Raises TryLater while the mail server is away or has no time, GiveUp when it will never take the letter.
    """
    settings = site.settings
    letter = envelope(settings, job)
    if not settings.smtp.host:
        file = await asyncio.to_thread(_write, settings.data_dir / "mail", letter)
        log.info("letter written", extra={"file": str(file)})
        return
    security = settings.smtp.security
    try:
        await aiosmtplib.send(
            letter,
            sender=sender(settings),
            recipients=[job.to],
            hostname=settings.smtp.host,
            port=settings.smtp.port,
            username=settings.smtp.user or None,
            password=settings.smtp.password or None,
            use_tls=security == "tls",
            start_tls=security == "starttls",  # True, not None: a server that does not offer it gets no letter
            timeout=SECONDS,
        )
    except aiosmtplib.SMTPRecipientsRefused as wrong:
        raise _verdict(max(refused.code for refused in wrong.recipients)) from wrong
    except aiosmtplib.SMTPAuthenticationError as wrong:
        raise TryLater("The mail server refuses smtp.user and smtp.password.") from wrong
    except aiosmtplib.SMTPResponseException as wrong:
        raise _verdict(wrong.code) from wrong
    except (aiosmtplib.SMTPException, OSError) as wrong:
        raise TryLater(f"The mail server cannot be used: {type(wrong).__name__}.") from wrong
    log.info("letter sent", extra={"job": "Mail"})


def envelope(settings: Settings, job: jobs.Mail) -> EmailMessage:
    """The letter as it travels. Raises GiveUp for an address or a subject with a line break in it (row 65)."""
    try:
        to, origin = address(job.to), address(sender(settings), "sender")
    except Invalid as wrong:
        raise GiveUp("The letter has no usable address.") from wrong
    if any(ord(char) < 32 or ord(char) == 127 for char in job.subject):
        raise GiveUp("The subject of the letter is more than one line.")
    letter = EmailMessage(policy=SMTP)
    letter["From"] = Address(settings.server.name, addr_spec=origin)
    letter["To"] = Address(addr_spec=to)
    letter["Subject"] = job.subject
    letter["Date"] = format_datetime(clock.now())
    letter["Message-ID"] = f"<{secrets.token_hex(16)}@{origin.partition('@')[2]}>"
    letter["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers, please
    letter.set_content(job.text, charset="utf-8")
    return letter


def sender(settings: Settings) -> str:
    """The From address: smtp.sender, or cartellino@ the host of the base URL."""
    if settings.smtp.sender:
        return settings.smtp.sender
    host = urlsplit(settings.base_url).hostname or ""
    name = f"cartellino@{host}"
    return name if _ADDRESS.fullmatch(name) else "cartellino@localhost.localdomain"


def _verdict(code: int) -> TryLater | GiveUp:
    if code >= 500:
        return GiveUp(f"The mail server does not take this letter (answer {code}).")
    return TryLater(f"The mail server has no time (answer {code}).")


def _write(folder: Path, letter: EmailMessage) -> Path:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    content = letter.as_bytes(policy=SMTP.clone(cte_type="8bit", linesep="\n"))
    stamp = f"{clock.now():%Y%m%dT%H%M%S}"
    number = 1
    while True:
        file = folder / f"{stamp}-{number}.eml"
        try:
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            number += 1
            continue
        with os.fdopen(handle, "wb") as out:
            out.write(content)
        fsync(file)
        fsync(folder)
        return file


@cache
def _environment() -> Environment:
    """Plain text: nothing is escaped, and a name that nobody passed is an error."""
    folder = Path(str(files("templates"))) / "email"
    return Environment(  # letters are text, not HTML
        loader=FileSystemLoader(folder), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
