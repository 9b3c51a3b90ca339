"""The signet's process: puts C2PA manifests into files and reads those of others. The only place that loads the C2PA library.

Started by `sealing.py` for the files of one picture, with one socket. A manifest in an upload is a stranger's bytes, so this
process lives behind the same walls as a decoder: it opens nothing, is handed every file open, and has no network. The private
key stays with the server: what is to be signed goes up the socket, the signature comes down.

    server ── order + open files ──▶ signet ── what to sign ──▶ server ── signature ──▶ signet ── done ──▶ server
"""

import base64
import json
import mmap
import os
import re
import socket
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import c2pa
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from server.media import sandbox
from server.media.orders import Limits

Json = dict[str, Any]
MESSAGE_BYTES = 65_536
SIGNATURE_BYTES = 64  # ES256: r and s, 32 bytes each
_MANY = 40  # of anything that a foreign manifest lists
# What the manifests of an upload may hold where they go along: how it came to be, who signed, what may be done with it, and sums.
# Everything else may tell where it was made, with which camera, and what was cut away (security.md row 119).
_DISCREET = re.compile(
    r"(?:c2pa\.(?:actions|hash(?:\.[a-z-]+)+|ingredient|soft-binding|training-mining)|cawg\.(?:identity|training-mining))"
    r"(?:\.v\d+)?(?:__\d+)?"
)
# Metadata go along where they say nothing but rights and the kind of source, as those of this house do.
_METADATA = re.compile(r"(?:c2pa|cawg)\.metadata(?:__\d+)?")
_FIELDS = frozenset({
    "@context", "dc:creator", "dc:rights", "dc:title", "plus:DataMining", "xmpRights:WebStatement", "xmpRights:UsageTerms",
    "Iptc4xmpExt:DigitalSourceType",
})  # fmt: skip
_THUMBNAIL = re.compile(r"c2pa\.thumbnail\.claim(?:\.[a-z0-9]+)?")
_BOXES = frozenset({"claim", "assertion_store", "signature"})


def main(channel_fd: int, memory: int) -> None:
    """Obey orders until the server closes the socket."""
    sandbox.follow_parent()
    # 0, 1 and 2 lead to nowhere and stay: a file that is handed over must never become where complaints are written.
    sandbox.keep_only({0, 1, 2, channel_fd})
    limits = Limits()
    sandbox.limit(memory, limits.cpu_seconds, limits)
    channel = socket.socket(fileno=channel_fd)
    _warm_up()
    walls = sandbox.close_doors(receives=True)
    _tell(channel, {"ready": c2pa.sdk_version(), "walls": walls})
    while True:
        raw, fds, _, _ = socket.recv_fds(channel, MESSAGE_BYTES, 3)
        if not raw:
            return
        files = [os.fdopen(fd, "rb" if number != 1 else "w+b") for number, fd in enumerate(fds)]
        try:
            answer = _obey(json.loads(raw), files, channel)
        except Exception as cause:  # whatever a stranger's bytes made of it: the next order finds this process well
            answer = {"failed": f"{type(cause).__name__}: {cause}"[:300]}
        finally:
            for file in files:
                file.close()
        _tell(channel, answer)


def _warm_up() -> None:
    """Load what the library and Python load when first used: afterwards no file can be opened."""
    c2pa.Context.from_dict(_settings("")).close()
    ec.generate_private_key(ec.SECP256R1())


def _tell(channel: socket.socket, answer: Json) -> None:
    os.write(channel.fileno(), json.dumps(answer).encode())


def _obey(order: Json, files: list[BinaryIO], channel: socket.socket) -> Json:
    if order["do"] == "read":
        return {"manifest": summary(_read(files[0], None, order["anchors"]))}
    return _seal(order, files, channel)


def _settings(anchors: str, *, stated: Iterable[str] = (), verify: bool = True) -> Json:
    """`stated` are the labels of what the house says itself; everything else counts as gathered from somewhere."""
    labels = [re.sub(r"\.v\d+$", "", label) for label in stated]
    settings: Json = {
        "builder": {"thumbnail": {"enabled": False}, "created_assertion_labels": labels},
        # A file may name an address where its manifest lies, and a certificate one where it is revoked: nobody is asked.
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": verify},
        "core": {"allowed_network_hosts": []},
    }
    return settings | ({"trust": {"user_anchors": anchors}} if anchors else {})


# -- sealing -----------------------------------------------------------------------------------------------------------
def _seal(order: Json, files: list[BinaryIO], channel: socket.socket) -> Json:
    """Write files[0] with a manifest into files[1]; files[2], where there is one, is what it was made from."""
    source, target, *parents = files
    with_parent = bool(parents)
    # The library's way to have another sign reserves 10 kB for the signature where 2 are enough (docs/decisions). So the manifest
    # is built with a key that nobody keeps, and the signature exchanged where it lies in one piece. In a GIF it never does.
    for short in (True, False) if order["kind"] != "image/gif" else (False,):
        try:
            with_parent = _build(order, source, target, parents if with_parent else [], channel, short=short)
        except _InPieces:
            continue
        break
    found = _read(target, order["kind"], order["anchors"])
    failures = codes(found)
    if found.get("validation_state") != "Trusted" or failures:
        return {"failed": f"not sealed well: {', '.join(failures) or found.get('validation_state')}"}
    return {"sealed": True, "with_parent": with_parent}


class _InPieces(Exception):
    """The signature does not lie in one piece in the file."""


def _build(
    order: Json, source: BinaryIO, target: BinaryIO, parents: list[BinaryIO], channel: socket.socket, *, short: bool
) -> bool:
    definition = dict(order["manifest"])
    stated = [assertion["label"] for assertion in definition["assertions"]]
    context = c2pa.Context.from_dict(_settings(order["anchors"], stated=stated, verify=not short))
    with_parent = False
    if parents and is_discreet(parents[0], order["parent_kind"]):
        try:
            builder = _builder(definition, context, parents[0], order["parent_kind"])
            with_parent = True
        except c2pa.C2paError:  # its manifest is broken: what the work was made from is named without it
            builder = _builder(definition, context)
    else:
        builder = _builder(definition, context)
    source.seek(0)
    target.seek(0)
    target.truncate()
    if not short:
        signer = c2pa.Signer.from_callback(
            lambda claim: _ask(channel, claim), c2pa.C2paSigningAlg.ES256, order["chain"]
        )
        builder.sign(signer, order["kind"], source, target)
        target.flush()
        return with_parent
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    info = c2pa.C2paSignerInfo(b"es256", order["chain"].encode(), pem, None)
    store = builder.sign(c2pa.Signer.from_info(info), order["kind"], source, target)
    target.flush()
    claimed, placeholder = parts(store)
    _exchange(target, placeholder, _ask(channel, claimed), order["kind"])
    return with_parent


def _builder(definition: Json, context: Any, parent: BinaryIO | None = None, kind: str = "") -> Any:
    if parent is None:
        return c2pa.Builder.from_json(json.dumps(definition), context=context)
    ingredient = definition["ingredients"][0]
    builder = c2pa.Builder.from_json(json.dumps(definition | {"ingredients": []}), context=context)
    parent.seek(0)
    builder.add_ingredient(json.dumps(ingredient), kind, parent)
    return builder


def is_discreet(parent: BinaryIO, kind: str) -> bool:
    """Whether the manifests of an upload may be shown to everybody: nothing in them but `_DISCREET` and `_FIELDS`, and no picture
    but one of the upload as it is. What a file was before it was cut or painted over is not for others."""
    parent.seek(0)
    quick = _settings("")
    quick["verify"] |= {"verify_after_reading": False}
    try:
        with c2pa.Reader(kind, parent, context=c2pa.Context.from_dict(quick)) as reader:
            found: Json = json.loads(reader.detailed_json())
    except c2pa.C2paError:
        return False
    pictures = False
    manifests = found.get("manifests") or {}
    for name, manifest in manifests.items():
        if not _BOXES.issuperset(manifest):
            return False
        for label, data in (manifest.get("assertion_store") or {}).items():
            is_picture = name == found.get("active_manifest") and _THUMBNAIL.fullmatch(label) is not None
            pictures = pictures or is_picture
            is_plain = _METADATA.fullmatch(label) and isinstance(data, dict) and _FIELDS.issuperset(data)
            if not is_picture and not is_plain and not _DISCREET.fullmatch(label):
                return False
    if not manifests:
        return False  # broken beyond reading
    return not pictures or _read(parent, kind, "").get("validation_state") in ("Valid", "Trusted")


def _ask(channel: socket.socket, claimed: bytes) -> bytes:
    """The house's signature of `claimed`. The server refuses what is no claim."""
    _tell(channel, {"sign": base64.b64encode(claimed).decode()})
    raw, _, _, _ = socket.recv_fds(channel, MESSAGE_BYTES, 0)
    return base64.b64decode(json.loads(raw)["signature"])


def parts(store: bytes) -> tuple[bytes, bytes]:
    """Of the newest manifest in a manifest store: what its signature signs (RFC 9052, Sig_structure), and the signature.

    JUMBF is boxes of length, type and content; a `jumb` box begins with its description, which holds its label.
    """
    _, start, end = next(_boxes(store, 0, len(store)))
    *_, newest = [(first, last) for kind, first, last in _boxes(store, start, end) if kind == b"jumb"]
    named = {}
    for kind, first, last in _boxes(store, *newest):
        if kind == b"jumb":
            (_, description, until), (_, inner, stop), *_ = _boxes(store, first, last)
            named[store[description + 17 : until].split(b"\0")[0]] = store[inner:stop]
    (claim,) = [content for name, content in named.items() if name.startswith(b"c2pa.claim")]
    signature = named[b"c2pa.signature"]
    # COSE_Sign1, tagged: an array of the protected header, the other one, nothing, and at its end the signature.
    if signature[:3] != b"\xd2\x84\x59" or signature[-SIGNATURE_BYTES - 2 : -SIGNATURE_BYTES] != b"\x58\x40":
        raise c2pa.C2paError("a signature of another shape than this version writes")
    protected = signature[2 : 5 + int.from_bytes(signature[3:5], "big")]
    return b"\x84\x6aSignature1" + protected + b"\x40" + _cbor(claim), signature[-SIGNATURE_BYTES:]


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    while start + 8 <= end:
        length = int.from_bytes(data[start : start + 4], "big")
        yield data[start + 4 : start + 8], start + 8, start + length
        start += max(8, length)


def _cbor(content: bytes) -> bytes:
    """A CBOR byte string (RFC 8949, major type 2)."""
    length = len(content)
    if length < 256:
        return bytes((0x58, length)) + content
    return b"\x59" + length.to_bytes(2, "big") + content


def _exchange(target: BinaryIO, placeholder: bytes, signature: bytes, kind: str) -> None:
    """Write `signature` where `placeholder` stands. No container sums up its manifest but PNG, chunk by chunk."""
    with mmap.mmap(target.fileno(), 0, access=mmap.ACCESS_WRITE) as data:
        at = data.find(placeholder)
        if at < 0:
            raise _InPieces
        data[at : at + SIGNATURE_BYTES] = signature
        if kind == "image/png":
            chunk = 8
            while True:
                body = chunk + 8 + int.from_bytes(data[chunk : chunk + 4], "big")
                if at < body:
                    data[body : body + 4] = zlib.crc32(data[chunk + 4 : body]).to_bytes(4, "big")
                    return
                chunk = body + 4


# -- reading -----------------------------------------------------------------------------------------------------------
def _read(file: BinaryIO, kind: str | None, anchors: str) -> Json:
    file.seek(0)
    context = c2pa.Context.from_dict(_settings(anchors))
    try:
        with c2pa.Reader(kind, file, context=context) as reader:
            found: Json = json.loads(reader.json())
            return found
    except c2pa.C2paError as cause:
        return {"validation_state": "Unreadable", "unreadable": str(cause)[:200]}


def codes(found: Json) -> list[str]:
    """Everything that failed, in the newest manifest and in what it was made from, by the codes of the specification."""
    results = found.get("validation_results") or {}
    failed = list((results.get("activeManifest") or {}).get("failure") or [])
    for delta in results.get("ingredientDeltas") or []:
        failed += (delta.get("validationDeltas") or {}).get("failure") or []
    return list(dict.fromkeys(str(one.get("code", "")) for one in failed))


def summary(found: Json) -> Json:
    """What a manifest says, in short; `sealing.Manifest` names the fields."""
    manifests = dict(found.get("manifests") or {})
    newest = manifests.pop(found.get("active_manifest"), {})
    everything = [newest, *manifests.values()]
    generators = [_generator(one) for one in everything]
    agents: list[str] = []
    sources: list[str] = []
    for one in everything:
        for data in _assertions(one, r"c2pa\.actions"):
            known = [data, *(data.get("actions") or []), *(data.get("templates") or [])]
            agents += [_name(agent) for action in known for agent in _listed(action, "softwareAgent", "softwareAgents")]
            sources += [str(source) for action in known for source in _listed(action, "digitalSourceType")]
    entries: Json = {}
    for data in _assertions(newest, r"(cawg|c2pa)\.training-mining"):
        entries |= {str(key): str((value or {}).get("use", "")) for key, value in (data.get("entries") or {}).items()}
    signed = newest.get("signature_info") or {}
    failures = codes(found) or ([found["unreadable"]] if "unreadable" in found else [])
    return {
        "state": found.get("validation_state") or "Invalid",
        "failures": failures[:_MANY],
        "generators": _distinct(generators),
        "agents": _distinct(agents),
        "source_types": _distinct(sources),
        "training_mining": dict(list(entries.items())[:_MANY]),
        "signer": str(signed.get("common_name") or signed.get("issuer") or "")[:200],
        "manifests": len(everything) if newest else 0,
    }


def _assertions(manifest: Json, label: str) -> list[Json]:
    return [
        one["data"]
        for one in manifest.get("assertions") or []
        if re.match(label, str(one.get("label", ""))) and isinstance(one.get("data"), dict)
    ]


def _listed(action: Any, *names: str) -> list[Any]:
    values = [action.get(name) for name in names] if isinstance(action, dict) else []
    return [one for value in values if value for one in (value if isinstance(value, list) else [value])]


def _name(agent: Any) -> str:
    if not isinstance(agent, dict):
        return str(agent)
    return " ".join(str(agent[key]) for key in ("name", "version") if agent.get(key))


def _generator(manifest: Json) -> str:
    listed = manifest.get("claim_generator_info") or []
    return " · ".join(_name(one) for one in listed) or str(manifest.get("claim_generator") or "")


def _distinct(words: list[str]) -> list[str]:
    return [word[:200] for word in dict.fromkeys(words) if word][:_MANY]
