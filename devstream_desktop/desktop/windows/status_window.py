"""Is it working, and if not, why: the node's status in words and two small tables."""

from __future__ import annotations

import time
from collections.abc import Iterable

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from devstream_desktop.control.messages.status import PeerStatus, Status
from devstream_desktop.control.wording import catching_up, clock, count, ends, heard, lost, offset, untold
from devstream_desktop.desktop.client.state import STALE_MS, AppState
from devstream_desktop.desktop.widgets.dialog import paint, plain_button
from devstream_desktop.desktop.widgets.look import ago, people, sentence
from devstream_desktop.desktop.widgets.progress import ProgressStrip
from devstream_desktop.desktop.widgets.text import PlainLabel, heading
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.stream.text import clean

_SHOWN = 5
_NAME, _CELL = 24, 60
"""Characters of a name and of another cell: neither pushes the columns behind it out of sight."""


class StatusWindow(QDialog):
    """Follows the desk for as long as it is open."""

    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("devstream status")
        self.resize(900, 560)
        self._state = state
        self.summary = heading("")
        self.progress = ProgressStrip()
        self.node = PlainLabel(wrap=True, selectable=True)
        self.notices = PlainLabel(wrap=True, selectable=True)
        self.missing = PlainLabel(wrap=True, selectable=True)
        self.peers = _table("Peers", ("Person", "Device", "Address", "Link", "To get / to give", "Clock", "Heard"))
        self.sources = _table("Sources", ("Source", "Type", "State", "Heard", "Events", "Not told", "Token"))
        self.troubles = PlainLabel(wrap=True, selectable=True)
        self.refused = PlainLabel(wrap=True, selectable=True)
        self.peers_title, self.sources_title = PlainLabel("Peers"), PlainLabel("Sources")
        paint(self.node, Tone.MUTED)
        for label in (self.notices, self.missing, self.refused, self.troubles):
            paint(label, Tone.AMBER)
        buttons = QDialogButtonBox()
        plain_button(buttons, QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 16)
        column.setSpacing(10)
        column.addWidget(self.summary)
        column.addWidget(self.progress)
        column.addWidget(self.notices)
        column.addWidget(self.node)
        column.addWidget(self.missing)
        column.addWidget(self.peers_title)
        column.addWidget(self.peers, 1)
        column.addWidget(self.refused)
        column.addWidget(self.sources_title)
        column.addWidget(self.sources, 1)
        column.addWidget(self.troubles)
        column.addWidget(buttons)
        state.changed.connect(self.refresh)
        self._again = QTimer(self, interval=STALE_MS)
        self._again.timeout.connect(state.ask_status)
        self._again.start()
        state.ask_status()
        self.refresh()

    def refresh(self) -> None:
        """Say what is true now."""
        status = self._state.status
        notices = list(status.notices) if status is not None else []
        if not self._state.connected:
            notices.insert(0, self._state.trouble or f"The node is {'starting' if status is None else 'restarting'}.")
        if self._state.locked:
            notices.insert(0, sentence(self._state.locked))
        if self._state.history_error:
            notices.append(self._state.history_error)
        self.notices.setText("\n".join(clean(notice, 300) for notice in notices))
        self.notices.setVisible(bool(notices))
        if status is None:
            self.summary.setText("The node has not answered yet")
            return
        self.summary.setText(
            "Locked" if self._state.locked else "Needs attention" if notices else sentence(catching_up(status)) or "All is well"
        )
        self.progress.show_status(status if self._state.connected else None)
        now = int(time.time() * 1000)
        self.node.setText(node_text(status, now))
        _tell(self.missing, (f"Missing: {lost(one, now)}" for one in status.lost))
        self.peers_title.setText("Peers" if status.peers else "Peers: none yet. Those on this network are found by themselves.")
        self.sources_title.setText("Sources" if status.sources else "Sources: none on this machine.")
        _fill(
            self.peers,
            [
                (
                    peer.person,
                    peer.device[:8],
                    peer.address,
                    ", ".join(part for part in (peer.state, peer.direction) if part),
                    _todo(peer),
                    offset(peer.clock_offset) if peer.device else "",
                    ago(peer.seen, now),
                )
                for peer in status.peers
            ],
        )
        _fill(
            self.sources,
            [
                (
                    source.name,
                    source.type,
                    source.state,
                    heard(source, now),
                    f"{source.events:,}",
                    untold(source),
                    ends(source.token_ends, now) if source.token_ends else "",
                )
                for source in status.sources
            ],
        )
        refused = status.refused[:_SHOWN]
        _tell(
            self.refused,
            (f"Not let in: {peer.address}, {count(peer.count, 'time')}, {ago(peer.seen, now)}: {peer.reason}" for peer in refused),
        )
        _tell(self.troubles, [f"{source.name}: {source.error}" for source in status.sources if source.error][:_SHOWN])


def node_text(status: Status, now: int) -> str:
    """The node in five lines; in one while it is locked, because the rest is not known."""
    if status.locked:
        return clean(" · ".join(filter(None, (status.person, status.team, status.device[:8], f"devstream {status.version}"))), 300)
    team = "a team of one" if status.solo else f"{status.team}, {people(status.members)}"
    roles = ", ".join(status.roles) or "none"
    size = f"{status.history_bytes / 1e6:.1f} MB, {status.disk_free / 1e9:.1f} GB free"
    span = f" · oldest {ago(status.oldest, now)}, newest {ago(status.newest, now)}" if status.events else ""
    policy = f"policy version {status.policy_version} {ends(status.policy_expires, now)}"
    lines = (
        f"{status.person} in {team} · device {status.device[:8]} · roles: {roles}",
        f"mesh {status.mesh or 'off'} · discovery {status.discovery or 'off'} · intake {status.intake or 'off'}",
        f"{count(status.events, 'event')} of {count(status.feeds, 'feed')} · {size}{span}",
        f"clock {clock(status)} · {policy} · certificate {ends(status.certificate_expires, now)}",
        f"{count(status.targets, 'deploy target')} · devstream {status.version}",
    )
    return "\n".join(clean(line, 300) for line in lines)


def _todo(peer: PeerStatus) -> str:
    return f"{peer.behind:,} / {peer.lag:,}" if peer.behind or peer.lag else ""


def _tell(label: PlainLabel, lines: Iterable[str]) -> None:
    text = "\n".join(clean(line, 300) for line in lines)
    label.setText(text)
    label.setVisible(bool(text))


def _table(name: str, headers: tuple[str, ...]) -> QTableWidget:
    table = QTableWidget(0, len(headers))
    table.setAccessibleName(name)
    table.setHorizontalHeaderLabels(list(headers))
    table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    table.horizontalHeader().setHighlightSections(False)
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    table.horizontalHeader().setStretchLastSection(True)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + 8)
    table.setShowGrid(False)
    table.setFrameShape(QFrame.Shape.StyledPanel)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
    # With the keyboard it can be scrolled and left again.
    table.setTabKeyNavigation(False)
    return table


def _fill(table: QTableWidget, rows: list[tuple[str, ...]]) -> None:
    table.setRowCount(len(rows))
    for row, texts in enumerate(rows):
        for column, text in enumerate(texts):
            table.setItem(row, column, QTableWidgetItem(clean(text, _NAME if column == 0 else _CELL)))
