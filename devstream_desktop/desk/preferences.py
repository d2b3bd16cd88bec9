"""A person's preferences: `desk.toml` in the home, checked whole when it is read.

    names = ["ana", "ana@example.org"]   what git and the forges call this person
    icon = "worst"                       worst, unclaimed or production: what colours the tray icon

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
from typing import Annotated

import msgspec

from devstream_desktop.config import FieldError, TomlFile, read_text, typed
from devstream_desktop.errors import DevstreamError
from devstream_desktop.stream.rules import DEFAULT, Rule

MAX_RULES = 100


class PreferencesError(DevstreamError):
    """A mistake in the preferences: file, line, key and what is right."""


class Icon(StrEnum):
    """The things that colour the tray icon: all, those nobody is on, or those of production."""

    WORST = "worst"
    UNCLAIMED = "unclaimed"
    PRODUCTION = "production"


class Preferences(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything in `desk.toml`; its `[[rule]]` tables are `rules`."""

    names: Annotated[tuple[str, ...], msgspec.Meta(description="a list of names")] = ()
    icon: Annotated[Icon, msgspec.Meta(description="worst, unclaimed or production")] = Icon.WORST
    rules: tuple[Rule, ...] = DEFAULT


def load_preferences(path: Path) -> Preferences:
    """Read the preferences in `path`; the defaults where there is no file.

    Raises:
        PreferencesError: it cannot be read, or has a mistake.

    """
    text = read_text(path, PreferencesError)
    if text is None:
        return Preferences()
    file = TomlFile(text, str(path), PreferencesError)
    tables = file.document.pop("rule", None)
    with file.table():
        if "rules" in file.document:
            raise FieldError("rules are written as [[rule]], one table each", "rules")
        preferences = typed(file.document, Preferences)
    if tables is None:
        return preferences
    return msgspec.structs.replace(preferences, rules=_rules(file, tables))


def _rules(file: TomlFile, tables: object) -> tuple[Rule, ...]:
    with file.table("rule"):
        if not isinstance(tables, list) or not all(isinstance(one, Mapping) for one in tables):
            raise FieldError("write each rule as a table that begins with [[rule]]")
        if len(tables) > MAX_RULES:
            raise FieldError(f"there are {len(tables)} rules; at most {MAX_RULES} are read")
    rules: list[Rule] = []
    for number, table in enumerate(tables, 1):
        with file.table("rule", name=f"rule {number}"):
            rules.append(typed(table, Rule))
    return tuple(rules)
