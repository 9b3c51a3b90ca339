"""What all documents share: the context in front, and how times are written."""

from datetime import UTC, datetime

from federation.vocabulary import ACTIVITIES, PUBLIC, Json, context


def document(part: Json) -> Json:
    """`part` with the context in front that gives each of its terms a meaning.

    An activity for everybody gets the words of a proof as well (FEP-8b32): who proves it afterwards signs the context, too.
    """
    addressed = [*part.get("to", ()), *part.get("cc", ())]
    proved = part["type"] in ACTIVITIES and PUBLIC in addressed
    return {"@context": context(part, proved=proved)} | part


def moment(when: datetime) -> str:
    """RFC 3339, UTC, whole seconds, with Z: the one spelling that nobody misreads."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
