"""Mend text in JSON, cut in the middle of a character.

A sender that cuts a text by its UTF-16 units leaves half of a pair; one that cuts by bytes leaves
half of a character. Neither costs the delivery: the half becomes U+FFFD.
"""

from __future__ import annotations

import re

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_ESCAPE = re.compile(
    rb"\\(?:(?P<pair>u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


def mended(body: bytes) -> bytes:
    """Return JSON with U+FFFD in place of each half character; other bytes are as they came."""
    # Decoded for the check alone: nearly every body is whole, and stays the bytes that came.
    try:
        body.decode()
    except UnicodeDecodeError:
        body = body.decode("utf-8", "replace").encode()
    # Most bodies have no such escape, and one search is cheaper than a rewrite.
    if _SURROGATE.search(body) is None:
        return body
    return _ESCAPE.sub(_whole, body)


def _whole(escape: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if escape["half"] else escape[0]
