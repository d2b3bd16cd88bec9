"""Hours of duty by weekday, their effect, and calls outside them."""

from __future__ import annotations

from PySide6.QtCore import QLocale, QTime, QTimer
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QGridLayout, QTimeEdit

from devstream_desktop.desk.duty import AtEnd, AtStart, Duty, Week
from devstream_desktop.desk.preferences import Preferences
from devstream_desktop.desk.preferences_file import duty, option
from devstream_desktop.desktop.widgets.text import PlainLabel
from devstream_desktop.desktop.widgets.tick import Tick
from devstream_desktop.desktop.windows.settings.form import Choice, Page, note
from devstream_desktop.language import N_, _, pgettext
from devstream_desktop.stream.rules import DAYS

_STARTS = (
    (AtStart.ON, N_("I come on duty by myself")),
    (AtStart.REMIND, N_("a popup reminds me")),
    (AtStart.NOTHING, N_("nothing happens")),
)
_ENDS = (
    (AtEnd.OFF, N_("I go off duty by myself")),
    (AtEnd.REMIND, N_("a popup reminds me")),
    (AtEnd.NOTHING, N_("nothing happens")),
)
_USUAL = ("08:00", "18:00")
_FORMAT = "HH:mm"
_PAUSE_MS = 600
"""A time is typed in several keys, which are one change."""


class DutyPage(Page):
    """A week, and what reaches the person outside it."""

    title = N_("Duty hours")
    about = N_(
        "Without hours you are on duty until you say otherwise. What you switch by hand holds until"
        " the next hours begin or end."
    )

    def __init__(self) -> None:
        super().__init__()
        names = [QLocale().standaloneDayName(number) for number in range(1, 8)]
        self.days = [Tick(name) for name in names]
        self.begins = [_time(_("{day}, from").format(day=name)) for name in names]
        self.ends = [_time(_("{day}, to").format(day=name)) for name in names]
        self.at_start = Choice(_("When they begin"), _STARTS)
        self.at_end = Choice(_("When they end"), _ENDS)
        self.call = Tick(_("Off duty, &tell me of what nobody looks at"))
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._pause.timeout.connect(self._tell)
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(4, 1)
        for row, (day, begin, end) in enumerate(
            zip(self.days, self.begins, self.ends, strict=True)
        ):
            grid.addWidget(day, row, 0)
            grid.addWidget(begin, row, 1)
            grid.addWidget(PlainLabel(pgettext("hours", "to")), row, 2)
            grid.addWidget(end, row, 3)
            day.clicked.connect(lambda on, row=row: self._take_day(row, on=on))
            begin.timeChanged.connect(lambda _time: self._pause.start())
            end.timeChanged.connect(lambda _time: self._pause.start())
            self._show_times(row, None)
        self.column.addLayout(grid)
        self.column.addWidget(note(_("An end before the begin is on the next day.")))
        rows = self.form()
        rows.addRow(_("When they &begin"), self.at_start)
        rows.addRow(_("When they &end"), self.at_end)
        for choice in (self.at_start, self.at_end):
            choice.picked.connect(lambda _value: self._tell())
        self.column.addWidget(self.call)
        self.call.clicked.connect(lambda on: self.changed.emit(option(on, "call_off_duty")))
        self.column.addWidget(
            note(
                _("What is critical pops up once nobody on duty has looked at it for ten minutes.")
            )
        )
        self.column.addStretch(1)

    def show_preferences(self, preferences: Preferences) -> None:
        """Show the hours, and whether the person is called outside them."""
        self.call.setChecked(preferences.call_off_duty)
        # A time that is being typed stays.
        if self._duty == preferences.duty or self._pause.isActive():
            return
        self.at_start.show_value(preferences.duty.at_start)
        self.at_end.show_value(preferences.duty.at_end)
        for row, day in enumerate(DAYS):
            span: str | None = getattr(preferences.duty.hours, day)
            self.days[row].setChecked(span is not None)
            begin, _dash, end = (span or "").partition("-")
            self._show_times(row, (begin, end) if span else None)

    @property
    def week(self) -> Week:
        """The hours as they stand."""
        spans = {
            day: f"{begin.time().toString(_FORMAT)}-{end.time().toString(_FORMAT)}"
            for day, box, begin, end in zip(DAYS, self.days, self.begins, self.ends, strict=True)
            if box.isChecked()
        }
        return Week(**spans)

    @property
    def _duty(self) -> Duty:
        return Duty(
            at_start=AtStart(str(self.at_start.value)),
            at_end=AtEnd(str(self.at_end.value)),
            hours=self.week,
        )

    def hideEvent(self, event: QHideEvent) -> None:
        """Write what was typed a moment ago."""
        super().hideEvent(event)
        if self._pause.isActive():
            self._tell()

    def _take_day(self, row: int, *, on: bool) -> None:
        # As the day before it: most weeks have the same hours each day.
        before = [at for at in range(row) if self.days[at].isChecked()]
        times = _USUAL
        if before:
            times = (
                self.begins[before[-1]].time().toString(_FORMAT),
                self.ends[before[-1]].time().toString(_FORMAT),
            )
        self._show_times(row, times if on else None)
        self._tell()

    def _show_times(self, row: int, times: tuple[str, str] | None) -> None:
        for field, text in zip((self.begins[row], self.ends[row]), times or _USUAL, strict=True):
            field.setEnabled(times is not None)
            field.blockSignals(True)
            field.setTime(QTime.fromString(text, _FORMAT))
            field.blockSignals(False)

    def _tell(self) -> None:
        self._pause.stop()
        self.changed.emit(duty(self._duty))


def _time(name: str) -> QTimeEdit:
    field = QTimeEdit()
    field.setDisplayFormat(_FORMAT)
    field.setAccessibleName(name)
    field.setWrapping(True)
    return field
