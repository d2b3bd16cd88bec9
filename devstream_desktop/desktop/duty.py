"""This person's duty: switched by hand, by hours, or by the answer to a reminder."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from devstream_desktop.clock import now_ms
from devstream_desktop.control.messages.base import Done
from devstream_desktop.control.messages.stream import SetDuty
from devstream_desktop.desk.duty import Duty as Hours
from devstream_desktop.desk.store import LEFT, DeskStore
from devstream_desktop.desktop.client.duty_keeper import DutyKeeper
from devstream_desktop.desktop.client.question import Question
from devstream_desktop.desktop.client.state import AppState
from devstream_desktop.desktop.popups.notifier import REMINDER, Notice, Notifier
from devstream_desktop.language import _


class Duty(QObject):
    """Asks the node for each change, and remembers when the person left."""

    asked = Signal(object)
    """A `Question` for the node."""
    refused = Signal(str)
    """The node's reason; what shows the switch is to show the old state again."""
    came = Signal(object)
    """The person came on duty, and had left at this moment: UTC milliseconds, 0 for never.

    An `object`, because an `int` of Qt has 32 bits.
    """

    def __init__(
        self, state: AppState, store: DeskStore, notifier: Notifier, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._store = store
        self._notifier = notifier
        self._was_on = False
        self._keeper = DutyKeeper(store, parent=self)
        self._keeper.switched.connect(self._turn)
        self._keeper.reminded.connect(self._remind)
        notifier.activated.connect(self._answer)
        state.changed.connect(self._follow)

    def set_hours(self, hours: Hours) -> None:
        """Take the hours of the preferences."""
        self._keeper.set_duty(hours)
        self._show_until()

    def switch(self, on: bool) -> None:
        """Come on duty, or go off."""
        self._switch(on, self.refused.emit)

    def _turn(self, on: bool, first: bool) -> None:
        # It is tried until it is taken, and the reason why not is told once.
        self._switch(on, self.refused.emit if first else lambda _: None)

    def _switch(self, on: bool, refuse: Callable[[str], None]) -> None:
        asked_at = now_ms()

        def done(_: Done) -> None:
            self._keeper.settle(asked_at)
            if on:
                self.came.emit(self._store.moment(LEFT))
            else:
                self._store.set_moment(LEFT, now_ms())

        self.asked.emit(Question(SetDuty(on=on), done, refuse, self))

    def _follow(self) -> None:
        on, ready = self._state.on_duty, self._state.ready
        if ready:
            # By a command, or on another device.
            if self._was_on and not on:
                self._store.set_moment(LEFT, now_ms())
            self._was_on = on
        self._keeper.set_state(on_duty=on, ready=ready)
        self._show_until()

    def _show_until(self) -> None:
        if (until := self._keeper.until) != self._state.duty_until:
            self._state.duty_until = until
            self._state.changed.emit()

    def _remind(self, on: bool) -> None:
        """Ask whether duty begins or ends."""
        notice = Notice(
            REMINDER,
            _("Your duty hours have begun") if on else _("Your duty hours are over"),
            _("You are off duty.") if on else _("You are still on duty."),
            actions=(("duty-on", _("Come on duty")) if on else ("duty-off", _("Go off duty")),),
        )
        self._notifier.show_notice(notice)

    def _answer(self, key: str, action: str) -> None:
        if key == REMINDER and action in ("duty-on", "duty-off"):
            self.switch(action == "duty-on")
            self._notifier.withdraw(REMINDER)
