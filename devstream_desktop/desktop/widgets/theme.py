"""Colours that say how something is, readable on the palette the desktop gives, light or dark.

They only ever support a word and a shape: nothing is said by colour alone. Each pair keeps a contrast of 4.5 (WCAG 2.2, 1.4.3) against
the usual backgrounds of its side; a test holds that.
"""

from __future__ import annotations

from enum import Enum

from PySide6.QtGui import QColor, QPalette


class Tone(Enum):
    """What a colour says: the light form, then the dark one; the last two are made from the palette's own text."""

    RED = ("#b3261e", "#ff9087")
    GREEN = ("#1b6b3a", "#7bd99a")
    AMBER = ("#875200", "#ffc46b")
    BLUE = ("#1a5ca8", "#8fbcff")
    VIOLET = ("#6a3fa0", "#c9a8ff")
    PLAIN = ("text", "text")
    MUTED = ("muted", "muted")


def is_dark(palette: QPalette) -> bool:
    """Whether text is lighter than what it stands on."""
    return palette.color(QPalette.ColorRole.Base).lightness() < palette.color(QPalette.ColorRole.Text).lightness()


def colour(tone: Tone, palette: QPalette) -> QColor:
    """The colour of `tone` on `palette`."""
    if tone is Tone.PLAIN:
        return palette.color(QPalette.ColorRole.Text)
    if tone is Tone.MUTED:
        return mix(palette.color(QPalette.ColorRole.Text), palette.color(QPalette.ColorRole.Base), 0.72)
    return QColor(tone.value[1 if is_dark(palette) else 0])


def tint(tone: Tone, palette: QPalette, share: float = 0.12) -> QColor:
    """A background with a little of `tone` in it."""
    return mix(colour(tone, palette), palette.color(QPalette.ColorRole.Base), share)


def mix(one: QColor, other: QColor, share: float) -> QColor:
    """`share` of `one` and the rest of `other`."""
    rest = 1 - share
    return QColor.fromRgbF(
        one.redF() * share + other.redF() * rest, one.greenF() * share + other.greenF() * rest, one.blueF() * share + other.blueF() * rest
    )
