"""Names of people, teams and machines: which are allowed, and which look alike."""

from __future__ import annotations

import platform
import re
import unicodedata
from functools import lru_cache

from devstream_desktop.stream.text import clean
from devstream_desktop.team.errors import PolicyError

_NAME = re.compile(r"[^\W_][\w.@' -]*")
_NAME_LIMITS = {"person": 40, "team": 60}
MACHINE_LENGTH = 40
"""Characters of a machine's name at most."""
_LOOKS_LIKE = str.maketrans(
    "авгеіјкмнорстухьѕһԁԛԝӏ" + "αβεηικμνορτυχγ" + "01i",
    "abreljkmhopctyxbshdqwl" + "abehlkmnoptyxy" + "oll",
)
"""Cyrillic and Greek letters and digits that pass for Latin letters.

Small or capital, by Unicode's table of confusables
(https://www.unicode.org/Public/security/latest/confusables.txt).
"""


# Each version of a policy has nearly the names of the one before.
@lru_cache(maxsize=4096)
def check_name(name: str, what: str) -> None:
    """Refuse a `person` or `team` name that would be shown otherwise.

    Raises:
        PolicyError: the name, and what is allowed.

    """
    limit = _NAME_LIMITS[what]
    # What is cleaned away when it is shown could hide a second person behind one name.
    if not _NAME.fullmatch(name) or clean(name, limit) != name:
        allowed = f"up to {limit} letters, digits, spaces and . @ ' _ - after a letter or digit"
        raise PolicyError(f"{clean(name, limit)!r} is not a name for a {what}: {allowed}")


@lru_cache(maxsize=4096)
def check_machine(name: str) -> None:
    """Refuse a machine's name that would be shown otherwise.

    Raises:
        PolicyError: it is one.

    """
    # They are shown as they are, so nothing may hide in one.
    if clean(name, MACHINE_LENGTH) != name:
        raise PolicyError("the policy has a name of a machine that would be shown otherwise")


def machine_name() -> str:
    """Return the name of this machine as its device is listed by; perhaps empty."""
    return clean(platform.node().partition(".")[0], MACHINE_LENGTH)


def fold(name: str) -> str:
    """Return the common form of all names that look alike."""
    # Compatibility forms first, then case, then letters that look alike.
    plain = unicodedata.normalize("NFKC", clean(name).casefold())
    return " ".join(plain.translate(_LOOKS_LIKE).split())
