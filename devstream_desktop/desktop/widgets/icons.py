"""The icons: SVG files, drawn at the sizes that panels use.

They differ in shape, not only in colour.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from pathlib import Path

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

_SIZES = (16, 22, 24, 32, 48, 64, 128)
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
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    QSvgRenderer(data).render(painter, QRectF(0, 0, size, size))
    painter.end()
    return pixmap
