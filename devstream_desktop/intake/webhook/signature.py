"""Signatures by HMAC: one verifier for every `SignatureScheme`.

The digest is over the raw bytes and compared as bytes, in constant time. A missing or empty header
never passes.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence

import msgspec

from devstream_collectors.contract import SignatureScheme


def sign(
    scheme: SignatureScheme,
    secret: bytes,
    body: bytes,
    headers: Mapping[str, str],
    timestamp: str = "",
) -> str:
    """Make the value of the signature header for `body`.

    `timestamp` is for schemes that put it into that header.
    """
    digest = _digest(scheme, _key(scheme, secret), body, headers, timestamp)
    text = digest.hex() if scheme.encoding == "hex" else base64.b64encode(digest).decode()
    match scheme.form:
        case "bare":
            return text
        case "words":
            return f"{scheme.label},{text}"
        case _:
            return (
                f"{scheme.timestamp_label}={timestamp},{scheme.label}={text}"
                if scheme.timestamp_label
                else f"{scheme.label}={text}"
            )


def verify(
    scheme: SignatureScheme,
    secrets: Sequence[bytes],
    body: bytes,
    headers: Mapping[str, str],
    now: int,
) -> bool:
    """Tell whether one of `secrets` made the signature.

    Header names are lower case, `now` is UTC milliseconds.
    """
    value = headers.get(scheme.header, "")
    given = _given(scheme, value)
    if not given:
        return False
    timestamp = ""
    if scheme.timestamp_label:
        timestamp = next(iter(_labelled(value, scheme.timestamp_label)), "")
    elif scheme.timestamp_header:
        timestamp = headers.get(scheme.timestamp_header, "")
    if (scheme.timestamp_label or scheme.timestamp_header) and not _is_recent(
        timestamp, scheme.tolerance, now
    ):
        return False
    matched = False
    for secret in secrets:
        key = _key(scheme, secret)
        # Anybody can sign with an empty key.
        if not key:
            continue
        right = _digest(scheme, key, body, headers, timestamp)
        for digest in given:
            matched |= hmac.compare_digest(right, digest)
    # The field is inside the body, so it counts only once the body is known to be authentic.
    return matched and (
        not scheme.timestamp_field
        or _is_recent(_field(body, scheme.timestamp_field), scheme.tolerance, now)
    )


def _is_recent(stamp: str, tolerance: int, now: int) -> bool:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 13):
        return False
    # Some senders count seconds, some milliseconds.
    seconds = int(stamp) if len(stamp) < 12 else int(stamp) // 1000
    return abs(now // 1000 - seconds) <= tolerance


def _field(body: bytes, name: str) -> str:
    try:
        document = msgspec.json.decode(body, type=dict[str, object])
    except (ValueError, RecursionError):
        return ""
    value = document.get(name)
    return str(value) if isinstance(value, int) else ""


def _key(scheme: SignatureScheme, secret: bytes) -> bytes:
    if scheme.key == "text":
        return secret
    # Standard Webhooks writes its keys as `whsec_` and base64.
    try:
        return base64.b64decode(secret.removeprefix(b"whsec_"), validate=True)
    except binascii.Error:
        return b""


def _digest(
    scheme: SignatureScheme, key: bytes, body: bytes, headers: Mapping[str, str], timestamp: str
) -> bytes:
    mac = hmac.new(key, digestmod=scheme.algorithm)
    before, _, after = scheme.signed.partition("{body}")
    values = {
        "timestamp": timestamp or headers.get(scheme.timestamp_header, ""),
        "id": headers.get(scheme.id_header, ""),
    }
    for part in (before.format(**values).encode(), body, after.format(**values).encode()):
        mac.update(part)
    return mac.digest()


def _given(scheme: SignatureScheme, value: str) -> list[bytes]:
    """Read the digests that a sender offers, at most 8."""
    match scheme.form:
        case "bare":
            texts = [value]
        case "prefix":
            label, _, text = value.partition("=")
            texts = [text] if label.strip() == scheme.label else []
        case "pairs":
            texts = _labelled(value, scheme.label)
        case "words":
            texts = [
                text
                for label, _, text in (part.partition(",") for part in value.split()[:8])
                if label == scheme.label
            ]
    digests: list[bytes] = []
    for text in texts:
        try:
            digests.append(
                bytes.fromhex(text)
                if scheme.encoding == "hex"
                else base64.b64decode(text.encode(), validate=True)
            )
        except (ValueError, binascii.Error):
            # Another version of the scheme; one of the others may be ours.
            continue
    return [digest for digest in digests if digest]


def _labelled(value: str, label: str) -> list[str]:
    parts = (part.strip().partition("=") for part in value.split(",")[:8])
    return [text for name, _, text in parts if name == label]
