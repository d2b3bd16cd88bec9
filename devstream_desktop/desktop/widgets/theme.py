"""Colours of states, readable on light and dark palettes.

A colour only supports a word and a shape; nothing is said by colour alone. Each pair keeps a
contrast of 4.5 (WCAG 2.2, 1.4.3) against the usual backgrounds of its side; a test holds that.
"""

from __future__ import annotations

from enum import Enum

from PySide6.QtGui import QColor, QPalette


class Tone(Enum):
    """A colour by its meaning: for light palettes, then for dark ones.

    The last two are mixed from the palette's own text colour.
    """

    RED = ("#b00f3c", "#ff9389")
    GREEN = ("#2d6d4f", "#8fd9b6")
    AMBER = ("#7f5900", "#f0c060")
    BLUE = ("#2459a8", "#8fb6f5")
    VIOLET = ("#6a3fa0", "#ccb0f4")
    ACCENT = ("#0a6c68", "#5accc1")
    PLAIN = ("text", "text")
    MUTED = ("muted", "muted")


LIGHT = 0.07
"""Share of a tone in a tinted background."""
STRONG = 0.10
"""The same where it is chosen. With more, some tones lose their contrast on it."""
_MOST_COLOURS = 500


def is_dark(palette: QPalette) -> bool:
    """Return true when the text is lighter than its background."""
    return (
        palette.color(QPalette.ColorRole.Base).lightness()
        < palette.color(QPalette.ColorRole.Text).lightness()
    )


_colours: dict[tuple[Tone, int], QColor] = {}


def colour(tone: Tone, palette: QPalette) -> QColor:
    """Return the colour of `tone` on `palette`."""
    key = tone, palette.cacheKey()
    found = _colours.get(key)
    if found is None:
        # A palette that changes gets another key; a desktop changes its own a few times a day.
        if len(_colours) >= _MOST_COLOURS:
            _colours.clear()
        found = _colours[key] = _mixed(tone, palette)
    return found


def _mixed(tone: Tone, palette: QPalette) -> QColor:
    if tone is Tone.PLAIN:
        return palette.color(QPalette.ColorRole.Text)
    # Below 0.68 of the text's colour, the greys of some palettes lose the contrast.
    if tone is Tone.MUTED:
        return mix(
            palette.color(QPalette.ColorRole.Text), palette.color(QPalette.ColorRole.Base), 0.78
        )
    return QColor(tone.value[1 if is_dark(palette) else 0])


def tint(tone: Tone, palette: QPalette, share: float = LIGHT) -> QColor:
    """Return a background with a little of `tone` in it."""
    return mix(colour(tone, palette), palette.color(QPalette.ColorRole.Base), share)


def mix(one: QColor, other: QColor, share: float) -> QColor:
    """Mix `share` (0 to 1) of `one` with the rest of `other`."""
    rest = 1 - share
    return QColor.fromRgbF(
        one.redF() * share + other.redF() * rest,
        one.greenF() * share + other.greenF() * rest,
        one.blueF() * share + other.blueF() * rest,
    )
