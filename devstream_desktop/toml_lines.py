"""Where in a TOML file a mistake stands: tomllib keeps no positions, and a person who is told the line finds it at once."""

from __future__ import annotations

import re

_WORD = re.compile(r"\"[^\"]*\"|'[^']*'|[^\s.\[\]\"'#]+")


def line_of(text: str, keys: tuple[str, ...], holding: str = "") -> int:
    """The line, from 1, that most likely holds `keys`: headers and `key =` are looked for in order.

    Args:
        text: the file.
        keys: tables from the outside in, then the key; at least one.
        holding: a text in its value: of a list over several lines it is the line that has this in it.

    """
    lines = text.splitlines()
    at = depth = 0
    for number, line in enumerate(lines):
        words = [word.strip("\"'") for word in _WORD.findall(line)] if line.lstrip().startswith("[") else []
        shared = next((i for i, (word, key) in enumerate(zip(words, keys, strict=False)) if word != key), min(len(words), len(keys)))
        if shared > depth:
            at, depth = number, shared
    key = re.compile(rf"\s*[\"']?{re.escape(keys[-1])}[\"']?\s*[.=]")
    end = next((number for number in range(at + 1, len(lines)) if lines[number].lstrip().startswith("[")), len(lines))
    found = next((number for number in range(at, end) if key.match(lines[number])), at)
    return next((number for number in range(found, end) if holding in lines[number]), found) + 1
