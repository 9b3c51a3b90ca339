"""Requests signed by hand, rightly or wrongly: the signed text is put together here, without the code that is tested."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from federation import signatures
from server.elsewhere import PublicKey

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
DATE = "Tue, 24 Nov 2026 09:00:00 GMT"
KEY = "https://peer.test/users/bob#main-key"
INBOX = "/users/ann/inbox"
BODY = b'{"type":"Like"}'
OURS = frozenset({"art.test"})
TARGET, ALL = "(request-target)", "(request-target) host date digest"
COMPONENTS = '"@method" "@target-uri" "content-digest"'

Private = RSAPrivateKey | Ed25519PrivateKey


@cache
def rsa_key(name: str = "bob") -> RSAPrivateKey:
    """An RSA key; always the same one for the same name."""
    return generate_private_key(65537, 2048)


@cache
def ed25519_key(name: str = "bob") -> Ed25519PrivateKey:
    """An Ed25519 key; always the same one for the same name."""
    return Ed25519PrivateKey.generate()


def public(private: Private, uri: str = KEY) -> PublicKey:
    """The public half, as a row would hold it."""
    der = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return PublicKey(uri, "rsa" if isinstance(private, RSAPrivateKey) else "ed25519", der)


def sha256(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def digest(body: bytes) -> str:
    return f"SHA-256={sha256(body)}"


def content_digest(body: bytes) -> str:
    return f"sha-256=:{sha256(body)}:"


@dataclass(frozen=True)
class Wire:
    """A request on its way to us; every method returns another one."""

    method: str = "POST"
    target: str = INBOX
    headers: tuple[tuple[str, str], ...] = (("Host", "art.test"), ("Date", DATE))
    body: bytes = BODY
    private: Private = field(default_factory=rsa_key)

    def but(self, **changes: Any) -> "Wire":
        """With other parts and the same headers."""
        return replace(self, **changes)

    def set(self, name: str, *values: str) -> "Wire":
        """With these headers of that name, in its first place; none for no value."""
        rest = tuple(header for header in self.headers if header[0].lower() != name.lower())
        return replace(self, headers=rest + tuple((name, value) for value in values))

    def get(self, name: str) -> str:
        return ", ".join(value for known, value in self.headers if known.lower() == name.lower())

    def edit(self, name: str, old: str, new: str) -> "Wire":
        """With one passage of a header replaced; it must be there."""
        assert old in self.get(name), (old, self.get(name))
        return self.set(name, self.get(name).replace(old, new, 1))

    def cavage(
        self, covered: str = ALL, *, algorithm: str = "rsa-sha256", listed: str | None = None, **params: str
    ) -> "Wire":
        """Signed over `covered`, which the header says too, unless `listed` says something else."""
        known = {TARGET: f"{self.method.lower()} {self.target}"} | {f"({key})": text for key, text in params.items()}
        lines = [f"{name}: {known.get(name, self.get(name))}" for name in covered.lower().split()]
        signature = base64.b64encode(sign(self.private, "\n".join(lines))).decode()
        parts = {"keyId": KEY, "algorithm": algorithm, "headers": covered if listed is None else listed}
        text = ",".join(f'{name}="{text}"' for name, text in (parts | {"signature": signature}).items() if text)
        return self.set("Signature", ",".join([*(f"{name}={text}" for name, text in params.items()), text]))

    def rfc9421(
        self, components: str = COMPONENTS, params: Mapping[str, object] | None = None, **more: object
    ) -> "Wire":
        """Signed over the text of an inner list; parameters are `params` (by default the usual ones) and `more`."""
        algorithm = "ed25519" if isinstance(self.private, Ed25519PrivateKey) else "rsa-v1_5-sha256"
        usual = {"created": int(NOW.timestamp()), "keyid": KEY, "alg": algorithm}
        stated = {**(usual if params is None else params), **more}
        texts = [f';{key}="{text}"' if isinstance(text, str) else f";{key}={text}" for key, text in stated.items()]
        whole = f"({components}){''.join(texts)}"
        path, _, query = self.target.partition("?")
        known = {
            "@method": self.method,
            "@target-uri": f"https://{self.get('host')}{self.target}",
            "@authority": self.get("host"),
            "@scheme": "https",
            "@path": path,
            "@query": f"?{query}",
            "@request-target": self.target,
        }
        lines = []
        for component in components.split():
            name = component.partition(";")[0].strip('"')
            lines.append(f"{component}: {known.get(name, self.get(name))}")
        made = sign(self.private, "\n".join([*lines, f'"@signature-params": {whole}']))
        signed = self.set("Signature-Input", f"sig1={whole}")
        return signed.set("Signature", f"sig1=:{base64.b64encode(made).decode()}:")

    # -- what we do with it -------------------------------------------------------------------------------------------
    def read(self, now: datetime = NOW, *, scheme: str = "https") -> signatures.Claim:
        request = signatures.Incoming(self.method, self.target.encode("latin-1"), self.headers, self.body)
        return signatures.read(request, ours=OURS, scheme=scheme, now=now)

    def check(self, now: datetime = NOW, key: PublicKey | None = None) -> signatures.Claim:
        """Read and verify; raises BadSignature."""
        claim = self.read(now)
        claim.verify(key or public(self.private))
        return claim


def cavage(**parts: Any) -> Wire:
    """A good request, signed in the old way."""
    wire = Wire(**parts)
    return wire.set("Digest", digest(wire.body)).cavage()


def rfc9421(**parts: Any) -> Wire:
    """A good request, signed in the new way with Ed25519."""
    wire = Wire(**{"private": ed25519_key(), **parts})
    return wire.set("Content-Digest", content_digest(wire.body)).rfc9421()


def sign(private: Private, text: str) -> bytes:
    """The signature of a text with one character per byte."""
    message = text.encode("latin-1")
    if isinstance(private, Ed25519PrivateKey):
        return private.sign(message)
    return private.sign(message, PKCS1v15(), SHA256())
