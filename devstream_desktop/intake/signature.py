"""Checks that a delivery comes from who holds the secret: one verifier for every HMAC scheme, told by `SignatureScheme`.

The digest is over the raw bytes, compared in constant time as bytes; a missing or empty header never passes.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence

from devstream_collectors.contract import SignatureScheme


def sign(scheme: SignatureScheme, secret: bytes, body: bytes, headers: Mapping[str, str]) -> str:
    """The value of the signature header for `body`; for tests of a source."""
    digest = _digest(scheme, secret, body, headers)
    text = digest.hex() if scheme.encoding == "hex" else base64.b64encode(digest).decode()
    match scheme.form:
        case "bare":
            return text
        case "words":
            return f"{scheme.label},{text}"
        case _:
            return f"{scheme.label}={text}"


def verify(scheme: SignatureScheme, secrets: Sequence[bytes], body: bytes, headers: Mapping[str, str], now: int) -> bool:
    """Whether one of `secrets` made the signature. Header names are lower case, `now` is UTC milliseconds."""
    given = _given(scheme, headers.get(scheme.header, ""))
    if not given:
        return False
    if scheme.timestamp_header:
        stamp = headers.get(scheme.timestamp_header, "")
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 13):
            return False
        seconds = int(stamp) if len(stamp) < 12 else int(stamp) // 1000
        if abs(now // 1000 - seconds) > scheme.tolerance:
            return False
    matched = False
    for secret in secrets:
        if not secret:
            continue
        right = _digest(scheme, secret, body, headers)
        for digest in given:
            matched |= hmac.compare_digest(right, digest)
    return matched


def _digest(scheme: SignatureScheme, secret: bytes, body: bytes, headers: Mapping[str, str]) -> bytes:
    mac = hmac.new(secret, digestmod=scheme.algorithm)
    before, _, after = scheme.signed.partition("{body}")
    values = {"timestamp": headers.get(scheme.timestamp_header, ""), "id": headers.get(scheme.id_header, "")}
    for part in (before.format(**values).encode(), body, after.format(**values).encode()):
        mac.update(part)
    return mac.digest()


def _given(scheme: SignatureScheme, value: str) -> list[bytes]:
    """The digests a sender offers, at most 8."""
    if scheme.form == "bare":
        texts = [value]
    else:
        parts, mark = (value.split(), ",") if scheme.form == "words" else (value.split(","), "=")
        if scheme.form == "prefix":
            parts = [value]
        texts = [text for label, _, text in (part.strip().partition(mark) for part in parts[:8]) if label == scheme.label]
    digests: list[bytes] = []
    for text in texts:
        try:
            digests.append(bytes.fromhex(text) if scheme.encoding == "hex" else base64.b64decode(text.encode(), validate=True))
        except (ValueError, binascii.Error):
            continue
    return [digest for digest in digests if digest]
