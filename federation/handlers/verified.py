"""Proof is a value: handlers take `Verified`, and only the inbox makes one."""

from dataclasses import dataclass

from federation.parse import Activity


@dataclass(frozen=True)
class Verified:
    """An activity of which it is proved that `activity.actor` said it: signed by a key of theirs, or proved by one."""

    activity: Activity
    received_id: int

    @property
    def actor(self) -> str:
        """The uri of who did it."""
        return self.activity.actor

    @property
    def object(self) -> str:
        """The uri of what it is about. Raises ValueError where it names nothing; the inbox asked before."""
        return self.activity.object_id
