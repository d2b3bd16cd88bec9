"""Writes preferences as a person would, for tests that need a file of them."""

from __future__ import annotations

import msgspec

from devstream_desktop.desk.preferences import Preferences, fields_of


def desk_toml(preferences: Preferences) -> str:
    """Return the text of a `desk.toml` with these preferences."""
    duty = fields_of(preferences.duty)
    hours = duty.pop("hours", {})
    lines = [
        f"names = {_toml(list(preferences.names))}",
        f"icon = {_toml(str(preferences.icon))}",
        f"colours = {_toml(str(preferences.colours))}",
    ]
    tables = [("[duty]", duty), ("[duty.hours]", {day: one for day, one in hours.items() if one})]
    tables += [("[[search]]", fields_of(search)) for search in preferences.searches]
    tables += [("[[rule]]", fields_of(rule)) for rule in preferences.rules]
    for header, fields in tables:
        lines += ["", header, *(f"{key} = {_toml(value)}" for key, value in fields.items())]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    # JSON's texts, lists and booleans are TOML's, which alone forbids DEL in a text.
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
