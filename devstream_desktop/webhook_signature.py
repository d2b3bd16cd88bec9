"""Headers of a message that is signed as Standard Webhooks say.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hashlib
import hmac

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"


def headers_of(key: bytes, identity: str, body: bytes, seconds: int) -> dict[str, str]:
    """Return the headers of a message; without a key it is not signed.

    Args:
        key: shared with the receiver.
        identity: the message's, the same in each repetition.
        body: as it is sent.
        seconds: the time, UTC.

    """
    headers = {ID: identity, TIMESTAMP: str(seconds)}
    if key:
        digest = digest_of(key, identity, str(seconds), body)
        headers[SIGNATURE] = "v1," + base64.b64encode(digest).decode()
    return headers


def digest_of(key: bytes, identity: str, stamp: str, body: bytes) -> bytes:
    """Return what a signature is made of; `stamp` as in its header."""
    text = f"{identity}.{stamp}.".encode("utf-8", "surrogateescape") + body
    return hmac.new(key, text, hashlib.sha256).digest()
