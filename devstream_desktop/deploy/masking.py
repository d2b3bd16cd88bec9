"""Output without what looks like a secret, before it leaves the executor.

Of a program the values of the target's own secrets never reach the log (`backends/supervisor.py`);
what a service says may hold them. Here goes as well what only its form gives away: credentials in
addresses and headers, and tokens of well-known services.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from devstream_desktop.stream.text import clean

MASK = "***"
_USER = re.compile(r"(?<=://)[^/@\s'\"]{1,1000}@")
"""Also a user without a password: it may be a token."""
_HEADER = re.compile(
    r"(?i)(authorization\s*[:=]\s*\"?(?:bearer|basic|token|digest)\s+|private-token\s*[:=]\s*\"?)"
    r"[\w.~+/=:-]{6,}"
)
_BEARER = re.compile(r"(?i)\b(bearer\s+)[\w.~+/=-]{16,}")
_TOKENS = re.compile(
    r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|gl(?:pat|dt|rt|cbt|ptt|ft|soat)-[\w-]{16,}"
    r"|xox[a-z]-[\w-]{10,}|xapp-[\w-]{10,}|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[\w-]{30,}"
    r"|(?:sk|rk|pk)_(?:live|test)_\w{10,}|sk-[\w-]{20,}|SG\.[\w-]{16,}\.[\w-]{16,}|npm_\w{30,}"
    r"|pypi-[\w-]{40,}|hv[sb]\.[\w-]{20,}|dop_v1_\w{30,}|whsec_[\w+/=]{16,}"
    r"|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*)"
)
_NAMED = re.compile(
    r"(?i)\b([\w-]{0,40}(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key)"
    r"[\w-]{0,20}['\"]?\s{0,3}[=:]\s{0,3}['\"]?)(?!\*\*\*)[^\s'\",;&]{4,}"
)
_KEY_BLOCK = re.compile(r"(-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----)(?:(?!-----END)[\s\S]){0,20000}")

_RULES = (
    (_KEY_BLOCK, f"\n{MASK}\n"),
    (_USER, f"{MASK}@"),
    (_HEADER, MASK),
    (_BEARER, MASK),
    (_TOKENS, MASK),
    (_NAMED, MASK),
)
"""In this order; the first group of each is kept."""


def without(content: bytes, secrets: Iterable[str]) -> bytes:
    """Return `content` with `***` in place of the values of secrets."""
    # The longest first: one may be the beginning of another.
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        content = content.replace(secret.encode("utf-8", "surrogateescape"), MASK.encode())
    return content


def masked(text: str) -> str:
    """Return `text` with `***` in place of whatever looks like a secret."""
    return masked_from(text, 0)


def masked_from(text: str, at: int) -> str:
    """Return the masked text from a place of the unmasked one on.

    Inside a secret that is its mask: half a secret is not known for one.
    """
    for pattern, mask in _RULES:
        text, at = _replaced(text, at, pattern, mask)
    return text[at:]


def _replaced(text: str, at: int, pattern: re.Pattern[str], mask: str) -> tuple[str, int]:
    """Mask each match but its first group; returns text and place."""
    parts: list[str] = []
    end = size = 0
    place = at
    for match in pattern.finditer(text):
        head = match[1] if pattern.groups else ""
        secret = match.start() + len(head)
        parts += text[end:secret], mask
        size += secret - end
        if secret <= at < match.end():
            place = size
        size += len(mask)
        end = match.end()
        if end <= at:
            place = at - end + size
    parts.append(text[end:])
    return "".join(parts), place


def told(text: str, most: int = 200) -> str:
    """Return a back end's text as others may read it: one line without what looks like a secret."""
    return clean(masked(text), most)
