"""The line at the foot of the history window: how the node is."""

from __future__ import annotations

from devstream_desktop.control.messages.status import Status
from devstream_desktop.control.wording import catching_up, on_duty
from devstream_desktop.desktop.client.state import AppState
from devstream_desktop.desktop.widgets.look import people, sentence
from devstream_desktop.desktop.widgets.text import ElidedLabel, paint
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.language import _, ngettext, number


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
        restarts = status is not None
        how = _("The node is restarting…") if restarts else _("The node is starting…")
        return state.trouble or how, Tone.AMBER
    if status is None:
        return _("Asking the node…"), Tone.MUTED
    if status.locked:
        return _("Locked: the node waits for the keyring"), Tone.AMBER
    if status.missing:
        said = _("{progress}. The newest came first.")
        return said.format(progress=sentence(catching_up(status))), Tone.BLUE
    if status.notices:
        return f"! {status.notices[0]}", Tone.AMBER
    return " · ".join(_usual_parts(status)), Tone.MUTED


def _usual_parts(status: Status) -> list[str]:
    """Return what there is to say of a node that works."""
    peers = _("no peers")
    if status.peers:
        connected = sum(peer.state in ("live", "syncing") for peer in status.peers)
        peers = _("{count} of {total} peers").format(count=connected, total=len(status.peers))
    team = _("team of one") if status.solo else f"{status.team}, {people(status.members)}"
    on = ", ".join(on_duty(status))
    duty = _("on duty: {people}").format(people=on) if on else _("nobody is on duty")
    events = ngettext("{count} event", "{count} events", status.events)
    return [team, status.person, peers, duty, events.format(count=number(status.events))]
