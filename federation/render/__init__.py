"""Rows → JSON: one function for each thing and dialect. Pure: golden files test them, `lint` judges them.

Functions that return a part of a document leave `@context` to whoever makes the whole; `document` puts it in front.
"""

from federation.render.activities import (
    accept,
    add,
    announce,
    block,
    create,
    delete,
    flag,
    follow,
    like,
    reject,
    remove,
    undo,
    update,
    update_actor,
)
from federation.render.collections import collection, featured_tags, gallery, page, unordered
from federation.render.documents import document, moment
from federation.render.people import actor, face_of, gone, house
from federation.render.pictures import media_object, shared_file
from federation.render.posts import note, post_object, tombstone, work_image, work_image_mastodon, work_note

__all__ = [
    "accept",
    "actor",
    "add",
    "announce",
    "block",
    "collection",
    "create",
    "delete",
    "document",
    "face_of",
    "featured_tags",
    "flag",
    "follow",
    "gallery",
    "gone",
    "house",
    "like",
    "media_object",
    "moment",
    "note",
    "page",
    "post_object",
    "reject",
    "remove",
    "shared_file",
    "tombstone",
    "undo",
    "unordered",
    "update",
    "update_actor",
    "work_image",
    "work_image_mastodon",
    "work_note",
]
