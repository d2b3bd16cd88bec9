"""Writes preferences as a person would, for tests that need a file of them."""

from __future__ import annotations

import msgspec

from devstream_desktop.desk.preferences import Preferences
from devstream_desktop.stream.rules import Rule


def desk_toml(preferences: Preferences) -> str:
    """Return the text of a `desk.toml` with these preferences."""
    lines = [f"names = {_toml(list(preferences.names))}", f"icon = {_toml(str(preferences.icon))}"]
    for rule in preferences.rules:
        lines += ["", "[[rule]]"]
        lines += [f"{key} = {_toml(value)}" for key, value in set_fields(rule).items()]
    return "\n".join(lines) + "\n"


def set_fields(rule: Rule) -> dict[str, object]:
    """Return the fields of a rule that are not as they are by default."""
    given = msgspec.to_builtins(rule)
    defaults = msgspec.to_builtins(Rule(name="", then=rule.then))
    needed = ("name", "then")
    return {key: one for key, one in given.items() if key in needed or one != defaults[key]}


def _toml(value: object) -> str:
    # JSON's texts, lists and booleans are TOML's, which alone forbids DEL in a text.
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
