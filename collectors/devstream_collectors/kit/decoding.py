"""Payload fields as services really write them.

A struct lists the fields that we read. Each takes whatever is sent: null, or a value of another
sort, counts as not said, and the field has its default. So a service that changes the form of a
field costs at most that field. A field whose absence would make another fact of it (an id, a
branch, a commit, a mark for what is private) is an `Id` or `Needed`: there a value of another sort
costs the line.

    class Build(msgspec.Struct, frozen=True):
        id: Id = ""
        commit: Needed[str | None] = ""
        title: Text = ""
        finished: Time = 0
        author: Part[User] = User()

    build = decode(delivery.body, Build)
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar, Union, get_args, get_origin

import msgspec

from devstream_desktop.stream.text import without_escapes

T = TypeVar("T")
Needed = Annotated[T, "needed"]
"""A field that makes the fact: it is what its type says, or there is no line."""
Loose = object
"""A field of this type takes every JSON value; read it with `word`, `first`, `when` or `whole`."""

if TYPE_CHECKING:
    # For the type checker, and for whoever reads a field, these are plain values.
    Text = str
    Id = str
    Whole = int
    Number = float
    Time = int
    Flag = bool
    Texts = dict[str, str]
    Part = Annotated[T, "lenient"]
    Many = list
else:

    class _Lenient(type):
        """The metaclass of lenient types, whose values msgspec takes from `_read`."""

        def __instancecheck__(cls, value: object) -> bool:
            return True

    class Text(metaclass=_Lenient):
        """A text; of a number its digits."""

    class Id(metaclass=_Lenient):
        """A name or number that a service gave, as text; another sort is an error."""

    class Whole(metaclass=_Lenient):
        """A count, from 0."""

    class Number(metaclass=_Lenient):
        """A number that may have a fraction."""

    class Time(metaclass=_Lenient):
        """UTC milliseconds, from what `when` reads."""

    class Flag(metaclass=_Lenient):
        """True; anything else is false."""

    class Texts(metaclass=_Lenient):
        """An object's values as texts, by name: labels, annotations, tags."""

    class Part(Generic[T], metaclass=_Lenient):
        """A nested struct whose fields all have defaults; an empty one for anything else."""

    class Many(Generic[T], metaclass=_Lenient):
        """A list without the items that are of another sort."""


_SECONDS_END = 100_000_000_000
"""The bound between seconds, below it, and milliseconds. As seconds it is the year 5138."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_ZONE = re.compile(r" ([+-]\d\d:?\d\d)$")


class NeededError(msgspec.ValidationError):
    """A field that the fact hangs on is of another sort."""


def decode(
    body: bytes | str | msgspec.Raw,
    kind: type[T],
    *,
    strict: bool = True,
    odd: list[str] | None = None,
) -> T:
    """Decode JSON into a type; only a field that is needed can fail.

    Args:
        body: the JSON.
        kind: a struct, or a list or dictionary of structs.
        strict: `False` for senders that put numbers and booleans into quotes.
        odd: takes a sentence for each item of a list that is left out because a field of it that
            is needed is of another sort; without it such an item is an error.

    Raises:
        msgspec.MsgspecError: it is no JSON or another sort of document, or a field that is needed
            is of another sort.

    """
    try:
        return msgspec.json.decode(body, type=kind, strict=strict, dec_hook=_read)
    except msgspec.ValidationError:
        made: T = _mended(msgspec.json.decode(body), kind, odd)
        return made


def _read(kind: type, value: object) -> object:
    sort = get_origin(kind) or kind
    if sort is Part:
        return _part(value, get_args(kind)[0])
    if sort is Many:
        items = value if isinstance(value, list) else []
        return [made for item in items for made in _items(item, get_args(kind)[0])]
    read = _READERS.get(sort)
    # A `Loose` field takes the value as it is.
    return value if read is None else read(value)


def _part(value: object, kind: type[T]) -> T:
    return next(iter(_items(value, kind)), None) or kind()


def _items(value: object, kind: type[T]) -> list[T]:
    """Return the value as one of `kind`, if it is."""
    try:
        return [msgspec.convert(value, kind, dec_hook=_read)]
    except msgspec.ValidationError:
        pass
    try:
        return [_mended(value, kind, None)]
    except msgspec.ValidationError:
        return []


def _mended(value: object, kind: Any, odd: list[str] | None) -> Any:
    """Convert a value field by field; those of another sort have their defaults.

    It goes as deep as the type does, not as deep as the value.

    Raises:
        msgspec.ValidationError: it is of another sort as a whole.
        NeededError: a field in it that is needed is of another sort.

    """
    if get_origin(kind) is Annotated:
        needed = get_args(kind)[0]
        if isinstance(value, list):
            return _mended(value, needed, odd)
        return msgspec.convert(value, needed, strict=False, dec_hook=_read)
    if kind is msgspec.Raw:
        return msgspec.Raw(msgspec.json.encode(value))
    for one in _sorts(kind):
        sort = get_origin(one) or one
        if isinstance(value, dict) and isinstance(sort, type) and issubclass(sort, msgspec.Struct):
            return _struct(value, one, odd)
        if isinstance(value, list) and sort is list:
            return _list(value, get_args(one)[0], odd)
        if isinstance(value, dict) and sort is dict:
            items = {name: _list([item], get_args(one)[1], odd) for name, item in value.items()}
            return {name: made[0] for name, made in items.items() if made}
    try:
        # Digits are a number, and a number is the text of its digits.
        return msgspec.convert(value, kind, strict=False, dec_hook=_read)
    except msgspec.ValidationError:
        if str not in _sorts(kind) or not (text := word(value)):
            raise
        return text


def _struct(value: dict[str, Any], kind: Any, odd: list[str] | None) -> Any:
    made: dict[str, Any] = {}
    for field in _fields(kind):
        if field.encode_name not in value:
            continue
        try:
            made[field.name] = _mended(value[field.encode_name], field.type, odd)
        except msgspec.ValidationError as error:
            if isinstance(error, NeededError) or _is_needed(field.type):
                raise NeededError(f"{field.encode_name}: {error}") from None
    try:
        return kind(**made)
    except TypeError as error:
        # A field without a default.
        raise msgspec.ValidationError(str(error)) from None


def _list(items: list[Any], kind: Any, odd: list[str] | None) -> list[Any]:
    made = []
    for item in items:
        try:
            made.append(_mended(item, kind, odd))
        except NeededError as error:
            if odd is None:
                raise
            odd.append(str(error))
        except msgspec.ValidationError:
            continue
    return made


@cache
def _fields(kind: Any) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(kind)


def _sorts(kind: Any) -> tuple[Any, ...]:
    """Return the members of a union; of any other type itself."""
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)


def _is_needed(kind: Any) -> bool:
    return get_origin(kind) is Annotated or Id in _sorts(kind)


def word(value: Loose) -> str:
    """Return the value as text; empty for anything but a text or a number."""
    if isinstance(value, str):
        return without_escapes(value).strip()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def first(*values: Loose) -> str:
    """Return the first value that says something, as text."""
    return next((text for text in map(word, values) if text), "")


def when(value: Loose) -> int:
    """Return an ISO 8601 or Unix time as UTC milliseconds; else 0."""
    if isinstance(value, str):
        plain = value.strip()
        # Some write a Unix time as a text, with or without a fraction.
        digits = plain.replace(".", "", 1)
        if not (digits.isascii() and digits.isdigit()):
            return milliseconds(plain)
        value = float(plain)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 1 << 60:
        return 0
    return int(value if value >= _SECONDS_END else value * 1000)


def milliseconds(text: str | None) -> int:
    """Return the UTC milliseconds of an ISO 8601 time; else 0.

    GitLab's `2027-01-15 08:00:00 UTC` is read too.
    """
    try:
        moment = datetime.fromisoformat(_ZONE.sub(r"\1", text or "").replace(" UTC", "+00:00"))
    except ValueError:
        return 0
    try:
        since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
        return max(0, since // _MILLISECOND)
    except (OverflowError, ValueError):
        return 0


def iso(moment: int) -> str:
    """Write UTC milliseconds as services do: `2027-01-15T08:00:00.000Z`."""
    return f"{datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%dT%H:%M:%S}.{moment % 1000:03}Z"


def whole(value: Loose) -> int:
    """Return the value as a count; 0 for anything else."""
    text = word(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


def person(*names: Loose) -> str:
    """Return the first name; of a mail address it is the part before the `@`."""
    for name in names:
        # `Ana <ana@example.org>`: mail addresses are not for the whole team's stream.
        plain = word(name).split("<", 1)[0].strip().split("@", 1)[0].strip()
        if plain:
            return plain
    return ""


def sha(text: str | None) -> str:
    """Read a commit hash; empty for the all-zero hash that stands for nothing."""
    return text if text and text.strip("0") else ""


def _id(value: object) -> str:
    if value is None or (isinstance(value, str | int | float) and not isinstance(value, bool)):
        return word(value)
    raise ValueError("an id is a text or a number")


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _texts(value: object) -> dict[str, str]:
    return {key: word(one) for key, one in value.items()} if isinstance(value, dict) else {}


_READERS: dict[object, Callable[[object], object]] = {
    Text: word,
    Id: _id,
    Whole: whole,
    Number: _number,
    Time: when,
    Flag: lambda value: value is True or value == "true",
    Texts: _texts,
}
