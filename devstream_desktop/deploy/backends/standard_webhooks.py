"""Signatures of Standard Webhooks: made for what is sent, and checked on what comes back.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping

from devstream_desktop.deploy.backends.contract import BackendError
from devstream_desktop.webhook_signature import ID, SIGNATURE, TIMESTAMP, digest_of, headers_of

TOLERANCE_S = 300
"""The largest difference between the time of a signature and our clock."""
_MOST = 8
"""Signatures that are tried: a sender may change its key."""


def signed(secret: str, identity: str, body: bytes, now: int) -> dict[str, str]:
    """Return the headers of a message; without a secret it is not signed.

    Args:
        secret: Base64 after `whsec_`, else the key's own bytes.
        identity: The message's, the same in each repetition.
        body: As it is sent.
        now: UTC seconds.

    Raises:
        BackendError: the secret is no key.

    """
    return headers_of(key_of(secret), identity, body, now)


def proves(secret: str, headers: Mapping[str, str], body: bytes, now: int) -> bool:
    """Tell whether a message is signed with the secret, and is young.

    Names of `headers` are lower case. `now` is UTC seconds.

    Raises:
        BackendError: the secret is no key.

    """
    identity, stamp = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    # Anybody can sign with an empty key.
    if not secret or not identity or not (stamp.isascii() and stamp.isdigit() and len(stamp) < 12):
        return False
    if abs(now - int(stamp)) > TOLERANCE_S:
        return False
    right = digest_of(key_of(secret), identity, stamp, body)
    matched = False
    for each in headers.get(SIGNATURE, "").split()[:_MOST]:
        version, _, text = each.partition(",")
        try:
            given = base64.b64decode(text.encode(), validate=True)
        # Of another version; one of the others may be ours.
        except ValueError:
            continue
        matched |= version == "v1" and hmac.compare_digest(given, right)
    return matched


def key_of(secret: str) -> bytes:
    """Return the key of a secret.

    Raises:
        BackendError: it is none.

    """
    if not secret.startswith("whsec_"):
        return secret.encode("utf-8", "surrogateescape")
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if not key:
        raise BackendError("the webhook's secret is no key: base64 follows whsec_")
    return key
