"""The marks of states: small drawings that differ in shape before they differ in colour.

Each is a file in `resources/marks`, 16 by 16, drawn in black on white. Black becomes the colour of
the state, white the background on which the mark stands, so one drawing serves light and dark.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache, lru_cache

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QImage, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from devstream_desktop.desktop.widgets.icons import resource

SIZE = 16
"""Usual side of a mark, in logical pixels."""


class Shape(StrEnum):
    """The meaning of a mark, and the name of its file."""

    FIRING = "firing"
    FAILED = "failed"
    PASSED = "passed"
    FIXED = "fixed"
    PUSHED = "pushed"
    REWRITTEN = "rewritten"
    RUNNING = "running"
    WAITING = "waiting"
    DEPLOYED = "deployed"
    TICKET = "ticket"
    CLOSED = "closed"
    SILENT = "silent"
    HEARD = "heard"
    LOCKED = "locked"
    CLAIMED = "claimed"
    TEAM = "team"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    STRUCK = "struck"


def paint_mark(painter: QPainter, shape: Shape, place: QRectF, ink: QColor, paper: QColor) -> None:
    """Paint a mark into `place`, a square, in `ink` on `paper`."""
    ratio = painter.device().devicePixelRatio()
    # A picture is copied in a tenth of the time that drawing takes.
    mark = _pixmap(shape, ink.name(), paper.name(), round(place.width()), ratio)
    painter.drawPixmap(place.topLeft().toPoint(), mark)


def mark_pixmap(
    shape: Shape, ink: QColor, paper: QColor, *, size: int = SIZE, ratio: float = 1.0
) -> QPixmap:
    """Return a mark of `size` logical pixels.

    `ratio` is the screen's: pixels to each logical one.
    """
    return _pixmap(shape, ink.name(), paper.name(), size, ratio)


def mark_icon(shape: Shape, ink: QColor, paper: QColor) -> QIcon:
    """Return a mark for a menu or a button."""
    result = QIcon()
    for ratio in (1.0, 2.0):
        result.addPixmap(mark_pixmap(shape, ink, paper, ratio=ratio))
    return result


def mark_tile(shape: Shape, ground: QColor, *, size: int = 48) -> QImage:
    """Return a mark in white on a tile, for any background."""
    image = QImage(size, size, QImage.Format.Format_RGBA8888)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ground)
    painter.drawRoundedRect(QRectF(0, 0, size, size), size / 5, size / 5)
    edge = size / 5
    place = QRectF(edge, edge, size - 2 * edge, size - 2 * edge)
    paint_mark(painter, shape, place, QColor("#ffffff"), ground)
    painter.end()
    return image


@cache
def _renderer(shape: Shape, ink: str, paper: str) -> QSvgRenderer:
    drawing = resource(f"marks/{shape}.svg").read_text(encoding="utf-8")
    coloured = drawing.replace('"#fff"', f'"{paper}"').replace('"#000"', f'"{ink}"')
    return QSvgRenderer(QByteArray(coloured.encode()))


@lru_cache(maxsize=512)
def _pixmap(shape: Shape, ink: str, paper: str, size: int, ratio: float) -> QPixmap:
    pixels = round(size * ratio)
    pixmap = QPixmap(pixels, pixels)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    _renderer(shape, ink, paper).render(painter, QRectF(0, 0, pixels, pixels))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap
