"""The closed word lists that columns hold."""

from enum import StrEnum


class Licence(StrEnum):
    """What others may do with a work (rights.md 2.1, table 1)."""

    ARR = "arr"
    BY = "by"
    BY_SA = "by-sa"
    BY_NC = "by-nc"
    BY_NC_SA = "by-nc-sa"
    BY_ND = "by-nd"
    BY_NC_ND = "by-nc-nd"
    CC0 = "cc0"
    PDM = "pdm"


class Reservation(StrEnum):
    """What machines may do with a work (rights.md 2.1, table 2), from laxest to strictest."""

    OPEN = "open"
    NO_GENAI = "no-genai"
    NO_TRAINING = "no-training"
    NO_AI = "no-ai"
    NO_AI_NO_INDEX = "no-ai-no-index"


class Audience(StrEnum):
    """Who may see a post. MENTIONED with nobody mentioned means: only me (decision 17)."""

    EVERYONE = "everyone"
    UNLISTED = "unlisted"
    FOLLOWERS = "followers"
    MENTIONED = "mentioned"


class Kind(StrEnum):
    """What a row of `posts` is. A boost has no words of its own: it shows somebody's post once more."""

    WORK = "work"
    NOTE = "note"
    BOOST = "boost"


class ActorKind(StrEnum):
    """The five actor types of ActivityStreams. The one local APPLICATION is the house itself, which signs fetches."""

    PERSON = "Person"
    SERVICE = "Service"
    GROUP = "Group"
    ORGANIZATION = "Organization"
    APPLICATION = "Application"


class Dialect(StrEnum):
    """The three forms in which a work travels (FEDERATION.md). Notes are alike in all three."""

    IMAGE = "image"
    IMAGE_MASTODON = "image-mastodon"
    NOTE = "note"


class SourceType(StrEnum):
    """How a picture came to be: the IPTC digital source types that an artist may choose. The key ends the term's address."""

    DIGITAL_CREATION = "digitalCreation"
    DIGITAL_CAPTURE = "digitalCapture"
    HUMAN_EDITS = "humanEdits"
    PRINT = "print"
    POSITIVE_FILM = "positiveFilm"
    NEGATIVE_FILM = "negativeFilm"
    COMPOSITE = "composite"
    COMPOSITE_CAPTURE = "compositeCapture"
    SCREEN_CAPTURE = "screenCapture"
    ALGORITHMIC_MEDIA = "algorithmicMedia"
    COMPOSITE_WITH_GENERATOR = "compositeWithTrainedAlgorithmicMedia"
    GENERATOR = "trainedAlgorithmicMedia"

    @property
    def is_generated(self) -> bool:
        """Whether a generator made the picture, or a part of it."""
        return self in (SourceType.GENERATOR, SourceType.COMPOSITE_WITH_GENERATOR)


class ReceivedState(StrEnum):
    """WAITING for its handler, DONE, DROPPED (nothing to do with it, or not allowed), SET ASIDE (it broke its handler)."""

    WAITING = "waiting"
    DONE = "done"
    DROPPED = "dropped"
    SET_ASIDE = "set-aside"


class DeliveryState(StrEnum):
    """WAITING to be sent, DONE, REFUSED by the receiver for good, EXPIRED after 14 days, FORGOTTEN by an administrator."""

    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"
    EXPIRED = "expired"
    FORGOTTEN = "forgotten"


class HostLevel(StrEnum):
    """What the house allows a host: everything, not to be shown to strangers or on public walls (LIMIT), nothing (SUSPEND)."""

    NONE = "none"
    LIMIT = "limit"
    SUSPEND = "suspend"


class Hearing(StrEnum):
    """Why somebody is told of something."""

    FOLLOW = "follow"
    ASK = "ask"  # somebody asks to follow
    ACCEPTED = "accepted"
    LIKE = "like"
    BOOST = "boost"
    REPLY = "reply"
    MENTION = "mention"
    REPORT = "report"  # for moderators
    HELD = "held"  # for moderators: a work waits for them


class Rating(StrEnum):
    """How a work is shown to people who did not ask for more."""

    GENERAL = "general"
    MATURE = "mature"
    EXPLICIT = "explicit"


class Role(StrEnum):
    """What an account may do in this house."""

    MEMBER = "member"
    MODERATOR = "moderator"
    ADMIN = "admin"


class AccountState(StrEnum):
    """WAITING asks to be let in; REJECTED was not; DISABLED may not sign in any more."""

    WAITING = "waiting"
    ACTIVE = "active"
    REJECTED = "rejected"
    DISABLED = "disabled"


class Purpose(StrEnum):
    """What a picture is for: part of a work, or somebody's face."""

    WORK = "work"
    FACE = "face"


class MediaState(StrEnum):
    """WAITING for its turn, being MADE, SHOWN (the small sizes exist), READY (all exist), FAILED (with a reason)."""

    WAITING = "waiting"
    MADE = "made"
    SHOWN = "shown"
    READY = "ready"
    FAILED = "failed"


class RenditionPurpose(StrEnum):
    """WALL and STAGE are the ladder of widths; FEDERATION is the sRGB JPEG; FULL the full size where allowed."""

    WALL = "wall"
    STAGE = "stage"
    FEDERATION = "federation"
    FULL = "full"
    FACE = "face"
