"""The table [mesh] of settings.toml: addresses of this node and its peers."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton

from devstream_desktop.desk.preferences_file import Change, option
from devstream_desktop.desktop.widgets.dialog import say
from devstream_desktop.desktop.widgets.look import sentence
from devstream_desktop.desktop.widgets.text import PlainLabel
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.desktop.widgets.tick import Tick
from devstream_desktop.desktop.windows.settings.form import Page, note
from devstream_desktop.desktop.windows.settings.rule_text import names_in, typed_list
from devstream_desktop.language import N_, _
from devstream_desktop.settings import MeshSettings


class NetworkPage(Page):
    """Addresses, which are written together: one alone may be wrong."""

    title = N_("Network")
    about = N_(
        "Where this node listens and whom it dials. On a local network all of it is found by"
        " itself. Each is a line of [mesh] in settings.toml."
    )
    settings_changed = Signal(object)
    """A `Change` of settings.toml."""

    def __init__(self) -> None:
        super().__init__()
        self._shown = MeshSettings()
        self.discovery = Tick(_("&Find peers on the local network"))
        self.listen = QLineEdit()
        self.addresses = QLineEdit()
        self.peers = QLineEdit()
        self.addresses.setPlaceholderText(
            _("where others reach it besides: {example}").format(example="203.0.113.7:7400")
        )
        dialed = "10.0.0.5:7400, 10.0.0.6:7400"
        self.peers.setPlaceholderText(_("whom to dial: {example}").format(example=dialed))
        self.save = QPushButton(_("&Save"))
        self.save.setAutoDefault(False)
        self.said = PlainLabel(wrap=True)
        rows = self.form()
        rows.addRow(_("&Listen at"), self.listen)
        rows.addRow(_("&Addresses"), self.addresses)
        rows.addRow(_("&Peers"), self.peers)
        self.column.addWidget(self.discovery)
        row = QHBoxLayout()
        row.addWidget(self.save)
        row.addStretch(1)
        self.column.addLayout(row)
        self.column.addWidget(self.said)
        self.column.addWidget(note(_("A running node takes them over when they are saved.")))
        self.column.addStretch(1)
        self.save.clicked.connect(self._tell)
        self.discovery.clicked.connect(self._follow)
        for field in (self.listen, self.addresses, self.peers):
            field.textChanged.connect(self._follow)
            field.returnPressed.connect(self.save.click)
        self._follow()

    def show_mesh(self, mesh: MeshSettings) -> None:
        """Show what the file says."""
        self._shown = mesh
        self.listen.setText(mesh.listen)
        self.addresses.setText(typed_list(mesh.addresses))
        self.peers.setText(typed_list(mesh.peers))
        self.discovery.setChecked(mesh.discovery)
        self._follow()

    def show_said(self, text: str, tone: Tone) -> None:
        """Tell how saving went."""
        say(self.said, sentence(text), tone)
        self.said.show()

    @property
    def mesh(self) -> MeshSettings:
        """The addresses as they stand, right or wrong."""
        return MeshSettings(
            listen=self.listen.text().strip(),
            addresses=names_in(self.addresses.text()),
            peers=names_in(self.peers.text()),
            discovery=self.discovery.isChecked(),
        )

    def _follow(self, *_changed: object) -> None:
        self.save.setEnabled(self.mesh != self._shown)
        self.said.hide()

    def _tell(self) -> None:
        wanted, shown = self.mesh, self._shown
        changes = [
            option(list(new) if isinstance(new, tuple) else new, "mesh", name)
            for name in wanted.__struct_fields__
            if (new := getattr(wanted, name)) != getattr(shown, name)
        ]

        def change(text: str) -> str:
            for one in changes:
                text = one(text)
            return text

        settled: Change = change
        self.settings_changed.emit(settled)
