"""Whether a request proves that it comes from who holds the source's secret, by any way its collector declares; and the other side of it.

Every comparison takes the same time whatever is wrong; a missing or empty proof never passes.
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
    """Whether a request is authentic.

    Args:
        webhook: what the sender can do.
        secrets: what it may hold: one, or two during a rotation.
        body: the bytes that came.
        headers: names in lower case.
        path: what followed the source's name in the path; empty for nothing.
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
    for text in right:
        matched |= bool(text) and hmac.compare_digest(
            text.encode("utf-8", "surrogatepass"), given.encode("utf-8", "surrogatepass")
        )
    return matched


def header_value(way: Token | Basic, secret: bytes) -> str:
    """What the header of a way holds, for a secret."""
    if isinstance(way, Basic):
        return f"Basic {base64.b64encode(secret).decode()}"
    return way.prefix + secret.decode("latin-1")


def proof_headers(
    webhook: Webhook, secret: bytes, body: bytes, now: int, identity: str
) -> dict[str, str]:
    """The headers with which a sender that holds `secret` would post `body`, by its first way; none where the path is the proof."""
    way = next((way for way in webhook.auth if not isinstance(way, SecretPath)), None)
    match way:
        case None:
            return {}
        case SignatureScheme():
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
    """The header that carries a poller's token; none without a token."""
    if not token:
        return {}
    basic = [way for way in poll.auth if isinstance(way, Basic)]
    plain = [way for way in poll.auth if isinstance(way, Token)]
    way = (basic + plain if b":" in token else plain + basic)[0]
    return {way.header: header_value(way, token)}


def proof_header_names(webhook: Webhook) -> set[str]:
    """The headers that proofs are read from."""
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
