"""Export of what is shown: where to, how far, and where it is."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QFile, QTimer, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QDialogButtonBox,
    QFileDialog,
    QProgressBar,
    QPushButton,
    QWidget,
)

from devstream_desktop.desktop.client.background import Background
from devstream_desktop.desktop.client.export import Export
from devstream_desktop.desktop.widgets.dialog import Dialog, column, plain_button, say
from devstream_desktop.desktop.widgets.look import sentence
from devstream_desktop.desktop.widgets.text import ElidedLabel, PlainLabel, heading
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.language import N_, _, ngettext, number
from devstream_desktop.stream.export import Form
from devstream_desktop.stream.query import Query

_LOOK_MS = 100
_FILTERS = {
    Form.CSV: N_("CSV for a spreadsheet (*.csv)"),
    Form.JSONL: N_("JSON, one object a line (*.jsonl)"),
}


class ExportDialog(Dialog):
    """Writes the lines of a search beside the screen."""

    def __init__(
        self, history: Path, query: Query, words: str, parent: QWidget | None = None
    ) -> None:
        """Make the dialog; `words` is the search as the person typed it."""
        super().__init__(_("Export"), parent)
        self._history, self._query = history, query
        self._thread = Background("export", self)
        self._export: Export | None = None
        self._there = (Path(), Form.CSV)
        """The file that would be replaced."""
        self.resize(460, 0)
        self.what = ElidedLabel(
            _("What answers {search}").format(search=words)
            if words
            else _("Everything in the history")
        )
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(_("The export goes on"))
        self.said = PlainLabel(_("Choose a file."), wrap=True)
        buttons = QDialogButtonBox()
        self.show_folder = QPushButton(_("Open the &folder"))
        buttons.addButton(self.show_folder, QDialogButtonBox.ButtonRole.ActionRole)
        self.choose = QPushButton(_("Choose &another…"))
        buttons.addButton(self.choose, QDialogButtonBox.ButtonRole.ActionRole)
        self.replace = QPushButton(_("&Replace it"))
        self.replace.setAutoDefault(False)
        buttons.addButton(self.replace, QDialogButtonBox.ButtonRole.ActionRole)
        self.leave = plain_button(buttons, QDialogButtonBox.StandardButton.Cancel)
        rows = column(self)
        for widget in (heading(_("Export")), self.what, self.bar, self.said, buttons):
            rows.addWidget(widget)
        self.show_folder.hide()
        self.choose.hide()
        self.replace.hide()
        self.bar.hide()
        self.choose.clicked.connect(self.begin)
        self.replace.clicked.connect(self._replace)
        self.show_folder.clicked.connect(self._show_folder)
        self.leave.clicked.connect(self.reject)
        self.finished.connect(self._end)
        self._look = QTimer(self, interval=_LOOK_MS)
        self._look.timeout.connect(self._count)
        self._forms = {_(said): form for form, said in _FILTERS.items()}
        self.files = QFileDialog(self, _("Export to"))
        self.files.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        self.files.setNameFilters(list(self._forms))
        self.files.selectFile("devstream")
        self.files.fileSelected.connect(self._choose)
        self.files.rejected.connect(self.reject)

    def begin(self) -> None:
        """Ask for the file."""
        self.replace.hide()
        self.files.open()

    def write(self, file: Path, form: Form) -> None:
        """Write the lines into a file."""
        self._export = export = Export(self._history, self._query, file, form)
        self.choose.hide()
        self.replace.hide()
        self.bar.show()
        self._look.start()
        self._thread.run(export.run, self._done, refuse=self._failed, owner=self)

    def _choose(self, name: str) -> None:
        form = self._forms.get(self.files.selectedNameFilter(), Form.CSV)
        file = Path(name)
        # What a person writes out counts for more than the list beside it.
        by_suffix = {f".{one.value}": one for one in _FILTERS} | {".json": Form.JSONL}
        if file.suffix in by_suffix:
            form = by_suffix[file.suffix]
        else:
            file = file.with_name(f"{file.name}.{form.value}")
            # The list of files has asked about the name without it.
            if QFile.exists(str(file)):
                self._ask_about(file, form)
                return
        self.write(file, form)

    def _ask_about(self, file: Path, form: Form) -> None:
        self._there = file, form
        said = _("There is a file {file} already.").format(file=file.name)
        say(self.said, said, Tone.AMBER)
        self.replace.show()
        self.choose.show()
        self.choose.setFocus()

    def _replace(self) -> None:
        self.write(*self._there)

    def _count(self) -> None:
        if self._export is not None:
            written = self._export.written
            so_far = ngettext("{count} line so far", "{count} lines so far", written)
            self.said.setText(so_far.format(count=number(written)))

    def _done(self, whole: bool) -> None:
        self._look.stop()
        self.bar.hide()
        if self._export is not None and whole:
            written = self._export.written
            told = ngettext("{count} line in {file}", "{count} lines in {file}", written)
            said = told.format(count=number(written), file=self._export.file)
            say(self.said, said, Tone.GREEN)
            self.show_folder.show()
            self.leave.setText(_("Close"))

    def _failed(self, why: str) -> None:
        self._look.stop()
        self.bar.hide()
        say(self.said, f"{sentence(why)}.", Tone.RED)
        self.choose.show()

    def _show_folder(self) -> None:
        if self._export is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._export.file.parent)))

    def _end(self) -> None:
        if self._export is not None:
            self._export.stop()
        self._thread.close()
