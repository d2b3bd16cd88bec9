"""The delegate that paints an item: a mark, what happened in one line, its steps, its time.

It paints plain text only. Green is quiet, and only what is red now is red.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Protocol

import msgspec
from PySide6.QtCore import (
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPalette
from PySide6.QtWidgets import QAbstractItemView, QStyledItemDelegate, QStyleOptionViewItem

from devstream_desktop.desktop.widgets.cells import has_keyboard, is_chosen
from devstream_desktop.desktop.widgets.look import (
    StateLook,
    clock_time,
    day_text,
    since,
    state_look,
)
from devstream_desktop.desktop.widgets.marks import SIZE, Shape, paint_mark
from devstream_desktop.desktop.widgets.text import laid_out
from devstream_desktop.desktop.widgets.theme import LIGHT, STRONG, Tone, colour, mix, tint
from devstream_desktop.desktop.windows.history.items import (
    Greens,
    Heading,
    Item,
    Pinned,
    Row,
    Step,
)
from devstream_desktop.desktop.windows.history.spoken import (
    greens_text,
    red_more,
    red_title,
    sentence_of,
)
from devstream_desktop.language import _
from devstream_desktop.stream.line import brief
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.text import clean

MARGIN = 14
_DOT_LEFT = 10
_DOT = 6
_MARK_LEFT = 18
_TEXT_LEFT = 46
_STEP_INDENT = 22
_GAP = 10
_LINE_PADDING = 6
_SMALL = 0.92
"""Size of a second line and of headings; the first line is 1."""
_TEXTS = 200
"""Texts of a font whose layout is kept: some more than a page of rows has."""


class Items(Protocol):
    """A model of items. By way of Qt, what it says takes three times as long."""

    @property
    def now_red(self) -> frozenset[int]:
        """The ids of the lines that say what is red now; others are over, and not red."""

    def item(self, row: int) -> Item:
        """Return an item."""

    def is_new(self, item: Item) -> bool:
        """Tell whether an item has a line that was not seen before."""


class Face:
    """A font and its measures, in pixels."""

    def __init__(self, font: QFont) -> None:
        self.font = font
        self.metrics = QFontMetrics(font)
        self.height = self.metrics.height()
        # A page of rows is drawn three times while one scrolls; layout is the most of it.
        self.laid_out = lru_cache(_TEXTS)(partial(laid_out, font=font))

    def width(self, text: str) -> int:
        """Return the width of a text."""
        return round(self.laid_out(text).size().width())


class Fonts(msgspec.Struct, frozen=True):
    """The fonts of a list, by what they are for."""

    text: Face
    bold: Face
    small: Face
    heading: Face
    struck: Face

    @classmethod
    def of(cls, font: QFont) -> Fonts:
        """Derive them from the list's own font."""
        bold, small, top, struck = QFont(font), QFont(font), QFont(font), QFont(font)
        struck.setStrikeOut(True)
        bold.setBold(True)
        small.setPointSizeF(font.pointSizeF() * _SMALL)
        top.setPointSizeF(font.pointSizeF() * _SMALL)
        top.setBold(True)
        return cls(*map(Face, (font, bold, small, top, struck)))


class ItemDelegate(QStyledItemDelegate):
    """Paints the items of the stream, in the font of `use`."""

    def __init__(self, items: Items, view: QAbstractItemView) -> None:
        super().__init__(view)
        self._view = view
        self._items = items
        self.use(QFont())

    def use(self, font: QFont) -> None:
        """Measure a font once; the list asks for the height of every item it has."""
        self._fonts = Fonts.of(font)
        first, second = self._fonts.text.height, self._fonts.small.height
        self._heading = QSize(0, first + 3 * _LINE_PADDING)
        self._one_line = QSize(0, first + 2 * _LINE_PADDING)
        self._two_lines = QSize(0, first + second + 2 * _LINE_PADDING)

    def sizeHint(
        self,
        option: QStyleOptionViewItem,  # noqa: ARG002 - Qt gives it
        index: QModelIndex | QPersistentModelIndex,
    ) -> QSize:
        """Return the height of an item: one line, or two for a thing with steps."""
        item = self._items.item(index.row())
        if isinstance(item, Heading):
            return self._heading
        if isinstance(item, Pinned) or (isinstance(item, Row) and item.steps):
            return self._two_lines
        return self._one_line

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        """Paint one item."""
        item = self._items.item(index.row())
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setClipRect(option.rect)
        painting = _Painting(
            painter,
            option,
            self._fonts,
            self._items.now_red,
            selected=is_chosen(self._view, index),
            focused=has_keyboard(self._view, index),
        )
        painting.item(item)
        if self._items.is_new(item):
            painting.dot()
        painter.restore()


class _Painting:
    """One item being painted."""

    def __init__(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        fonts: Fonts,
        now_red: frozenset[int],
        *,
        selected: bool,
        focused: bool,
    ) -> None:
        self._painter = painter
        self._now_red = now_red
        self._palette = option.palette
        self._fonts = fonts
        self._rect = QRect(option.rect)
        self._selected, self._focused = selected, focused
        base = self._palette.color(QPalette.ColorRole.Base)
        # Not the desktop's own highlight: the colours of states stay readable on a tint.
        self._paper = tint(Tone.ACCENT, self._palette, STRONG) if self._selected else base

    def item(self, item: Item) -> None:
        """Paint the item."""
        if isinstance(item, Heading):
            self._heading(item)
            return
        if isinstance(item, Pinned):
            # A red row keeps its tint when it is chosen; the bar shows the choice.
            self._paper = tint(Tone.RED, self._palette, STRONG if self._selected else LIGHT)
            self._fill(self._rect, self._paper)
        if self._selected:
            self._fill(self._rect, self._paper)
            # A bar as well, for who does not see the tint; wide where the keyboard is.
            bar = QRect(self._rect.left(), self._rect.top(), 4 if self._focused else 2, 0)
            bar.setHeight(self._rect.height())
            self._fill(bar, colour(Tone.ACCENT, self._palette))
        if isinstance(item, Pinned):
            self._pinned(item)
        elif isinstance(item, Greens):
            look = StateLook(Shape.PASSED, _("passed"), Tone.GREEN)
            self._row(
                item.line.event.service, greens_text(item), look, clock_time(item.line.event.time)
            )
        elif isinstance(item, Step):
            self._step(item)
        else:
            self._thing(item)

    def _fill(self, place: QRect, ground: QColor) -> None:
        # Not `fillRect`: its first use defines the 160 gradients that Qt names, 4 ms of a start.
        self._painter.setPen(Qt.PenStyle.NoPen)
        self._painter.setBrush(ground)
        self._painter.drawRect(place)

    def dot(self) -> None:
        """Mark the item as new, at its left edge."""
        line = self._fonts.text.height
        centre = QPointF(self._rect.left() + _DOT_LEFT, self._rect.top() + _LINE_PADDING + line / 2)
        self._painter.setPen(Qt.PenStyle.NoPen)
        self._painter.setBrush(self._tone(Tone.ACCENT))
        self._painter.drawEllipse(centre, _DOT / 2, _DOT / 2)

    def _heading(self, item: Heading) -> None:
        today = datetime.now(UTC).astimezone().date()
        self._painter.setPen(mix(self._tone(Tone.MUTED), self._paper, 0.3))
        self._painter.drawLine(self._rect.topLeft(), self._rect.topRight())
        self._painter.setFont(self._fonts.heading.font)
        self._painter.setPen(self._tone(Tone.MUTED))
        inside = self._rect.adjusted(MARGIN, 0, -MARGIN, 0)
        self._painter.drawText(inside, Qt.AlignmentFlag.AlignVCenter, day_text(item.day, today))

    def _thing(self, item: Row) -> None:
        line, look = item.line, self._look(item.line)
        self._row(
            line.event.service,
            sentence_of(item),
            look,
            clock_time(item.time),
            struck=line.struck,
        )
        if item.steps:
            self._steps(item)

    def _pinned(self, item: Pinned) -> None:
        thing, look = item.thing, state_look(item.line)
        age = since(thing.since_ms, int(time.time() * 1000))
        self._row(item.line.event.service, red_title(thing), look, age, loud=True)
        top = self._rect.top() + _LINE_PADDING + self._fonts.text.height
        left, right = self._rect.left() + _TEXT_LEFT, self._rect.right() - MARGIN
        tone = Tone.MUTED if thing.claimed_by else Tone.AMBER
        self._write(red_more(item), left, right, top, self._fonts.small, tone)

    def _step(self, item: Step) -> None:
        line = item.line
        self._rect.setLeft(self._rect.left() + _STEP_INDENT)
        self._row(
            "", sentence_of(item), self._look(line), clock_time(line.event.time), struck=line.struck
        )

    def _row(
        self,
        service: str,
        text: str,
        look: StateLook,
        when: str,
        *,
        struck: bool = False,
        loud: bool = False,
    ) -> None:
        line = self._fonts.text.height
        top = self._rect.top() + _LINE_PADDING
        self._mark(look, self._rect.left() + _MARK_LEFT, top + (line - SIZE) / 2, SIZE)
        right = self._time(when, top)
        left = self._rect.left() + _TEXT_LEFT
        quiet = look.tone in (Tone.GREEN, Tone.MUTED)
        tone = Tone.MUTED if quiet else Tone.RED if loud else Tone.PLAIN
        if service:
            name_tone = Tone.MUTED if look.tone is Tone.MUTED else Tone.PLAIN
            left += self._write(clean(service), left, right, top, self._fonts.bold, name_tone)
            left += _GAP // 2 + 2
        font = self._fonts.struck if struck else self._fonts.bold if loud else self._fonts.text
        self._write(text, left, right, top, font, tone)

    def _look(self, line: Line) -> StateLook:
        """Return the look of a line below the pinned things: what is over is not red."""
        look = state_look(line)
        over = look.tone is Tone.RED and line.id not in self._now_red
        return msgspec.structs.replace(look, tone=Tone.MUTED) if over else look

    def _steps(self, item: Row) -> None:
        face = self._fonts.small
        top = self._rect.top() + _LINE_PADDING + self._fonts.text.height
        left, right = self._rect.left() + _TEXT_LEFT, self._rect.right() - MARGIN
        side = face.metrics.ascent()
        for line in item.steps:
            # A step that has no room is left out with all after it, rather than cut.
            text = brief(line.event, line.transition)
            width = side + 3 + face.width(text)
            if left + width > right:
                self._write("…", left, right, top, face, Tone.MUTED)
                return
            look = self._look(line)
            self._mark(look, left, top + (face.height - side) / 2, side)
            tone = Tone.RED if look.tone is Tone.RED else Tone.MUTED
            self._write(text, left + side + 3, right, top, face, tone)
            left += width + _GAP + 2

    def _time(self, text: str, top: int) -> int:
        """Write the time at the right; returns where the text before it ends."""
        width = self._fonts.text.width(text)
        left = self._rect.right() - MARGIN - width
        self._painter.setFont(self._fonts.text.font)
        self._painter.setPen(self._tone(Tone.MUTED))
        self._painter.drawStaticText(left, top, self._fonts.text.laid_out(text))
        return left - _GAP

    def _write(self, text: str, left: int, right: int, top: int, face: Face, tone: Tone) -> int:
        """Write text, cut to its room; returns its width."""
        room = max(0, right - left)
        width = face.width(text)
        if width > room:
            text = face.metrics.elidedText(text, Qt.TextElideMode.ElideRight, room)
            width = face.width(text)
        self._painter.setFont(face.font)
        self._painter.setPen(self._tone(tone))
        self._painter.drawStaticText(left, top, face.laid_out(text))
        return width

    def _mark(self, look: StateLook, left: float, top: float, side: float) -> None:
        ink = self._tone(look.tone)
        paint_mark(self._painter, look.shape, QRectF(left, top, side, side), ink, self._paper)

    def _tone(self, tone: Tone) -> QColor:
        return colour(tone, self._palette)
