"""Foreign JSON enters here and nowhere else: bytes → strict JSON → frozen dataclasses in which everything is checked and capped.

Pure: no network, no database, and JSON-LD is never expanded (security.md rows 16 to 18): shapes are read as servers are known to
send them. What cannot be believed raises BadDocument; nothing else comes out, whatever goes in. Order of reading: strict
(bytes), shapes (small values), activities, people, pieces with pictures and wordings.
"""

from federation.parse.activities import Activity, Page, activity, collection
from federation.parse.people import person
from federation.parse.pieces import piece
from federation.parse.shapes import BadDocument
from federation.parse.strict import load

__all__ = ["Activity", "BadDocument", "Page", "activity", "collection", "load", "person", "piece"]
