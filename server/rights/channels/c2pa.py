"""What a signed manifest inside a file says (C2PA 2.x, CAWG metadata 1.1, CAWG training and data mining 1.1)."""

from collections.abc import Sequence
from typing import Any

from server.rights import Rights, sentence
from server.rights.channels.activitypub import DATA_MINING, SOURCE_TYPE

Json = dict[str, Any]
# In the order of a tier's four entries.
_USES = ("data_mining", "ai_inference", "ai_training", "ai_generative_training")
# By this name the action and the ingredient find each other while the manifest is built.
_UPLOAD = "upload"
# A public copy is smaller than what was uploaded, and of another format; the full size has other metadata and the same pixels.
COPY = ("c2pa.resized", "c2pa.transcoded")
FULL_SIZE = ("c2pa.edited.metadata",)


def c2pa(rights: Rights, *, steps: Sequence[str] = COPY, has_parent: bool = False) -> Json:
    """A manifest definition for a file of a local work; empty for any other, in whose author's name nobody here signs.

    A manifest begins with how the work came to be. Where its artist says that, it was created so. Where they do not, or where
    the uploaded file has a history of its own (`has_parent`), it says what this house knows for certain: that it opened the
    upload and did these `steps`. No digital source type is ever guessed. What the artist declares of a file that has a history
    stands beside that history, in the metadata.
    """
    if not rights.is_local:
        return {}
    title = rights.subject.title or "Untitled"
    # What only a mark in the file says, nobody declared: the house does not sign it as the beginning of the work.
    opened = has_parent or rights.source_type is None or not rights.source_declared
    actions: list[Json] = (
        [{"action": "c2pa.opened", "parameters": {"ingredientIds": [_UPLOAD]}}, *({"action": step} for step in steps)]
        if opened
        else [{"action": "c2pa.created", "digitalSourceType": f"{SOURCE_TYPE}{rights.source_type}"}]
    )
    manifest: Json = {
        "title": title,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions}},
            {"label": "cawg.training-mining", "data": {"entries": _entries(rights, "cawg")}},
            # Gone from C2PA 2.0 and still what some readers look for alone.
            {"label": "c2pa.training-mining", "data": {"entries": _entries(rights, "c2pa")}},
            # CAWG metadata 1.1 asks for JSON in the file; everything else is CBOR.
            {"label": "cawg.metadata", "kind": "Json", "data": _metadata(rights)},
        ],
    }
    if opened:
        parent = {"title": title, "relationship": "parentOf", "label": _UPLOAD, "instance_id": f"xmp:iid:{_UPLOAD}"}
        manifest["ingredients"] = [parent]
    return manifest


def _entries(rights: Rights, prefix: str) -> Json:
    """A tier that says nothing of a use says nothing here."""
    uses = zip(_USES, rights.signals.cawg, strict=True)
    return {f"{prefix}.{name}": {"use": use} for name, use in uses if use}


def _metadata(rights: Rights) -> Json:
    context = {
        "dc": "http://purl.org/dc/elements/1.1/",
        "plus": "http://ns.useplus.org/ldf/xmp/1.0/",
        "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    }
    said: Json = {
        "dc:rights": sentence(rights),
        "plus:DataMining": DATA_MINING + rights.signals.data_mining,
        "xmpRights:WebStatement": rights.subject.explained,
    }
    if rights.source_type:
        context["Iptc4xmpExt"] = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
        said["Iptc4xmpExt:DigitalSourceType"] = f"{SOURCE_TYPE}{rights.source_type}"
    return {"@context": context} | {name: value for name, value in said.items() if value}
