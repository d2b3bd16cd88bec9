"""Output without what looks like a secret, before it leaves the executor.

The values of a target's own secrets never reach its log (`backends/supervisor.py`); here goes what
only its form gives away: credentials in addresses and headers, and tokens of well-known services.
"""

from __future__ import annotations

import re

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


def masked(text: str) -> str:
    """Return `text` with `***` in place of whatever looks like a secret."""
    text = _KEY_BLOCK.sub(rf"\1\n{MASK}\n", text)
    text = _USER.sub(f"{MASK}@", text)
    text = _HEADER.sub(rf"\1{MASK}", text)
    text = _BEARER.sub(rf"\1{MASK}", text)
    text = _TOKENS.sub(MASK, text)
    return _NAMED.sub(rf"\1{MASK}", text)
