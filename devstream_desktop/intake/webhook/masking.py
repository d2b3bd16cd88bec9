"""Bodies without their secrets, to write rules from: the same names and forms, other values.

Whatever stands under a name such as `token` goes, and whatever looks like a key. What tells a
form stays: a commit becomes other digits of the same length, a mail address another one.
"""

from __future__ import annotations

import re

import msgspec

MAX_BODY = 16 * 1024
"""Bytes of a masked body; a larger one is not kept."""
_MAX_ITEMS, _MAX_TEXT = 3, 300
MASK = "***"
_NAMES = re.compile(
    r"pass(?:word|wd|phrase)?$|secret|token|api[_-]?key|access[_-]?key|private|credential"
    r"|auth(?:orization)?$|signature|cookie|session|jwt|otp$|^pin$|hmac|cert(?:ificate)?$",
    re.IGNORECASE,
)
_KEYS = re.compile(
    r"(?:gh[pousr]_|github_pat_|glpat-|xox[a-z]-|sk[_-]|pk[_-]|AKIA|ASIA|AIza|eyJ|SG\.|whsec_)"
    r"[\w.+/=-]{6,}"
)
_PARAMETER = re.compile(r"([?&;][^=&;\s]{1,40}=)[^&;\s#]+")
_USER = re.compile(r"(?<=://)[^/@\s]+@")
_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_HEX = re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{32,128}(?![0-9A-Za-z])")
_LONG = re.compile(r"(?<![\w+/=-])[\w+/=-]{20,}")
_DIGITS = "0123456789abcdef" * 8


def masked(body: bytes) -> bytes:
    """Return JSON like a body's, without secrets; empty where it is none, or too large.

    Long lists and texts are cut. The caller has checked how deeply the body nests.
    """
    try:
        document = [msgspec.json.decode(body)]
    except (ValueError, RecursionError):
        return b""
    waiting: list[object] = [document]
    while waiting:
        holder = waiting.pop()
        if isinstance(holder, list):
            del holder[_MAX_ITEMS:]
            for place, value in enumerate(holder):
                holder[place] = _kept("", value, waiting)
        elif isinstance(holder, dict):
            for name, value in holder.items():
                holder[name] = _kept(name, value, waiting)
    made = msgspec.json.encode(document[0])
    return made if len(made) <= MAX_BODY else b""


def masked_text(text: str) -> str:
    """Return a text without what looks like a secret."""
    cut = text[:_MAX_TEXT]
    cut = _USER.sub("", cut)
    cut = _PARAMETER.sub(rf"\g<1>{MASK}", cut)
    cut = _MAIL.sub("someone@example.org", cut)
    cut = _KEYS.sub(MASK, cut)
    cut = _HEX.sub(lambda match: _DIGITS[: len(match[0])], cut)
    return _LONG.sub(lambda match: MASK if _is_key(match[0]) else match[0], cut)


def is_secret(name: str) -> bool:
    """Tell whether a value under this name is nobody's business."""
    return _NAMES.search(name) is not None


def _kept(name: str, value: object, waiting: list[object]) -> object:
    if isinstance(value, dict | list):
        if is_secret(name):
            return MASK
        waiting.append(value)
        return value
    if isinstance(value, str):
        return MASK if value and is_secret(name) else masked_text(value)
    # A number under such a name may be a code. A bool is a number too, and gives nothing away.
    return (
        MASK
        if isinstance(value, int | float)
        and value is not True
        and value is not False
        and is_secret(name)
        else value
    )


def _is_key(text: str) -> bool:
    """Tell a key from a word: it mixes digits with letters of both cases."""
    plain = _DIGITS.startswith(text) or re.fullmatch(r"[0-9a-f-]{36}", text) is not None
    sorts = (str.islower, str.isupper, str.isdigit)
    return not plain and all(any(sort(one) for one in text) for sort in sorts)
