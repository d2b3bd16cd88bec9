"""The language that a person chose in `desk.toml`, read alone: the tray's menu waits for it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path


class Language(StrEnum):
    """The language of the desk: the desktop's, or one of those that there are."""

    SYSTEM = "system"
    ENGLISH = "en"
    GERMAN = "de"


def chosen_language(path: Path) -> Language:
    """Return the language of the preferences in `path`; the desktop's where they have a mistake.

    The mistake is told once the app runs, as every one of the file.
    """
    try:
        text = path.read_text(encoding="utf-8")
        # Late: most desks have no such file.
        import tomllib

        return Language(str(tomllib.loads(text).get("language")))
    except (OSError, ValueError, RecursionError):
        return Language.SYSTEM
