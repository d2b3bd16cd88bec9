"""The app's state in one icon and one line, for the tray."""

from __future__ import annotations

from devstream_desktop.control.messages.status import Status
from devstream_desktop.control.wording import catching_up
from devstream_desktop.desktop.client.state import AppState
from devstream_desktop.desktop.widgets.icons import Mark


def mark_and_tooltip(state: AppState) -> tuple[Mark, str]:
    """Return the icon, and the tooltip `devstream: TEAM · PERSON: STATE`."""
    mark, how = _mark_and_state(state)
    if state.status is None:
        return mark, f"devstream: {how}"
    return mark, f"devstream: {header_text(state.status, connected=True)}: {how}"


def _mark_and_state(state: AppState) -> tuple[Mark, str]:
    status = state.status
    # The worst first: what makes the rest of the status out of date or meaningless.
    if not state.connected:
        return Mark.OFFLINE, f"node is {'starting' if status is None else 'restarting'}"
    if state.locked:
        return Mark.LOCKED, state.locked
    if status is not None and status.notices:
        return Mark.FAILING, status.notices[0]
    mark, duty = (Mark.ON_DUTY, "on duty") if state.on_duty else (Mark.OFF_DUTY, "off duty")
    if status is not None and status.missing:
        duty = f"{duty}, {catching_up(status)}"
    # Who is off duty wants none.
    if state.popup_trouble and state.on_duty:
        return mark, f"{duty}, but {state.popup_trouble}"
    return mark, duty


def header_text(status: Status | None, *, connected: bool) -> str:
    """Return `TEAM · PERSON`, and what is wrong with the node."""
    if status is None:
        return "devstream" if connected else "devstream · the node is starting"
    team = "a team of one" if status.solo else status.team
    how = "the node is restarting" if not connected else "locked" if status.locked else ""
    return " · ".join(filter(None, (team, status.person, how)))
