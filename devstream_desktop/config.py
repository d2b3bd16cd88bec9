"""TOML files that a person writes, read into types.

A type says itself what is right: its fields carry `msgspec.Meta` with a pattern, a range and, as
`description`, the words that follow "must be". Every mistake names file, line, key and what is
right. tomllib keeps no positions, so the line is looked for by the keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import UnionType
from typing import TypeVar, get_args, get_type_hints

import msgspec

from devstream_desktop import machine
from devstream_desktop.errors import DevstreamError
from devstream_desktop.language import N_, _
from devstream_desktop.stream.text import clean

_T = TypeVar("_T")
_WORD = re.compile(r"\"[^\"]*\"|'[^']*'|[^\s.\[\]\"'#]+")
_LINE = re.compile(r"at line (\d+)")
_FOUND = re.compile(r"(.*?)(?: - at (?:`key` in )?`\$\.?([^`]*)`)?", re.DOTALL)
"""A complaint of msgspec: what is wrong, and the path to it."""
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`")
_PLAIN: Mapping[object, str] = {
    str: N_("a text in quotes"),
    bool: N_("true or false"),
    int: N_("a whole number"),
    tuple[str, ...]: N_("a list of texts"),
}


class FieldError(ValueError):
    """A mistake in a table; the message names the key and what is right.

    Args:
        message: For a person.
        keys: Lead to it from the table inwards; none where the table itself is wrong.
        holding: A text in the value, where that is a list over several lines.

    """

    def __init__(self, message: str, *keys: str, holding: str = "") -> None:
        super().__init__(message)
        self.keys = keys
        self.holding = holding


class TomlFile:
    """The content of one file.

    Args:
        text: The content.
        name: Of the file, as messages have it.
        error: Raised for every mistake.

    Raises:
        DevstreamError: as `error`, where the text is not TOML.

    """

    def __init__(self, text: str, name: str, error: type[DevstreamError]) -> None:
        self._text = text
        self._name = name
        self._error = error
        # Late: most homes lack most files.
        import tomllib

        try:
            self.document: dict[str, object] = tomllib.loads(text)
        except (ValueError, RecursionError) as wrong:
            found = _LINE.search(str(wrong))
            number = int(found[1]) if found else text.count("\n") + 1
            why = _("this is not TOML: {reason}").format(reason=clean(str(wrong), 200))
            raise error(_at(name, number, why)) from None

    @contextmanager
    def table(self, *keys: str, name: str = "", number: int = 1) -> Iterator[None]:
        """Give the mistakes of the table at `keys` their file and line.

        `name` is the table's in messages; `number`, from 1, says which one of a list it is.

        Raises:
            DevstreamError: as `error`.
        """
        try:
            yield
        except FieldError as wrong:
            at = (*keys, *wrong.keys)
            line = line_of(self._text, at, wrong.holding, number) if at else 1
            what = f"{name}: {wrong}" if name else str(wrong)
            raise self._error(_at(self._name, line, what)) from None


def read_text(path: Path, error: type[DevstreamError]) -> str | None:
    """Read a file that a person may write; None where there is none.

    Raises:
        DevstreamError: as `error`, where it cannot be read.

    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as wrong:
        why = machine.reason(wrong) if isinstance(wrong, OSError) else wrong.reason
        said = _(
            "{path} cannot be read: {reason}; it must be a UTF-8 file that the node's user can read"
        )
        raise error(said.format(path=path, reason=why)) from wrong


def typed(table: object, kind: type[_T], **given: str) -> _T:
    """Convert a table into `kind`, a msgspec struct; `given` are fields that no table may have.

    Raises:
        FieldError: it has a mistake.

    """
    for key in given:
        if isinstance(table, Mapping) and key in table:
            raise _unknown(key, kind, given)
    try:
        whole = {**table, **given} if isinstance(table, Mapping) else table
        return msgspec.convert(whole, kind, dec_hook=_path)
    except msgspec.ValidationError as wrong:
        raise _explained(str(wrong), table, kind, given) from None


def as_table(value: object, form: str, *keys: str) -> Mapping[str, object]:
    """Pass a table of tables; `form` is how one is written.

    Raises:
        FieldError: it is something else.

    """
    if isinstance(value, dict):
        return value
    said = _("{key} must be a table; write {form}")
    raise FieldError(said.format(key=clean(".".join(keys), 80), form=form), *keys)


def _at(name: str, line: int, what: str) -> str:
    return _("{file}, line {line}: {mistake}").format(file=name, line=line, mistake=what)


def _unknown(key: str, kind: type, given: Mapping[str, str]) -> FieldError:
    allowed = ", ".join(name for name in get_type_hints(kind) if name not in given)
    said = _("{key} is unknown; allowed: {names}")
    return FieldError(said.format(key=repr(clean(key, 40)), names=allowed), key)


def _path(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str) and "\0" not in value:
        return Path(value)
    raise ValueError("not a path")


def _explained(wrong: str, table: object, kind: type, given: Mapping[str, str]) -> FieldError:
    """Say for a person what msgspec found, by its path."""
    found = _FOUND.fullmatch(wrong)
    what, path = (found[1], found[2] or "") if found else (wrong, "")
    plain = re.sub(r"\[[^\[\]]*\]", "", path)
    keys = tuple(plain.split(".")) if plain else ()
    owner, rest = _owner(kind, keys)
    if extra := _UNKNOWN.fullmatch(what):
        return FieldError(str(_unknown(extra[1], owner, given)), *keys, extra[1])
    if missing := _MISSING.fullmatch(what):
        said = _("{key} is missing; it must be {rule}")
        rule = _rule(owner, missing[1])
        return FieldError(said.format(key=missing[1], rule=rule), *keys)
    if not rest:
        name = ".".join(keys) or _("this")
        return FieldError(_("{key} must be a table").format(key=name), *keys)
    name = ".".join(keys)
    if "[...]" in path:
        # msgspec does not name the key of a free table, and there may be fifty.
        name += _wrong_item(table, keys, kind, given)
    said = _("{key} must be {rule}")
    return FieldError(said.format(key=name, rule=_rule(owner, rest[0])), *keys)


def _owner(kind: type, keys: tuple[str, ...]) -> tuple[type, tuple[str, ...]]:
    """Follow keys through tables that are structs; returns the last one and the other keys."""
    for place, key in enumerate(keys):
        hint = get_type_hints(kind).get(key)
        # A table that may be left out.
        if isinstance(hint, UnionType):
            hint = next((one for one in get_args(hint) if isinstance(one, type)), hint)
        if not (isinstance(hint, type) and issubclass(hint, msgspec.Struct)):
            return kind, keys[place:]
        kind = hint
    return kind, ()


def _rule(kind: type, field: str) -> str:
    """Give the words for a right value: the field's own, or those of its plain type."""
    hint = get_type_hints(kind, include_extras=True)[field]
    for note in getattr(hint, "__metadata__", ()):
        if isinstance(note, msgspec.Meta) and note.description:
            return _(note.description)
    plain = _PLAIN.get(get_type_hints(kind)[field])
    return _(plain) if plain else _("of another form")


def _wrong_item(table: object, keys: tuple[str, ...], kind: type, given: Mapping[str, str]) -> str:
    """Name the item at `keys` that makes `table` wrong: `.NAME`, or empty."""
    items = table.get(keys[0]) if isinstance(table, Mapping) and len(keys) == 1 else None
    if not isinstance(table, Mapping) or not isinstance(items, Mapping):
        return ""
    for name, item in items.items():
        try:
            msgspec.convert({**table, **given, keys[0]: {name: item}}, kind, dec_hook=_path)
        except msgspec.ValidationError as wrong:
            if f"`$.{keys[0]}[" in str(wrong):
                return f".{clean(str(name), 40)}"
    return ""


def line_of(text: str, keys: tuple[str, ...], holding: str = "", nth: int = 1) -> int:
    """Find the line, from 1, that most likely holds `keys`: headers and `key =`, in order.

    Args:
        text: The file.
        keys: Tables from the outside in, then the key; at least one.
        holding: A text in its value. Of a list over several lines, the line that has it is meant.
        nth: Table of a list `[[key]]` that is meant, from 1.

    """
    lines = text.splitlines()
    opening = re.compile(rf"\s*\[\[\s*[\"']?{re.escape(keys[0])}[\"']?\s*\]\]")
    listed = [number for number, line in enumerate(lines) if opening.match(line)]
    begin = listed[nth - 1] if 1 < nth <= len(listed) else 0
    at, depth = begin, 0
    for number, line in enumerate(lines[begin:], begin):
        header = line.lstrip().startswith("[")
        words = [word.strip("\"'") for word in _WORD.findall(line)] if header else []
        shared = 0
        while shared < min(len(words), len(keys)) and words[shared] == keys[shared]:
            shared += 1
        if shared > depth:
            at, depth = number, shared
    key = re.compile(rf"\s*[\"']?{re.escape(keys[-1])}[\"']?\s*[.=]")
    # The table ends where the next one begins.
    after = range(at + 1, len(lines))
    end = next((number for number in after if lines[number].lstrip().startswith("[")), len(lines))
    found = next((number for number in range(at, end) if key.match(lines[number])), at)
    return next((number for number in range(found, end) if holding in lines[number]), found) + 1
