"""A person's preferences: `desk.toml` in the home, checked whole when it is read.

    names = ["ana", "ana@example.org"]   what git and the forges call this person
    icon = "worst"                       worst, unclaimed or production: what colours the tray icon
    colours = "system"                   system, light or dark
    language = "system"                  system, en or de
    call_off_duty = false                true: off duty, be told of what nobody on duty looks at

    [duty]
    at_start = "on"                      on, remind or nothing, when the hours begin
    at_end = "off"                       off, remind or nothing, when they end

    [duty.hours]                         a day without hours is left out
    Mon = "08:00-18:00"

    [[search]]                           a search that the window offers
    name = "Customer portal"
    query = "service:portal env:production"

    [[rule]]                             the first rule that fits a line says how loud it is
    name = "Production"
    then = "popup"                       popup, digest or quiet
    environment = ["prod*"]

Without a `[[rule]]` the rules are those of stream/rules.py. With one, the file's own are all there
are; resources/examples/desk.toml has the usual ones to begin with.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from devstream_desktop.config import FieldError, TomlFile, read_text, typed
from devstream_desktop.desk.duty import Duty
from devstream_desktop.desk.language_choice import Language
from devstream_desktop.errors import DevstreamError
from devstream_desktop.language import N_, _
from devstream_desktop.stream.query_text import InvalidQueryError, parse_query
from devstream_desktop.stream.rules import DEFAULT, Rule

MAX_RULES = 100
MAX_SEARCHES = 50
_T = TypeVar("_T")


class PreferencesError(DevstreamError):
    """A mistake in the preferences: file, line, key and what is right."""


class Icon(StrEnum):
    """The things that colour the tray icon: all, those nobody is on, or those of production."""

    WORST = "worst"
    UNCLAIMED = "unclaimed"
    PRODUCTION = "production"


class Colours(StrEnum):
    """Light or dark windows."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class Search(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A search that is kept under a name."""

    name: Annotated[
        str, msgspec.Meta(min_length=1, max_length=40, description=N_("1 to 40 letters"))
    ]
    query: Annotated[str, msgspec.Meta(min_length=1, description=N_("a search, as in the window"))]


class Preferences(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything in `desk.toml`.

    Its `[[rule]]` tables are `rules`, its `[[search]]` tables `searches`.
    """

    names: Annotated[tuple[str, ...], msgspec.Meta(description=N_("a list of names"))] = ()
    icon: Annotated[Icon, msgspec.Meta(description=N_("worst, unclaimed or production"))] = (
        Icon.WORST
    )
    colours: Annotated[Colours, msgspec.Meta(description=N_("system, light or dark"))] = (
        Colours.SYSTEM
    )
    language: Annotated[Language, msgspec.Meta(description=N_("system, en or de"))] = (
        Language.SYSTEM
    )
    call_off_duty: Annotated[bool, msgspec.Meta(description=N_("true or false"))] = False
    duty: Duty = msgspec.field(default_factory=Duty)
    searches: tuple[Search, ...] = ()
    rules: tuple[Rule, ...] = DEFAULT


def load_preferences(path: Path) -> Preferences:
    """Read the preferences in `path`; the defaults where there is no file.

    Raises:
        PreferencesError: it cannot be read, or has a mistake.

    """
    text = read_text(path, PreferencesError)
    return Preferences() if text is None else parse_preferences(text, str(path))


def parse_preferences(text: str, name: str) -> Preferences:
    """Read the text of a file; `name` is how messages call it.

    Raises:
        PreferencesError: it has a mistake.

    """
    file = TomlFile(text, name, PreferencesError)
    rules, searches = file.document.pop("rule", None), file.document.pop("search", [])
    with file.table():
        for key, one in (("rules", "rule"), ("searches", "search")):
            if key in file.document:
                said = _("{key} are written as {form}, one table each")
                raise FieldError(said.format(key=key, form=f"[[{one}]]"), key)
        preferences = typed(file.document, Preferences)
    kept = _tables(file, "search", searches, Search, MAX_SEARCHES)
    for number, search in enumerate(kept, 1):
        with file.table("search", name=f"search {number}", number=number):
            _check_query(search)
    preferences = msgspec.structs.replace(preferences, searches=kept)
    if rules is None:
        return preferences
    return msgspec.structs.replace(preferences, rules=_tables(file, "rule", rules, Rule, MAX_RULES))


def fields_of(one: Rule | Search | Duty) -> dict[str, object]:
    """Return the fields as the file has them: without those that are as by default."""
    kind = type(one)
    needed = {field.name for field in msgspec.structs.fields(kind) if field.required}
    written = msgspec.to_builtins(one)
    usual = {
        field.name: msgspec.to_builtins(field.default)
        for field in msgspec.structs.fields(kind)
        if field.default is not msgspec.NODEFAULT
    }
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in written.items()
        if key in needed or value != usual.get(key)
    }


def _check_query(search: Search) -> None:
    try:
        parse_query(search.query)
    except InvalidQueryError as wrong:
        raise FieldError(f"query: {wrong}", "query", holding=search.query) from None


def _tables(file: TomlFile, key: str, tables: object, kind: type[_T], most: int) -> tuple[_T, ...]:
    with file.table(key):
        if not isinstance(tables, list) or not all(isinstance(one, Mapping) for one in tables):
            said = _("write each {key} as a table that begins with {form}")
            raise FieldError(said.format(key=key, form=f"[[{key}]]"))
        if len(tables) > most:
            said = _("there are {count} of {form}; at most {most} are read")
            raise FieldError(said.format(count=len(tables), form=f"[[{key}]]", most=most))
    found: list[_T] = []
    for number, table in enumerate(tables, 1):
        with file.table(key, name=f"{key} {number}", number=number):
            found.append(typed(table, kind))
    return tuple(found)
