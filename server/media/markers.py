"""Marks that generators leave in the metadata of what they make (docs/rights.md, table 2.7), found in what a file says.

A mark is the file's own statement, so that only fields which a program writes about itself or about its work count. What
people write (captions, titles, keywords, names) is no mark, however many generators it names: "not made with Midjourney" is a
caption. The absence of marks says nothing: one re-save removes all of them.

Marks inside pixels are not looked for. NovelAI also hides its settings in the lowest bits of the alpha channel; finding them
needs the whole picture decoded before anybody may decide about it, and they survive only where nothing was re-encoded, which
is where the text chunks beside them survive as well.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal

from server.media import metadata
from server.media.inscriptions import Inscription, excerpt
from server.media.orders import WORDS, Marker

GENERATOR = "trainedAlgorithmicMedia"
COMPOSITE = "compositeWithTrainedAlgorithmicMedia"
STRENGTHS = ("strong", "medium", "weak")
MOST = 20
"""Marks that are told of one file."""

# Source types that a file may state, by the end of their address, and which of ours they are. The terms that IPTC has retired
# keep the meaning of their successors; C2PA has one of its own; schema.org spells them differently.
SOURCE_TYPES = {
    "digitalcreation": "digitalCreation",
    "digitalart": "digitalCreation",
    "digitalartdigitalsource": "digitalCreation",
    "digitalcapture": "digitalCapture",
    "digitalcapturedigitalsource": "digitalCapture",
    "computationalcapture": "digitalCapture",
    "humanedits": "humanEdits",
    "minorhumanedits": "humanEdits",
    "print": "print",
    "positivefilm": "positiveFilm",
    "negativefilm": "negativeFilm",
    "composite": "composite",
    "compositecapture": "compositeCapture",
    "screencapture": "screenCapture",
    "algorithmicmedia": "algorithmicMedia",
    "compositewithtrainedalgorithmicmedia": COMPOSITE,
    "compositewithtrainedalgorithmicmediadigitalsource": COMPOSITE,
    "compositesynthetic": COMPOSITE,
    "trainedalgorithmicmedia": GENERATOR,
    "trainedalgorithmicmediadigitalsource": GENERATOR,
    "trainedalgorithmicdata": GENERATOR,
}

Strength = Literal["strong", "medium", "weak"]

# Fields in which generators write what they were asked for.
_RECIPES = {
    ("png", "parameters"), ("png", "usercomment"), ("png", "exif:usercomment"), ("png", "comment"), ("exif", "usercomment"),
    ("xmp", "exif:usercomment"), ("comment", ""),
}  # fmt: skip
# Fields in which people describe a picture; some generators write there too, in forms that nobody types by hand.
_CAPTIONS = {
    ("png", "description"), ("exif", "imagedescription"), ("xmp", "dc:description"), ("iim", "caption"), ("exif", "xpcomment"),
}  # fmt: skip
# Fields in which programs write their own name.
_TOOLS = {
    ("png", "software"), ("png", "source"), ("png", "generator"), ("exif", "software"), ("xmp", "xmp:creatortool"),
    ("xmp", "tiff:software"), ("xmp", "stevt:softwareagent"), ("iim", "originating program"),
}  # fmt: skip
_MANIFEST = "its C2PA manifest"
_CREDITS = {("xmp", "photoshop:credit"), ("iim", "credit")}

# Generators by their own names, as they stand in the fields above and in C2PA manifests.
_NAMES = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("Adobe Firefly", r"\b(?:adobe[ _])?firefly\b"),
        ("Midjourney", r"\bmidjourney\b"),
        ("DALL·E", r"\bDALL[·.•\- ]?E\b"),
        ("ChatGPT", r"\bchatgpt\b"),
        ("OpenAI", r"\b(?:gpt-4o|gpt[- ]image\w*|openai(?: api)?|sora)\b"),
        ("Microsoft Designer", r"\bmicrosoft_responsible_ai\b|\bbing image creator\b"),
        ("Google AI", r"\bgoogle (?:gemini|imagen|generative ai|ai)\b|\b(?:made|edited) with google ai\b"),
        ("NovelAI", r"\bnovelai\b"),
        ("ComfyUI", r"\bcomfyui\b"),
        ("InvokeAI", r"\binvokeai\b"),
        ("Fooocus", r"\bfooocus\b"),
        ("SwarmUI", r"\bswarmui\b"),
        ("Draw Things", r"^draw things\b"),
        ("DreamStudio", r"\bdreamstudio\b"),
        ("Ideogram", r"\bideogram(?: ai|\.ai)\b"),
        ("Leonardo.Ai", r"\bleonardo\.ai\b"),
        ("Stable Diffusion", r"\bstable[ -]?diffusion\b"),
    )
)
# Credits that a provider prescribes, whole.
_CREDIT_LINES: tuple[tuple[re.Pattern[str], str, Strength, str], ...] = (
    (re.compile(r"^made with google ai\W*$", re.IGNORECASE), "Google AI", "strong", GENERATOR),
    (re.compile(r"^edited with google ai\W*$", re.IGNORECASE), "Google AI", "strong", COMPOSITE),
    (re.compile(r"^imagined with (?:meta )?ai\W*$", re.IGNORECASE), "Meta AI", "medium", GENERATOR),
)
_STEPS, _SAMPLER = re.compile(r"\bSteps:\s?\d"), re.compile(r"\bSampler:\s?\w")
_SEED = re.compile(r"\bSeed:\s?\d")
_FORGE = re.compile(r"\bVersion: f\d")
_VERSION_OF = re.compile(r"\bVersion: (Fooocus|ComfyUI)\b")
_CIVITAI = re.compile(r"\bCivitai resources:")
_SWARM = re.compile(r'"sui_image_params"\s?:')
_FOOOCUS = re.compile(r'"base_model_hash"\s?:')
_NOVEL = re.compile(r'\\?"Software\\?"\s?:\s?\\?"NovelAI')
_NODES = re.compile(r'"class_type"\s?:\s?"')
_GRAPH = re.compile(r'"(?:last_node_id|last_link_id)"\s?:')
_INSIDE_EXIF = re.compile(r"^(?:prompt|workflow)\s?:\s?\{", re.IGNORECASE)
_DREAM = re.compile(r"\s-[sSW]\s?\d+")
_JOB = re.compile(r"\bJob ID: ?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b", re.IGNORECASE)
_FLAG = re.compile(r"\s--(?:v|niji|ar|stylize|s|chaos|style|raw|q|seed)\b")
_DENIED = re.compile(r"\b(?:no|not|non|never|without|isn't|anti)\b", re.IGNORECASE)


def find(inscriptions: Iterable[Inscription]) -> tuple[Marker, ...]:
    """The marks in what a file says, the strongest first, each generator and place once."""
    said = list(inscriptions)
    guids = {one.text.strip().lower() for one in said if one.key == "Iptc4xmpExt:DigImageGUID"}
    found: list[Marker] = []
    for one in said:
        place = (one.place, one.key.lower())
        marker = None
        if place[1] == "iptc4xmpext:digitalsourcetype":
            marker = _stated(one)
        elif place in _CREDITS:
            marker = _credit(one)
        elif place in _TOOLS:
            marker = _tool(one)
        elif place in _CAPTIONS:
            marker = _caption(one, guids)
        if marker is None and (place in _RECIPES or one.place in ("png", "exif")):
            marker = _recipe(one, place in _RECIPES)
        if marker is not None:
            found.append(marker)
    return _in_order(found)


def declared(inscriptions: Iterable[Inscription]) -> str | None:
    """The source type that the file states in XMP, as one of ours; None for none, and for one that we do not know."""
    for one in inscriptions:
        if one.key == "Iptc4xmpExt:DigitalSourceType" and (known := source_type(one.text)):
            return known
    return None


def camera(inscriptions: Iterable[Inscription]) -> str | None:
    """Maker and model of a camera, where the file tells of an exposure as well; None for scans, renderings and drawings."""
    fields = {one.key: one.text for one in reversed(list(inscriptions)) if one.place == "exif"}
    maker, model = (metadata.tidy(fields.get(name, "")) or "" for name in ("Make", "Model"))
    if not model or not {"ExposureTime", "FNumber", "ISO"} & fields.keys() or _INSIDE_EXIF.match(model):
        return None
    return (model if model.lower().startswith(maker.lower()) else f"{maker} {model}")[:120]


def source_type(address: str) -> str | None:
    """One of our source types by the address, or the name, that IPTC, C2PA or schema.org gives it."""
    return SOURCE_TYPES.get(re.split(r"[/#:]", address.strip()[:WORDS])[-1].strip().lower())


def of_manifest(manifest: Mapping[str, Any]) -> tuple[Marker, ...]:
    """The marks in what a file's C2PA manifests say in short (`sealing.Manifest.as_json`): how actions came to be, and which
    programs did the work or made the claim.

    A claim that does not fit its file any more says less: the file was changed after it was signed.
    """
    programs = [str(one) for name in ("agents", "generators") for one in manifest.get(name) or ()]
    names = [name for text in programs for name, pattern in _NAMES if pattern.search(text)]
    strength: Strength = "medium" if manifest.get("state") == "Invalid" else "strong"
    found = []
    for address in manifest.get("source_types") or ():
        if (known := source_type(str(address))) in (GENERATOR, COMPOSITE):
            words = metadata.tidy(" ".join([str(address), *programs[:4]])) or ""
            found.append(Marker(names[0] if names else "", _MANIFEST, words[:WORDS], strength, known))
    if not found and names:
        words = metadata.tidy(", ".join(programs)) or ""
        found.append(Marker(names[0], _MANIFEST, words[:WORDS], "medium", GENERATOR))
    return _in_order(found)


def declared_in(manifest: Mapping[str, Any]) -> str | None:
    """The one source type that all actions in a file's manifests state, as one of ours; None where they differ or state none."""
    known = {source_type(str(address)) for address in manifest.get("source_types") or ()}
    return known.pop() if len(known) == 1 else None


def together(*several: Iterable[Marker]) -> tuple[Marker, ...]:
    """Marks from several places as one list, the strongest first."""
    return _in_order([marker for some in several for marker in some])


def _in_order(found: list[Marker]) -> tuple[Marker, ...]:
    # A bare source type is by the generator that the rest of the file names, if that is one alone.
    names = {marker.generator for marker in found if marker.generator}
    if len(names) == 1:
        found = [marker if marker.generator else replace(marker, generator=next(iter(names))) for marker in found]
    first: dict[tuple[str, str], Marker] = {}
    for marker in found:
        first.setdefault((marker.generator, marker.where), marker)
    ordered = sorted(first.values(), key=lambda marker: STRENGTHS.index(marker.strength))
    return tuple(ordered[:MOST])


def _mark(one: Inscription, name: str, match: re.Match[str], strength: Strength, kind: str = GENERATOR) -> Marker:
    return Marker(name, one.where[:WORDS], excerpt(one.text, match, WORDS), strength, kind)


def _stated(one: Inscription) -> Marker | None:
    known = source_type(one.text)
    match = re.search(r"\S+", one.text)
    return _mark(one, "", match, "strong", known) if match and known in (GENERATOR, COMPOSITE) else None


def _credit(one: Inscription) -> Marker | None:
    text = metadata.tidy(one.text[:WORDS]) or ""
    for pattern, name, strength, kind in _CREDIT_LINES:
        if match := pattern.search(text):
            return _mark(replace(one, text=text), name, match, strength, kind)
    return None


def _tool(one: Inscription) -> Marker | None:
    """A program's name of itself: what the field begins with is that program, what it mentions further on is a hint."""
    text = metadata.tidy(one.text[: 4 * WORDS]) or ""
    if one.place == "png" and text.lower().startswith("novelai"):
        return _mark(replace(one, text=text), "NovelAI", _any(text), "strong")
    for name, pattern in _NAMES:
        match = pattern.search(text)
        if match and not _DENIED.search(text[: match.start()]):
            return _mark(replace(one, text=text), name, match, "weak" if match.start() else "medium")
    return None


def _caption(one: Inscription, guids: set[str]) -> Marker | None:
    """The two forms that programs write into descriptions and nobody types: a job's number, and a whole list of settings."""
    if match := _JOB.search(one.text):
        return (
            _mark(one, "Midjourney", match, "medium") if _FLAG.search(one.text) or match[1].lower() in guids else None
        )
    steps = _STEPS.search(one.text)
    if steps and _SAMPLER.search(one.text) and _SEED.search(one.text):
        return _mark(one, "Stable Diffusion", steps, "medium")
    return None


def _recipe(one: Inscription, is_recipe: bool) -> Marker | None:
    key, text = one.key.lower(), one.text
    if one.place == "png" and (known := _by_key(one, key, text)):
        return known
    if match := _INSIDE_EXIF.match(text):
        return _mark(one, "ComfyUI", match, "strong") if _NODES.search(text) or _GRAPH.search(text) else None
    if not is_recipe:
        return None
    for pattern, name in ((_SWARM, "SwarmUI"), (_FOOOCUS, "Fooocus"), (_NOVEL, "NovelAI")):
        if match := pattern.search(text):
            return _mark(one, name, match, "strong")
    if text.lstrip()[:1] == "{" and (match := _NODES.search(text)):
        return _mark(one, "ComfyUI", match, "strong")
    steps, civitai = _STEPS.search(text), _CIVITAI.search(text)
    if steps and _SAMPLER.search(text):
        version = _VERSION_OF.search(text)
        name = version[1] if version else "Forge" if _FORGE.search(text) else "Automatic1111"
        return _mark(one, "Civitai" if civitai else name, civitai or steps, "strong")
    return _mark(one, "Civitai", civitai, "medium") if civitai else None


def _by_key(one: Inscription, key: str, text: str) -> Marker | None:
    """Text chunks whose very name belongs to one program."""
    start = _any(text)
    if key == "prompt" and (match := _NODES.search(text)):
        return _mark(one, "ComfyUI", match, "strong")
    if key == "workflow" and (match := _GRAPH.search(text)):
        return _mark(one, "ComfyUI", match, "strong")
    if key.startswith(("invokeai_", "sd-metadata")) and text.lstrip()[:1] == "{":
        return _mark(one, "InvokeAI", start, "strong")
    if key == "dream" and (match := _DREAM.search(text)):
        return _mark(one, "InvokeAI", match, "strong")
    if key == "fooocus_scheme":
        return _mark(one, "Fooocus", start, "strong")
    return None


def _any(text: str) -> re.Match[str]:
    match = re.match(r"", text)
    assert match is not None  # nothing at all matches everywhere
    return match
