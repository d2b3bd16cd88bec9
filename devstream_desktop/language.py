"""The language of what a person reads: gettext's catalogues, chosen once at a program's start.

The words in the code are English, and stay so until `use` is called; only the desk calls it, so
that commands, logs and everything that scripts read are the same everywhere. A message is a whole
sentence with named places, `_("{name} is on it").format(name=name)`, because the order of words
differs between languages. A word that is written where no language is chosen yet (a table of a
module) is marked by `N_` and translated by `_` where it is shown.

`languages/CODE/devstream.po` is edited; `devstream.mo` beside it is made when the package is built
(packaging/catalogues.py) and by `make languages`.
"""

from __future__ import annotations

import gettext
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

ENGLISH = "en"
NAMES = {ENGLISH: "English", "de": "Deutsch"}
"""The languages there are, each by its own name."""
FOLDER = Path(__file__).parent / "languages"
VARIABLE = "DEVSTREAM_LANGUAGE"
"""The environment variable that the desk gives to its doctor."""

_SIGNS = {"de": str.maketrans(",.", ".,")}
"""Signs of a number that are not as in English."""

_ENGLISH_WORDS = gettext.NullTranslations()
_catalogue = _ENGLISH_WORDS
_in_english: ContextVar[bool] = ContextVar("in_english", default=False)


def use(wanted: Sequence[str]) -> str:
    """Speak the first of these languages that there is; return its code.

    Args:
        wanted: language tags by preference, as `de-AT` or `de_DE.UTF-8`; with none that is known,
            or without its catalogue, English is spoken.

    """
    global _catalogue  # noqa: PLW0603 - a process speaks one language, which gettext's users expect
    for tag in wanted:
        code = tag.replace("_", "-").split("-")[0].lower()
        if code == ENGLISH:
            break
        catalogue = FOLDER / code / "devstream.mo"
        if code in NAMES and catalogue.is_file():
            with catalogue.open("rb") as file:
                _catalogue = gettext.GNUTranslations(file)
            return code
    _catalogue = _ENGLISH_WORDS
    return ENGLISH


def spoken() -> str:
    """Return the code of the language that is spoken."""
    return _spoken().info().get("language", ENGLISH)


@contextmanager
def english() -> Iterator[None]:
    """Speak English inside, whatever was chosen: for what scripts read, such as an export."""
    token = _in_english.set(True)
    try:
        yield
    finally:
        _in_english.reset(token)


def _(message: str) -> str:
    """Translate a message."""
    # The catalogue's own header is what gettext finds for an empty message.
    return _spoken().gettext(message) if message else ""


def ngettext(one: str, many: str, count: int) -> str:
    """Translate a message that counts something."""
    return _spoken().ngettext(one, many, count)


def pgettext(context: str, message: str) -> str:
    """Translate a word that means several things in English."""
    return _spoken().pgettext(context, message)


def number(value: float, digits: int = 0) -> str:
    """Return `12,000` or `1.5`, as the language writes it."""
    text = f"{value:,.{digits}f}" if digits else f"{value:,}"
    return text.translate(_SIGNS.get(spoken(), {}))


def either(words: Iterable[str]) -> str:
    """Return `a or b`; empty for none."""
    found = ""
    for word in words:
        found = _("{first} or {second}").format(first=found, second=word) if found else word
    return found


def N_(message: str) -> str:  # noqa: N802 - gettext's own name for it
    """Mark a message that is translated where it is shown."""
    return message


def _spoken() -> gettext.NullTranslations:
    return _ENGLISH_WORDS if _in_english.get() else _catalogue


def places_in(message: str, text: str) -> dict[str, str] | None:
    """Return what stands in the places of a message; None where `text` was not made of it.

    For a text that is kept or sent in English, and translated where it is shown.
    """
    # Late, because only the desk reads a text back.
    from string import Formatter

    values: dict[str, str] = {}
    name, place = "", 0
    for literal, field, _spec, _conversion in Formatter().parse(message):
        # Where a value holds these very words its end is a guess, and the whole is right anyway.
        at = text.find(literal, place + 1) if name else place
        if at < 0 or not text.startswith(literal, at):
            return None
        if name:
            values[name] = text[place:at]
        name, place = field or "", at + len(literal)
    if name:
        values[name] = text[place:]
        place = len(text)
    return values if place == len(text) and all(values.values()) else None
