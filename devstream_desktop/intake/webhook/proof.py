"""Proofs of a sender, by the auth schemes its collector declares.

Both sides are here: verify a delivery, and sign one for `source test`. Every comparison takes the
same time whatever is wrong. A missing or empty proof never passes.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping, Sequence

from devstream_collectors.contract import Basic, Poll, SecretPath, SignatureScheme, Token, Webhook
from devstream_desktop.intake.webhook.decoding import form_payload
from devstream_desktop.intake.webhook.signature import sign, verify


def proves(
    webhook: Webhook,
    secrets: Sequence[bytes],
    body: bytes,
    headers: Mapping[str, str],
    path: str,
    now: int,
) -> bool:
    """Tell whether a request is authentic.

    Args:
        webhook: the schemes of the sender.
        secrets: one, or two during a rotation.
        body: the bytes as they came.
        headers: names in lower case.
        path: the part of the path after the source's name; may be empty.
        now: UTC milliseconds.

    """
    return any(_proves(way, secrets, body, headers, path, now) for way in webhook.auth)


def _proves(
    way: SignatureScheme | Token | Basic | SecretPath,
    secrets: Sequence[bytes],
    body: bytes,
    headers: Mapping[str, str],
    path: str,
    now: int,
) -> bool:
    match way:
        case SignatureScheme():
            return verify(
                way,
                secrets,
                form_payload(headers, body) if way.over == "payload" else body,
                headers,
                now,
            )
        case SecretPath():
            return _is_one_of(path, [secret.decode("ascii", "replace") for secret in secrets])
        case _:
            return _is_one_of(
                headers.get(way.header, ""),
                [header_value(way, secret) for secret in secrets if secret],
            )


def _is_one_of(given: str, right: Sequence[str]) -> bool:
    matched = False
    # All of them, so that the time does not say which one was nearly right.
    for text in right:
        matched |= bool(text) and hmac.compare_digest(
            text.encode("utf-8", "surrogatepass"), given.encode("utf-8", "surrogatepass")
        )
    return matched


def header_value(way: Token | Basic, secret: bytes) -> str:
    """Make the value of an auth header from a secret."""
    if isinstance(way, Basic):
        return f"Basic {base64.b64encode(secret).decode()}"
    return way.prefix + secret.decode("latin-1")


def proof_headers(
    webhook: Webhook, secret: bytes, body: bytes, now: int, identity: str
) -> dict[str, str]:
    """Sign `body` by the sender's first scheme; return the headers.

    There are none where the path is the proof.
    """
    way = next((way for way in webhook.auth if not isinstance(way, SecretPath)), None)
    match way:
        case None:
            return {}
        case SignatureScheme():
            # Signed too, so it must be in the headers before the signature is made.
            stamp = str(now // 1000)
            headers = {
                name: value
                for name, value in ((way.timestamp_header, stamp), (way.id_header, identity))
                if name
            }
            return headers | {
                way.header: sign(way, secret, body, headers, stamp if way.timestamp_label else "")
            }
        case _:
            return {way.header: header_value(way, secret)}


def poll_header(poll: Poll, token: bytes) -> dict[str, str]:
    """Make the header that carries a poller's token; none without a token."""
    if not token:
        return {}
    basic = [way for way in poll.auth if isinstance(way, Basic)]
    plain = [way for way in poll.auth if isinstance(way, Token)]
    # A token with a colon is a user and a password.
    way = (basic + plain if b":" in token else plain + basic)[0]
    return {way.header: header_value(way, token)}


def proof_header_names(webhook: Webhook) -> set[str]:
    """Name the headers that proofs are read from."""
    names: set[str] = set()
    for way in webhook.auth:
        match way:
            case SignatureScheme():
                names |= {way.header, way.timestamp_header, way.id_header}
            case Token() | Basic():
                names.add(way.header)
            case _:
                continue
    return names - {""}
