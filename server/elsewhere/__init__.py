"""People and posts of other servers: what was read of them, and their rows here.

`read` holds the dataclasses, which federation.parse alone makes: what stands in them is checked, capped and clean. `people` and
`pieces` write them down. Whoever calls these has proof that the author's own server says so; nothing here asks the network.
"""

from server.elsewhere.people import forget_person, put_person
from server.elsewhere.pieces import LOOKED, Before, before, forget, forget_post, is_stale, look_again, put_post
from server.elsewhere.read import Link, Person, Picture, Piece, PublicKey

__all__ = [
    "LOOKED",
    "Before",
    "Link",
    "Person",
    "Picture",
    "Piece",
    "PublicKey",
    "before",
    "forget",
    "forget_person",
    "forget_post",
    "is_stale",
    "look_again",
    "put_person",
    "put_post",
]
