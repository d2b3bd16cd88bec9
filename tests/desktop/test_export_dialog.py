"""Export from the window: what is shown, whole or not at all, as the command writes it."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QFileDialog

from devstream_desktop.cli.main import main
from devstream_desktop.desktop.client.export import Export
from devstream_desktop.desktop.commands import Command
from devstream_desktop.desktop.windows.export_dialog import ExportDialog
from devstream_desktop.home import Home
from devstream_desktop.stream.export import Form
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.query_text import parse_query


@pytest.fixture
def dialog(qtbot, show, written, pushes, home):
    """A dialog over five commits, as it is opened."""
    written.add(*pushes(5))

    def make(query: str = "") -> ExportDialog:
        return show(ExportDialog(Home(home).history, parse_query(query), query))

    return make


@pytest.mark.parametrize(
    ("name", "kind", "file"),
    [
        ("out", "CSV", "out.csv"),
        ("out", "JSON", "out.jsonl"),
        ("out.csv", "JSON", "out.csv"),
        ("a.b", "CSV", "a.b.csv"),
    ],
)
def test_the_file_is_the_one_of_the_command(
    qtbot, dialog, tmp_path, home, capsys, name, kind, file
):
    shown = dialog("commit")
    filters = [one for one in shown.files.nameFilters() if one.startswith(kind)]
    shown.files.selectNameFilter(filters[0])
    shown.files.fileSelected.emit(str(tmp_path / name))
    qtbot.waitUntil(lambda: "5 lines in" in shown.said.text())
    form = file.rpartition(".")[2]
    assert main(["--home", str(home), "export", "--format", form, "commit"]) == 0
    assert (tmp_path / file).read_text(encoding="utf-8") == capsys.readouterr().out
    assert shown.show_folder.isVisible()
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(("out", "a.", "."))] == [
        file
    ]


def test_a_second_export_replaces_the_first_only_when_it_is_told_to(qtbot, dialog, tmp_path):
    first = tmp_path / "devstream.csv"
    first.write_text("the first export")
    shown = dialog()
    # As it is proposed: without the suffix that the list beside it gives.
    shown.files.fileSelected.emit(str(tmp_path / "devstream"))
    assert shown.said.text() == "There is a file devstream.csv already."
    assert shown.replace.isVisible()
    assert not shown.replace.isDefault()
    shown.choose.click()
    assert shown.files.isVisible()
    assert not shown.replace.isVisible()
    assert first.read_text() == "the first export"
    shown.files.fileSelected.emit(str(tmp_path / "devstream"))
    shown.replace.click()
    qtbot.waitUntil(lambda: "5 lines in" in shown.said.text())
    assert first.read_text() != "the first export"
    assert not shown.replace.isVisible()


def test_a_folder_that_is_not_there_is_told(qtbot, dialog, tmp_path):
    shown = dialog()
    shown.write(tmp_path / "none" / "out.csv", Form.CSV)
    qtbot.waitUntil(lambda: "cannot be written" in shown.said.text())
    assert not shown.bar.isVisible()
    # As the sentence says: another can be chosen.
    shown.choose.click()
    assert shown.files.isVisible()
    shown.files.fileSelected.emit(str(tmp_path / "out.csv"))
    qtbot.waitUntil(lambda: "5 lines in" in shown.said.text())
    assert not shown.choose.isVisible()


def test_what_is_stopped_leaves_the_old_file(dialog, tmp_path, home):
    dialog()
    file = tmp_path / "out.csv"
    file.write_text("before")
    export = Export(Home(home).history, Query(), file, Form.CSV)
    export.stop()
    assert not export.run()
    assert file.read_text() == "before"
    assert not list(tmp_path.glob(".out.csv.*"))


def test_nothing_is_asked_twice_when_no_file_is_chosen(qtbot, dialog):
    shown = dialog()
    assert shown.files.acceptMode() is QFileDialog.AcceptMode.AcceptSave
    with qtbot.waitSignal(shown.finished):
        shown.files.reject()


def test_the_window_asks_for_what_it_shows(qtbot, window, pushes):
    shown = window(*pushes(2))
    shown.filters.search.setText("kind:change")
    qtbot.waitUntil(lambda: not shown.browser.model.query.everything)
    with qtbot.waitSignal(shown.export_chosen) as asked:
        shown.commands.action(Command.EXPORT).trigger()
    assert asked.args == [shown.browser.model.query, "kind:change"]
