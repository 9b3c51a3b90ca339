"""What a verb says: an activity, its forms, and who hears it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from federation.vocabulary import Json
from server import jobs
from server.db import Session
from server.models import Actor, Host
from server.site import Site


@dataclass(frozen=True)
class To:
    """An inbox. `first` is for people who are named: they go before the crowd."""

    inbox: str
    host: str
    first: bool = False


Inboxes = dict[str, To]
# Which form of an activity a host gets: a key of `Told.forms`, or None where it gets nothing.
Choice = Callable[[Host | None], str | None]


@dataclass
class Told:
    """One activity: its id, who hears it, and how to render each of its forms, which happens only where a host needs it."""

    uri: str
    type: str
    forms: Mapping[str, Callable[[], Json]]
    to: Inboxes
    subject: str = ""
    post_id: int | None = None
    choose: Choice = field(default=lambda _: "")
    # Whether the software of its receivers matters.
    by_dialect: bool = False


@dataclass(frozen=True)
class Case:
    """What a verb looks at: one transaction that reads, the job, and who did it."""

    site: Site
    tx: Session
    job: jobs.Federate
    actor: Actor

    @property
    def uri(self) -> str:
        """The id of what is told; the same whenever the job runs."""
        return self.site.urls.activity_of(self.job.id)

    @property
    def uris(self) -> list[str]:
        """Every id that this job can give: one change may be a Create or a Delete to some."""
        return [self.uri, f"{self.uri}#create", f"{self.uri}#delete"]


Verb = Callable[[Case], Awaitable[list[Told]]]
