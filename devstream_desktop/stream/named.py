"""Names in a sentence, which give way where there is no room: not what happened."""

from __future__ import annotations

from devstream_desktop.stream.text import clean, shorten

_MARK = "\0"
_SHORTEST = 8
"""Characters that a name keeps."""


def named(text: str) -> str:
    """Mark a name for a sentence."""
    return f"{_MARK}{clean(text)}{_MARK}"


def unmarked(sentence: str) -> str:
    """Return a sentence with its names as they are."""
    return sentence.replace(_MARK, "")


def fitted(sentence: str, room: int) -> str:
    """Shorten a sentence's names, the longest first, until it fits; clean it."""
    parts = sentence.split(_MARK)
    while (over := sum(map(len, parts)) - room) > 0:
        longest = max(range(1, len(parts), 2), key=lambda place: len(parts[place]), default=0)
        length = len(parts[longest])
        if not longest or length <= _SHORTEST:
            break
        parts[longest] = shorten(parts[longest], max(_SHORTEST, length - over))
    return clean("".join(parts), max(room, 0))
