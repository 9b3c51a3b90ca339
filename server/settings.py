"""Every setting: typed, described, frozen; loaded once and passed on. Nothing is read at import.

Order of precedence (decision 2): environment above `$CARTELLINO_DATA_DIR/config.toml` above the defaults below. `server.port` is
`CARTELLINO_SERVER_PORT` in the environment; `PORT`, `CARTELLINO_DATA_DIR` and `CARTELLINO_BASE_URL` are short forms.
Secrets (`smtp.password`, `database.url` with a password in it) come from the environment or from a file named there.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from server import origins


class SettingsError(Exception):
    """A setting is unknown or has a value that cannot be; the text is one sentence for the administrator."""


class Section(BaseModel):
    """One table of `config.toml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Server(Section):
    bind: str = Field(
        "127.0.0.1", description="Address to listen on. Put a reverse proxy in front before you change it."
    )
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    base_url: str = Field(
        "",
        description="Address under which people reach this server, without a path. Empty: http://127.0.0.1:PORT. "
        "It is part of every id, so it is remembered with the first account and cannot change afterwards.",
    )
    handle_domain: str = Field(
        "", description="Domain in people's handles (@name@DOMAIN) where it differs from the base URL's host."
    )
    media_url: str = Field("", description="Address of the media host, without a path. Empty: the base URL.")
    proxies: int = Field(
        0, ge=0, le=5, description="Number of reverse proxies in front whose X-Forwarded-For entries are trusted."
    )
    name: str = Field("Cartellino", max_length=60, description="Name of this server, shown in the top left corner.")
    description: str = Field(
        "A gallery of its artists’ own.", max_length=500, description="One sentence on who this server is for."
    )
    contact: str = Field("", description="E-mail address of the people who run this server, shown on the about page.")

    @field_validator("base_url", "media_url")
    @classmethod
    def _origin(cls, value: str) -> str:
        if not value:
            return value
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError("must look like https://art.example, without a path")
        return f"{parts.scheme}://{parts.netloc.lower()}"


class Database(Section):
    url: str = Field(
        "",
        description="Empty: SQLite in the data directory. For PostgreSQL: postgresql://user:password@host/database.",
    )
    pool: int = Field(5, ge=1, le=100, description="Database connections kept open for reading, per process.")


class Accounts(Section):
    sign_up: Literal["open", "approval", "closed"] = Field(
        "approval",
        description="Who may join: everybody (open), whom an administrator lets in (approval), nobody (closed).",
    )
    quota_megabytes: int = Field(5000, ge=1, description="Room for each person's original files, in megabytes.")


class Uploads(Section):
    max_megabytes: int = Field(
        200, ge=1, le=200, description="Largest single image an artist may upload, in megabytes."
    )
    max_megapixels: int = Field(
        100,
        ge=1,
        le=100,
        description="Largest image, in millions of pixels; WebP, HEIC and AVIF with alpha half of it.",
    )
    parallel: int = Field(2, ge=1, le=32, description="Images prepared at the same time, each in a process of its own.")
    reserve_megabytes: int = Field(
        256, ge=0, description="Room that always stays free on the disk; below it uploads are refused with a sentence."
    )


class Smtp(Section):
    host: str = Field("", description="Mail server. Empty: letters are written to files under DATA/mail.")
    port: int = Field(587, ge=1, le=65535, description="Port of the mail server.")
    security: Literal["starttls", "tls", "none"] = Field("starttls", description="How the connection is protected.")
    user: str = Field("", description="Name to sign in with at the mail server.")
    password: str = Field("", description="Password at the mail server. Environment only.")
    sender: str = Field("", description="From address of the letters. Empty: cartellino@ the base URL's host.")


class Jobs(Section):
    inside_serve: bool = Field(
        True, description="Run the worker inside `cartellino serve`; off where workers run apart."
    )
    keep_failed_days: int = Field(30, ge=1, description="Days that a given-up job stays visible to the administrator.")


class Network(Section):
    private_ranges: str = Field(
        "",
        description="Networks that federation may reach although they are not public, such as 10.0.0.0/8, fd00::/8; there also "
        "by http and on any port. For tests and private networks only: on a public server it lets strangers reach your machines.",
    )
    ca_file: str = Field(
        "", description="File with further certificate authorities (PEM) whose servers federation trusts as well."
    )

    @field_validator("private_ranges")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        origins.ranges(value)
        return value

    @property
    def ranges(self) -> tuple[origins.Range, ...]:
        """The networks of `private_ranges`."""
        return origins.ranges(self.private_ranges)


class Federation(Section):
    cache_gigabytes: int = Field(
        5,
        ge=1,
        description="Room for pictures of other servers, in gigabytes; beyond it those unseen longest go first.",
    )
    cache_days: int = Field(
        14,
        ge=1,
        description="Days after which a picture of another server that nobody looked at is thrown away. It is fetched again "
        "when somebody does.",
    )
    keep_remote_days: int = Field(
        90,
        ge=1,
        description="Days after which a post of another server goes with which nobody here has anything to do: nobody follows "
        "its author, is named, likes, boosts or answers it.",
    )


# The tiers of docs/rights.md, from laxest to strictest.
Tier = Literal["open", "no-genai", "no-training", "no-ai", "no-ai-no-index"]


class Rights(Section):
    house: Tier = Field(
        "no-ai",
        description="What this server reserves for itself: robots.txt and the other files for crawlers say it for every path.",
    )
    minimum: Tier = Field(
        "open",
        description="The least that is reserved for every work posted here; artists may only raise it. Works in the public "
        "domain are left alone.",
    )
    block_training: bool = Field(
        True,
        description="Turn away declared crawlers that collect for the training of AI; robots.txt names them as well.",
    )
    block_answers: bool = Field(
        True,
        description="Turn away declared crawlers that fetch pages for answers of AI assistants; robots.txt as well.",
    )
    block_search: bool = Field(
        False,
        description="Turn away declared crawlers of search engines that also feed AI, which takes works out of those engines.",
    )
    trap: bool = Field(
        True, description="Keep an address for hours from everything once it follows the trap that robots.txt forbids."
    )
    media_per_minute: int = Field(
        3000,
        ge=0,
        description="Pictures that one address may ask for in a minute; its network (/24, /48) four times as many. 0: no limit.",
    )
    pages_per_minute: int = Field(
        300,
        ge=0,
        description="Walls, works and profiles that one address may have made for it in a minute; its network four times as "
        "many. 0: no limit.",
    )
    evidence_days: int = Field(
        365, ge=0, description="Days for which it is kept which declared AI crawlers asked for a work; 0 keeps nothing."
    )
    generated: Literal["label", "hold", "refuse"] = Field(
        "label",
        description="What happens to a work whose file says, or whose artist declares, that a generator made it: it is labelled, "
        "held until a moderator has looked, or refused.",
    )


class Log(Section):
    json_lines: bool = Field(False, description="Write the log as one JSON object per line.")
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least important event to log.")


class Settings(Section):
    """All settings of one house. `data_dir` is where everything lies that a backup must hold."""

    data_dir: Path = Field(Path("data"), exclude=True)
    server: Server = Field(default_factory=Server)
    database: Database = Field(default_factory=Database)
    accounts: Accounts = Field(default_factory=Accounts)
    uploads: Uploads = Field(default_factory=Uploads)
    smtp: Smtp = Field(default_factory=Smtp)
    jobs: Jobs = Field(default_factory=Jobs)
    network: Network = Field(default_factory=Network)
    federation: Federation = Field(default_factory=Federation)
    rights: Rights = Field(default_factory=Rights)
    log: Log = Field(default_factory=Log)

    @property
    def base_url(self) -> str:
        """Origin of every address and id, without a trailing slash."""
        return self.server.base_url or f"http://127.0.0.1:{self.server.port}"

    @property
    def media_url(self) -> str:
        """Origin of the pictures' addresses."""
        return self.server.media_url or self.base_url

    @property
    def handle_domain(self) -> str:
        """Domain in people's handles (decision 25)."""
        return self.server.handle_domain or urlsplit(self.base_url).netloc

    @property
    def is_https(self) -> bool:
        """Whether people reach this server by https; secure cookies and HSTS hang on it (decision 8)."""
        return self.base_url.startswith("https://")

    @property
    def database_url(self) -> str:
        """The configured database, or SQLite in the data directory."""
        return self.database.url or f"sqlite:///{(self.data_dir / 'cartellino.db').absolute()}"


SECTIONS: dict[str, type[Section]] = {
    name: field.annotation
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
}
# Values that must not lie in a file which people copy around.
SECRET = frozenset({"smtp.password"})
SHORT_FORMS = {"PORT": "server.port", "CARTELLINO_BASE_URL": "server.base_url"}


def known() -> dict[str, Any]:
    """Every setting's dotted name with its pydantic field."""
    return {
        f"{section}.{name}": field for section, model in SECTIONS.items() for name, field in model.model_fields.items()
    }


def load(environ: Mapping[str, str] | None = None, data_dir: Path | None = None) -> Settings:
    """Read the settings of this house.

    Raises SettingsError for an unknown name (with the nearest known one) or an impossible value.
    """
    environ = os.environ if environ is None else environ
    data_dir = data_dir or Path(environ.get("CARTELLINO_DATA_DIR") or "data")
    values: dict[str, str | Any] = {}
    file = data_dir / "config.toml"
    if file.exists():
        values |= _from_file(file)
    values |= _from_environment(environ)
    tree: dict[str, Any] = {"data_dir": data_dir.absolute()}
    for name, value in values.items():
        section, key = name.split(".", 1)
        tree.setdefault(section, {})[key] = value
    try:
        return Settings.model_validate(tree)
    except ValidationError as wrong:
        first = wrong.errors()[0]
        raise SettingsError(f"Setting {'.'.join(map(str, first['loc']))}: {first['msg'].lower()}.") from wrong


def _from_file(file: Path) -> dict[str, Any]:
    try:
        tree = tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise SettingsError(f"{file.name} cannot be read: {wrong}.") from wrong
    values: dict[str, Any] = {}
    for section, table in tree.items():
        if not isinstance(table, dict):
            raise _unknown(section, file.name)
        for key, value in table.items():
            name = f"{section}.{key}"
            if name not in known():
                raise _unknown(name, file.name)
            if name in SECRET:
                raise SettingsError(
                    f"Setting {name} is a secret: give it as {_variable(name)} or {_variable(name)}_FILE."
                )
            values[name] = value
    return values


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    variables = {_variable(name): name for name in known()}
    for variable, text in environ.items():
        if variable in ("CARTELLINO_DATA_DIR", "CARTELLINO_REQUIRE") or variable.startswith("CARTELLINO_TEST_"):
            continue
        if variable in SHORT_FORMS:
            if text:
                values[SHORT_FORMS[variable]] = text
        elif variable in variables:
            values[variables[variable]] = text
        elif variable.endswith("_FILE") and variable.removesuffix("_FILE") in variables:
            values[variables[variable.removesuffix("_FILE")]] = Path(text).read_text("utf-8").strip()
        elif variable.startswith("CARTELLINO_"):
            near = difflib.get_close_matches(variable, variables, n=1, cutoff=0.0)[0]
            raise SettingsError(f"Unknown setting {variable} in the environment. Did you mean {near}?")
    return values


def _variable(name: str) -> str:
    return "CARTELLINO_" + name.replace(".", "_").upper()


def _unknown(name: str, where: str) -> SettingsError:
    near = difflib.get_close_matches(name, known(), n=1, cutoff=0.0)[0]
    return SettingsError(f"Unknown setting {name} in {where}. Did you mean {near}?")


def as_toml() -> str:
    """The documented `config.toml`: every setting with its default and its meaning."""
    lines = [
        "# Every setting of Cartellino with its default. Written by `cartellino config`.",
        "# Your own file is config.toml in the data directory; set there only what you change.",
        "# In the environment server.port is CARTELLINO_SERVER_PORT; environment above file above default.",
    ]
    for section, model in SECTIONS.items():
        lines += ["", f"[{section}]"]
        for name, field in model.model_fields.items():
            lines.append(f"# {field.description}{_choices(field.annotation)}")
            prefix = "# " if f"{section}.{name}" in SECRET else ""
            lines.append(f"{prefix}{name} = {_toml(field.default)}")
    return "\n".join(lines) + "\n"


def as_markdown() -> str:
    """`docs/settings.md`: the same as a page."""
    lines = ["# Settings", "", "Written by `cartellino config --markdown`; a test compares.", ""]
    for section, model in SECTIONS.items():
        lines += [f"## {section}", "", "| Setting | Environment | Default | Meaning |", "|---|---|---|---|"]
        for name, field in model.model_fields.items():
            dotted = f"{section}.{name}"
            meaning = f"{field.description}{_choices(field.annotation)}".replace("|", "\\|")
            lines.append(f"| `{dotted}` | `{_variable(dotted)}` | `{_toml(field.default)}` | {meaning} |")
        lines.append("")
    return "\n".join(lines)


def _choices(annotation: Any) -> str:
    return f" One of: {', '.join(get_args(annotation))}." if get_origin(annotation) is Literal else ""


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
