"""The demo house: forty works by six artists, painted by the code in this package (numpy and Pillow, seeded; CC0).

No picture is a copy of anything: the catalogue, the people and every scene are made up.
"""

from server.demo_art.catalogue import WORKS, Picture, Piece
from server.demo_art.files import RECIPES, paint
from server.demo_art.people import ARTISTS, COMMENTS, FOLLOWS, GALLERIES, LIKES, Artist, Comment, Gallery

__all__ = [
    "ARTISTS",
    "COMMENTS",
    "FOLLOWS",
    "GALLERIES",
    "LIKES",
    "RECIPES",
    "WORKS",
    "Artist",
    "Comment",
    "Gallery",
    "Picture",
    "Piece",
    "paint",
]
