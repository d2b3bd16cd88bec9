"""Names in the stream that are probably one person's."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_PARTS = re.compile(r"[^\W_]+")
_LEAST = 3
"""Letters of a part that says anything."""
_FREQUENT = frozenset(
    {
        "admin",
        "bot",
        "build",
        "com",
        "dev",
        "git",
        "github",
        "gitlab",
        "mail",
        "net",
        "noreply",
        "org",
        "root",
        "users",
    }
)


def proposals(known: Iterable[str], actors: Iterable[str]) -> list[str]:
    """Return the actors that look like a known name, in order.

    `Ana Pérez` and `aperez` look like `ana.perez@example.org`; a known name itself is left out.
    """
    known = [name for name in known if name]
    folded = {_folded(name) for name in known}
    mine = [_parts(name) for name in known]
    return [
        actor
        for actor in actors
        if _folded(actor) not in folded and any(_alike(_parts(actor), parts) for parts in mine)
    ]


def _alike(one: list[str], other: list[str]) -> bool:
    if not one or not other:
        return False
    shared = set(one) & set(other)
    # One name of two may be a colleague's too, but a person looks at the list.
    # In Chinese and Japanese two letters are a whole one.
    if any(len(part) >= _LEAST or not part.isascii() for part in shared):
        return True
    return _initials(one) in other or _initials(other) in one


def _initials(parts: list[str]) -> str:
    """Return first letter and last name, as logins have them."""
    return parts[0][0] + parts[-1] if len(parts) > 1 else "".join(parts)


def _parts(name: str) -> list[str]:
    # Of a mail address only what stands before the host tells who it is.
    found = _PARTS.findall(_folded(name.partition("@")[0]))
    return [part for part in found if part not in _FREQUENT and not part.isdigit()]


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
