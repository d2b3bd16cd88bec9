"""The line at the foot of the history window: how the node is."""

from __future__ import annotations

from devstream_desktop.control.wording import catching_up, on_duty
from devstream_desktop.desktop.client.state import AppState
from devstream_desktop.desktop.widgets.dialog import paint
from devstream_desktop.desktop.widgets.look import people, sentence
from devstream_desktop.desktop.widgets.text import ElidedLabel
from devstream_desktop.desktop.widgets.theme import Tone


class StatusLine(ElidedLabel):
    """One sentence, in the colour of its meaning."""

    def show_state(self, state: AppState, mistake: str) -> None:
        """Show how the node is, or the mistake in what was typed."""
        text, tone = (mistake, Tone.AMBER) if mistake else status_text(state)
        paint(self, tone)
        self.set_whole(text)


def status_text(state: AppState) -> tuple[str, Tone]:
    """Return how the node is, in one line, with its colour."""
    # The first of these that holds makes the ones below it out of date or unimportant.
    status = state.status
    if not state.connected:
        how = "restarting" if status is not None else "starting"
        return state.trouble or f"The node is {how}…", Tone.AMBER
    if status is None:
        return "Asking the node…", Tone.MUTED
    if status.locked:
        return "Locked: the node waits for the keyring", Tone.AMBER
    if status.missing:
        return f"{sentence(catching_up(status))}. The newest came first.", Tone.BLUE
    if status.notices:
        return f"! {status.notices[0]}", Tone.AMBER
    connected = sum(1 for peer in status.peers if peer.state in ("live", "syncing"))
    peers = f"{connected} of {len(status.peers)} peers" if status.peers else "no peers"
    team = "team of one" if status.solo else f"{status.team}, {people(status.members)}"
    duty = ", ".join(on_duty(status))
    duty = f"on duty: {duty}" if duty else "nobody is on duty"
    events = f"{status.events:,} events"
    return f"{team} · {status.person} · {peers} · {duty} · {events}", Tone.MUTED
