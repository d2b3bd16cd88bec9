"""A device's six words.

What two people read to each other to be sure that the device on both screens is the same.

Each word stands for ten bits of a hash of the key, so six for sixty: to make a second key with the
same words takes some 10^18 tries. The words (words.txt) are short, common, and sound different;
their order and number are part of the format.
"""

from __future__ import annotations

import hashlib
from functools import cache, lru_cache
from importlib.resources import files

from devstream_desktop.stream.entry import public_key

WORDS = 6
_BITS = 10
_PREAMBLE = b"devstream/words/1\0"


@lru_cache(maxsize=1024)
def six_words(device: str) -> str:
    """Return the words of a device id, with spaces between.

    Raises:
        ValueError: it is not a device id.

    """
    number = int.from_bytes(hashlib.sha256(_PREAMBLE + public_key(device)).digest()[:8], "big") >> (
        64 - WORDS * _BITS
    )
    words = _words()
    return " ".join(
        words[number >> (_BITS * place) & ((1 << _BITS) - 1)] for place in reversed(range(WORDS))
    )


@cache
def _words() -> tuple[str, ...]:
    return tuple((files(__package__) / "words.txt").read_text("ascii").split())
