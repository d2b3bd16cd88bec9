"""Edits of a TOML file; all else stays as a person wrote it.

Text in, text out. A value is changed by tomlkit, which keeps comments and order. What is new, and
a list of tables, is placed by lines: a comment above `[[name]]` belongs to that table and moves
with it, and tomlkit counts it to the table before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import tomlkit

Fields = Mapping[str, object]
_HEADER = re.compile(r"\s*(\[\[?)(.*?)\]")
_WORD = re.compile(r"\"[^\"]*\"|'[^']*'|[^\s.\"']+")


@dataclass(frozen=True)
class _Piece:
    """Consecutive lines: a header with its comment, and its values."""

    text: str
    keys: tuple[str, ...] = ()
    """Of the header; none for the lines before the first one."""
    listed: bool = False
    """The header is one of a list, `[[keys]]`."""

    def is_of(self, name: str) -> bool:
        """Tell whether it is a table of the list `name`."""
        return self.listed and self.keys == (name,)


def set_value(text: str, keys: Sequence[str], value: object, about: str = "") -> str:
    """Set the value at `keys`, tables from the outside in.

    `about` is written beside a key that was not there.
    """
    document = tomlkit.parse(text)
    *outer, key = keys
    table = _table(document, outer)
    if table is not None and key in table:
        table[key] = value
        return tomlkit.dumps(document)
    line = tomlkit.dumps({key: value}).rstrip("\n") + (f"  # {about}" if about else "") + "\n"
    pieces = _pieces(text)
    for place, piece in enumerate(pieces):
        if piece.keys == tuple(outer) and not piece.listed:
            pieces[place] = replace(piece, text=_with_line(piece.text, line))
            return _joined(pieces)
    if table is not None:
        # Written in line, `duty = { … }`, or with dots.
        table[key] = value
        return tomlkit.dumps(document)
    return _joined([*pieces, _Piece(f"[{'.'.join(outer)}]\n{line}", tuple(outer))])


def remove_value(text: str, keys: Sequence[str]) -> str:
    """Take the value at `keys` away, if it is there."""
    document = tomlkit.parse(text)
    *outer, key = keys
    table = _table(document, outer)
    if table is None or key not in table:
        return text
    del table[key]
    return tomlkit.dumps(document)


def _table(document: Any, keys: Sequence[str]) -> MutableMapping[str, Any] | None:
    table = document
    for key in keys:
        table = table.get(key)
        if not isinstance(table, MutableMapping):
            return None
    found: MutableMapping[str, Any] = table
    return found


def count_tables(text: str, name: str) -> int:
    """Count the tables `[[name]]`."""
    return sum(piece.is_of(name) for piece in _pieces(text))


def add_table(text: str, name: str, fields: Fields) -> str:
    """Add a table to the end of the list `name`."""
    pieces = _pieces(text)
    last = max(_places(pieces, name), default=len(pieces) - 1)
    table = tomlkit.dumps({name: [dict(fields)]})
    pieces.insert(last + 1, _Piece(table, (name,), listed=True))
    return _joined(pieces)


def change_table(text: str, name: str, at: int, fields: Fields) -> str:
    """Give table `at`, from 0, these fields and no others."""
    pieces = _pieces(text)
    place = _places(pieces, name)[at]
    document: Any = tomlkit.parse(pieces[place].text)
    table = document[name][0]
    for key in [key for key in table if key not in fields]:
        del table[key]
    new = {key: value for key, value in fields.items() if key not in table}
    for key in fields.keys() - new.keys():
        # An equal value stays as it is written, with its own line breaks.
        if table[key] != fields[key]:
            table[key] = fields[key]
    changed = tomlkit.dumps(document)
    if new:
        changed = _with_line(changed, tomlkit.dumps(new))
    pieces[place] = replace(pieces[place], text=changed)
    return _joined(pieces)


def remove_table(text: str, name: str, at: int) -> str:
    """Take table `at`, from 0, away with its comments."""
    pieces = _pieces(text)
    del pieces[_places(pieces, name)[at]]
    return _joined(pieces)


def move_table(text: str, name: str, at: int, to: int) -> str:
    """Move table `at` to where table `to` is; both from 0."""
    pieces = _pieces(text)
    places = _places(pieces, name)
    tables = [pieces[place] for place in places]
    tables.insert(to, tables.pop(at))
    for place, table in zip(places, tables, strict=True):
        pieces[place] = table
    return _joined(pieces)


def clear_tables(text: str, name: str) -> str:
    """Take all tables of the list away."""
    return _joined([piece for piece in _pieces(text) if not piece.is_of(name)])


def _pieces(text: str) -> list[_Piece]:
    """Cut a text before each header and the comment above it."""
    lines = text.splitlines(keepends=True)
    begins, pieces = [0], [_Piece("")]
    for number, line in enumerate(lines):
        header = _HEADER.match(line)
        if header is None or _inside_value(lines[begins[-1] : number]):
            continue
        begin = number
        while begin > begins[-1] and lines[begin - 1].lstrip().startswith("#"):
            begin -= 1
        begins.append(begin)
        keys = tuple(word.strip("\"'") for word in _WORD.findall(header[2]))
        pieces.append(_Piece("", keys, listed=header[1] == "[["))
    ends = [*begins[1:], len(lines)]
    return [
        replace(piece, text="".join(lines[begin:end]))
        for piece, begin, end in zip(pieces, begins, ends, strict=True)
    ]


def _inside_value(lines: Sequence[str]) -> bool:
    """Tell whether lines end inside a value."""
    try:
        tomlkit.parse("".join(lines))
    except tomlkit.exceptions.ParseError:
        return True
    return False


def _with_line(text: str, line: str) -> str:
    """Insert a line after the last value, or else the header."""
    lines = text.splitlines(keepends=True)
    values = [
        number
        for number, one in enumerate(lines)
        if one.strip() and not one.lstrip().startswith("#")
    ]
    at = values[-1] + 1 if values else len(lines)
    if at and not lines[at - 1].endswith("\n"):
        lines[at - 1] += "\n"
    return "".join([*lines[:at], line, *lines[at:]])


def _places(pieces: Sequence[_Piece], name: str) -> list[int]:
    return [place for place, piece in enumerate(pieces) if piece.is_of(name)]


def _joined(pieces: Sequence[_Piece]) -> str:
    """Put pieces together; before each table is an empty line."""
    text = ""
    for piece in pieces:
        if piece.keys and text and not text.endswith("\n\n"):
            text = f"{text.rstrip()}\n\n"
        text += piece.text
    return text
