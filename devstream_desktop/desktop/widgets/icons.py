"""The icons: SVG files, drawn at the sizes that panels use.

They differ in shape, not only in colour.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from pathlib import Path

from PySide6.QtCore import QByteArray, QRectF
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

_SIZES = (16, 22, 24, 32, 48, 64, 128)
_BADGE = "#2459a8"
_NOTHING = QColor(0, 0, 0, 0)
MANY = 10
"""From here on a badge says only that there are more."""
_ROOM_FOR_TWO = 24
_HERE = Path(__file__).resolve()
_PLACES = (_HERE.parents[2] / "resources", _HERE.parents[3] / "resources")
"""The folder in an installed wheel, then the one in the repository."""


class Mark(StrEnum):
    """The meaning of an icon, and the name of its file."""

    ON_DUTY = "on-duty"
    OFF_DUTY = "off-duty"
    OFFLINE = "offline"
    FAILING = "failing"
    RED = "red"
    RED_CLAIMED = "red-claimed"
    RED_OFF_DUTY = "red-off-duty"
    LOCKED = "locked"
    APP = "devstream"


@cache
def icon(mark: Mark) -> QIcon:
    """Return the icon, sharp at every size of a panel.

    Raises:
        FileNotFoundError: the installation is incomplete.

    """
    data = QByteArray(path(mark).read_bytes())
    result = QIcon()
    for size in _SIZES:
        result.addPixmap(_draw(data, size))
    return result


@cache
def badged_icon(mark: Mark, count: int) -> QIcon:
    """Return the icon with a number on its corner; none for 0.

    Raises:
        FileNotFoundError: the installation is incomplete.

    """
    if not count:
        return icon(mark)
    # The panel and the theme may draw an icon at any of these sizes.
    result, data = QIcon(), QByteArray(path(mark).read_bytes())
    for size in _SIZES:
        pixmap = _draw(data, size)
        _badge(pixmap, count)
        result.addPixmap(pixmap)
    return result


def _badge(pixmap: QPixmap, count: int) -> None:
    # Late, with all the names that Qt has: the first icon has no badge.
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QFont, QPen

    size = pixmap.width()
    side = max(10, round(size * 0.56))
    # At the left below: the tip of the triangle and the disc of who is off duty stay.
    disc = QRectF(0.5, size - side + 0.5, side - 1, side - 1)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    # A white ring sets it apart from every icon and from a dark panel, its blue from a light one.
    painter.setPen(QPen(QColor("white"), max(1, size / 24)))
    painter.setBrush(QColor(_BADGE))
    painter.drawEllipse(disc)
    font = QFont()
    font.setBold(True)
    # Two characters have no room in a small panel; the tooltip has the number.
    many = "9+" if size >= _ROOM_FOR_TWO else "+"
    text = str(count) if count < MANY else many
    font.setPixelSize(round(side * (0.72 if len(text) == 1 else 0.54)))
    painter.setFont(font)
    painter.drawText(disc, Qt.AlignmentFlag.AlignCenter, text)
    painter.end()


def path(mark: Mark) -> Path:
    """Return the file of an icon, for a server that draws it.

    Raises:
        FileNotFoundError: the installation is incomplete.

    """
    return resource(f"icons/{mark}.svg")


def resource(name: str) -> Path:
    """Return a file of `resources/`.

    Raises:
        FileNotFoundError: the installation is incomplete.

    """
    for folder in _PLACES:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"{name} is missing from the installation; install devstream again")


def _draw(data: QByteArray, size: int) -> QPixmap:
    pixmap = QPixmap(size, size)
    pixmap.fill(_NOTHING)
    painter = QPainter(pixmap)
    QSvgRenderer(data).render(painter, QRectF(0, 0, size, size))
    painter.end()
    return pixmap
