"""The settings window: each setting is a line of a file, and counts at once."""

from __future__ import annotations

import gettext
import time

import msgspec
import pytest
from PySide6.QtCore import QPoint, Qt, QTime
from PySide6.QtGui import QAccessible, QPalette
from PySide6.QtWidgets import (
    QAbstractScrollArea,
    QApplication,
    QComboBox,
    QScrollBar,
    QStyle,
    QStyleOptionViewItem,
    QTimeEdit,
    QWidget,
)
from sight import luminance
from tabs import doubled_letters

from devstream_desktop import language
from devstream_desktop.control.messages.policy import GetPolicy
from devstream_desktop.desk.autostart import AutostartError, DesktopEntry
from devstream_desktop.desk.duty import AtStart
from devstream_desktop.desk.preferences import Colours, Icon, Preferences, load_preferences
from devstream_desktop.desktop.client.preferences import LivePreferences
from devstream_desktop.desktop.widgets.appearance import show_colours
from devstream_desktop.desktop.widgets.theme import is_dark
from devstream_desktop.desktop.widgets.tick import Tick
from devstream_desktop.desktop.windows.settings.me_page import MePage
from devstream_desktop.desktop.windows.settings.rule_text import (
    conditions_text,
    names_in,
    rule_name,
    typed_list,
)
from devstream_desktop.desktop.windows.settings.window import SettingsWindow
from devstream_desktop.home import Home
from devstream_desktop.settings import load_settings
from devstream_desktop.stream.rules import DEFAULT, Attention, Rule
from devstream_desktop.stream.words import Kind

LINE = "# by hand\nnames = []  # nobody else\n"


class Opened:
    """The window over files of its own."""

    def __init__(self, home: Home, window: SettingsWindow, preferences: LivePreferences) -> None:
        self.home, self.window, self.preferences = home, window, preferences
        self.reloads = 0

    @property
    def file(self) -> str:
        return self.home.preferences.read_text(encoding="utf-8")


@pytest.fixture
def opened(qtbot, written, asked, home, tmp_path, show):
    """Opens the settings, after desk.toml was written."""
    made = []

    def make(text: str | None = LINE, login=None) -> Opened:
        place = Home(home)
        place.preferences.unlink()
        if text is not None:
            place.preferences.write_text(text, encoding="utf-8")
        preferences = LivePreferences(place.preferences)
        entry = login or DesktopEntry(
            "d.desktop", ("/bin/devstream",), {"XDG_CONFIG_HOME": str(tmp_path)}
        )

        def reload() -> bool:
            found.reloads += 1
            return found.reloads == 1

        window = show(SettingsWindow(place, written.state, preferences, entry, reload))
        found = Opened(place, window, preferences)
        made.append(found)
        return found

    yield make
    for one in made:
        one.window.reject()
        one.preferences.close()


def test_a_choice_is_a_line_of_the_file_and_counts_at_once(qtbot, opened) -> None:
    found = opened()
    with qtbot.waitSignal(found.preferences.changed):
        found.window.general.icon.picked.emit(Icon.PRODUCTION)
    assert found.preferences.current.icon is Icon.PRODUCTION
    assert found.file.startswith(LINE)
    assert 'icon = "production"  # what colours the tray icon' in found.file


def test_a_line_written_by_hand_is_shown(qtbot, opened) -> None:
    found = opened()
    found.home.preferences.write_text('icon = "unclaimed"\ncolours = "dark"\n')
    found.preferences.look()
    assert found.window.general.icon.value is Icon.UNCLAIMED
    assert found.window.general.colours.value is Colours.DARK


def test_a_mistake_is_told_with_its_line_and_nothing_is_written(qtbot, opened) -> None:
    found = opened('icon = "blue"')
    assert "line 1: icon must be worst" in found.window.mistake.text()
    assert found.window.mistake.isVisible()
    assert not found.window.rules.isEnabled()
    assert found.window.network.isEnabled()
    found.window.general.icon.picked.emit(Icon.WORST)
    qtbot.waitUntil(lambda: "icon must be" in found.window.said.text())
    assert found.file == 'icon = "blue"'
    found.home.preferences.write_text(LINE)
    found.preferences.look()
    assert not found.window.mistake.isVisible()
    assert found.window.rules.isEnabled()


def test_start_at_login_shows_the_true_state(qtbot, opened) -> None:
    found = opened()
    login = found.window.general.login
    qtbot.waitUntil(login.isEnabled)
    assert not login.isChecked()
    login.click()
    entry = found.window._login
    qtbot.waitUntil(entry.enabled)
    login.click()
    qtbot.waitUntil(lambda: not entry.enabled())
    assert not login.isChecked()


def test_a_start_at_login_that_cannot_be_written_stays_as_it_is(qtbot, opened) -> None:
    class Refusing:
        def enabled(self) -> bool:
            return False

        def set_enabled(self, *, on: bool) -> None:
            raise AutostartError("start at login is as it was: no room")

    general = opened(login=Refusing()).window.general
    qtbot.waitUntil(general.login.isEnabled)
    general.login.click()
    qtbot.waitUntil(general.login_state.isVisible)
    assert general.login_state.text() == "Start at login is as it was: no room."
    assert not general.login.isChecked()


def test_the_retention_of_the_team_is_shown(opened, asked, fake) -> None:
    found = opened()
    asked.answer(fake.POLICY, GetPolicy)
    assert f"keeps {fake.POLICY.retention_days} days" in found.window.general.retention.text()


def test_a_rule_is_made_edited_moved_and_removed(qtbot, opened) -> None:
    found = opened()
    page = found.window.rules
    found.window.show_rule(0)
    page.make()
    dialog = page.dialog
    dialog.name.setText("Mine first")
    dialog.kinds[Kind.CHANGE].setChecked(True)
    dialog.lists["branch"].setText("main, release/*")
    with qtbot.waitSignal(found.preferences.changed):
        dialog.keep.click()
    mine = Rule(
        name="Mine first", then=Attention.POPUP, kind=(Kind.CHANGE,), branch=("main", "release/*")
    )
    assert found.preferences.current.rules == (mine, *DEFAULT)
    with qtbot.waitSignal(found.preferences.changed):
        qtbot.keyClick(page.list, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert found.preferences.current.rules[:2] == (DEFAULT[0], mine)
    assert page.list.currentItem().text(0) == "2. Mine first"
    page.edit()
    page.dialog.then.show_value(Attention.QUIET)
    with qtbot.waitSignal(found.preferences.changed):
        page.dialog.keep.click()
    quiet = msgspec.structs.replace(mine, then=Attention.QUIET)
    assert found.preferences.current.rules[1] == quiet
    with qtbot.waitSignal(found.preferences.changed):
        qtbot.keyClick(page.list, Qt.Key.Key_Delete)
    assert load_preferences(found.home.preferences).rules == DEFAULT
    assert found.file.startswith(LINE)


def test_the_usual_rules_come_back(qtbot, opened) -> None:
    found = opened(LINE + '[[rule]]\nname = "x"\nthen = "popup"\n')
    page = found.window.rules
    assert not page.remove.isEnabled()
    with qtbot.waitSignal(found.preferences.changed):
        page.reset.click()
    assert found.preferences.current.rules == DEFAULT
    assert not page.reset.isEnabled()
    with qtbot.waitSignal(found.preferences.changed):
        found.window.undo.click()
    assert [rule.name for rule in found.preferences.current.rules] == ["x"]
    assert not found.window.undo.isEnabled()


def test_a_time_that_was_just_typed_is_written_when_the_window_closes(qtbot, opened) -> None:
    found = opened()
    found.window.list.setCurrentRow(2)
    page = found.window.duty
    with qtbot.waitSignal(found.preferences.changed):
        page.days[0].click()
    page.begins[0].setTime(QTime(7, 15))
    found.window.reject()
    found.preferences.close()
    assert load_preferences(found.home.preferences).duty.hours.Mon == "07:15-18:00"


def test_what_was_not_written_is_not_shown(qtbot, opened) -> None:
    found = opened()
    page = found.window.duty
    found.home.preferences.write_text('icon = "blue"')
    page.days[0].click()
    qtbot.waitUntil(found.window.said.isVisible)
    assert not page.days[0].isChecked()


def test_the_list_of_names_keeps_its_place(opened, written) -> None:
    found = opened('names = ["a", "b"]')
    page = found.window.me
    page.list.setCurrentRow(1)
    written.answer(person="ana")
    written.state.changed.emit()
    assert page.list.currentRow() == 1


def test_a_rule_that_is_wrong_cannot_be_saved(qtbot, opened) -> None:
    page = opened().window.rules
    page.edit()
    page.dialog.hours.setText("8-18")
    assert "Hours must be hours of this machine's clock" in page.dialog.mistake.text()
    assert not page.dialog.keep.isEnabled()
    page.dialog.hours.setText("08:00-18:00")
    assert page.dialog.keep.isEnabled()
    page.dialog.reject()


def test_the_preview_counts_what_would_have_popped_up(qtbot, opened, written, story) -> None:
    now = int(time.time() * 1000)
    pushes = [
        story.push("shop", now - 60_000 * n, "bo", f"Commit {n}", f"{n:040x}")
        for n in range(5, 0, -1)
    ]
    written.add(*pushes)
    page = opened().window.rules
    qtbot.waitUntil(lambda: page.preview.text().startswith("0 of 5 lines of the last 7 days"))
    page.make()
    page.dialog.kinds[Kind.CHANGE].setChecked(True)
    qtbot.waitUntil(lambda: "This rule speaks of 5 of them" in page.dialog.preview.text())
    page.dialog.reject()


def test_of_very_many_lines_the_newest_are_looked_at(qtbot, opened, written, pushes, monkeypatch):
    monkeypatch.setattr("devstream_desktop.desktop.client.replay._MOST", 3)
    written.add(*pushes(5))
    page = opened().window.rules
    qtbot.waitUntil(lambda: "0 of the newest 3 lines would have" in page.preview.text())


def test_everything_that_can_be_reached_has_a_name_and_is_reached_by_tab(qtbot, opened) -> None:
    found = opened()
    window = found.window
    window.show_rule(0)
    window.rules.edit()
    for top in (window, window.rules.dialog):
        for widget in top.findChildren(QWidget):
            # The line in a field for times, and the list behind a choice, belong to their owner.
            inner = isinstance(widget.parent(), (QTimeEdit, QComboBox)) or widget.isWindow()
            hidden = widget.isHidden() or isinstance(widget, QAbstractScrollArea | QScrollBar)
            if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and not inner and not hidden:
                said = QAccessible.queryAccessibleInterface(widget)
                assert said.text(QAccessible.Text.Name), widget
    for view in (window.list, window.rules.list, window.me.list):
        assert view.accessibleName()
    window.rules.dialog.reject()


def test_every_letter_with_alt_leads_to_one_place(opened) -> None:
    window = opened().window
    for row, page in enumerate(window.pages):
        window.list.setCurrentRow(row)
        assert not doubled_letters(window), page.title


def test_what_one_is_called_is_proposed_from_the_history(qtbot, opened, written, story) -> None:
    now = int(time.time() * 1000)
    actors = ("Ana Pérez", "bo", "ana.perez@example.org")
    written.add(
        *[story.push("shop", now - n, who, "x", f"{n:040x}") for n, who in enumerate(actors)]
    )
    written.answer(person="ana")
    found = opened()
    page = found.window.me
    qtbot.waitUntil(lambda: len(page.proposed) == 2)
    assert page.proposed == ["Ana Pérez", "ana.perez@example.org"]
    with qtbot.waitSignal(found.preferences.changed):
        page.list.item(1).setCheckState(Qt.CheckState.Checked)
    assert found.preferences.current.names == ("Ana Pérez",)
    assert page.proposed == ["ana.perez@example.org"]
    page.field.setText("ap")
    with qtbot.waitSignal(found.preferences.changed):
        page.add.click()
    with qtbot.waitSignal(found.preferences.changed):
        page.list.item(1).setCheckState(Qt.CheckState.Unchecked)
    assert found.preferences.current.names == ("ap",)
    assert 'names = ["ap"]  # nobody else' in found.file


def test_who_is_off_duty_may_be_called_for_what_nobody_looks_at(qtbot, opened) -> None:
    found = opened()
    page = found.window.duty
    assert not page.call.isChecked()
    for wanted in (True, False):
        with qtbot.waitSignal(found.preferences.changed):
            page.call.click()
        assert found.preferences.current.call_off_duty is wanted
        assert page.call.isChecked() is wanted
    found.home.preferences.write_text("call_off_duty = true\n")
    found.preferences.look()
    assert page.call.isChecked()


def test_hours_of_duty_are_set_by_day(qtbot, opened) -> None:
    found = opened()
    page = found.window.duty
    assert not page.begins[0].isEnabled()
    with qtbot.waitSignal(found.preferences.changed):
        page.days[0].click()
    with qtbot.waitSignal(found.preferences.changed):
        page.begins[0].setTime(QTime(9, 30))
    with qtbot.waitSignal(found.preferences.changed):
        page.days[1].click()
    with qtbot.waitSignal(found.preferences.changed):
        page.at_start.picked.emit(AtStart.REMIND)
    hours = found.preferences.current.duty.hours
    assert (hours.Mon, hours.Tue, hours.Wed) == ("09:30-18:00", "09:30-18:00", None)


def test_addresses_are_written_to_the_nodes_settings(qtbot, opened) -> None:
    found = opened()
    page = found.window.network
    assert found.window.undo.isVisible()
    found.window.list.setCurrentRow(found.window.pages.index(page))
    assert not found.window.undo.isVisible(), "it is about the other file"
    qtbot.waitUntil(lambda: bool(page.listen.text()))
    assert not page.save.isEnabled()
    page.peers.setText("nowhere")
    page.save.click()
    qtbot.waitUntil(lambda: "Mesh.peers" in page.said.text() or "mesh.peers" in page.said.text())
    assert not found.home.settings.exists()
    page.peers.setText("10.0.0.5:7400")
    page.save.click()
    qtbot.waitUntil(lambda: "the node has taken it over" in page.said.text())
    assert load_settings(found.home.settings).mesh.peers == ("10.0.0.5:7400",)
    page.discovery.click()
    page.save.click()
    qtbot.waitUntil(lambda: "The node was started elsewhere" in page.said.text())


def test_colours_are_those_that_were_chosen(qapp) -> None:
    for colours in (Colours.DARK, Colours.LIGHT):
        show_colours(colours)
        assert is_dark(QApplication.palette()) is (colours is Colours.DARK)
    show_colours(Colours.SYSTEM)


def test_an_empty_box_can_be_seen(qapp) -> None:
    roles = QPalette.ColorRole
    for colours in (Colours.DARK, Colours.LIGHT):
        show_colours(colours)
        palette = Tick("x").palette()
        box, window, text = (
            luminance(palette.color(role).name())
            for role in (roles.Base, roles.Window, roles.WindowText)
        )
        # On light windows the style draws an edge.
        if colours is Colours.DARK:
            assert (box + 0.05) / (window + 0.05) >= 3
        assert max(box, text) + 0.05 >= 3 * (min(box, text) + 0.05)
    show_colours(Colours.SYSTEM)


def test_an_empty_box_in_a_list_can_be_seen(qtbot) -> None:
    show_colours(Colours.DARK)
    page = MePage()
    qtbot.addWidget(page)
    page.show_preferences(Preferences(names=("ana.perez@example.org",)))
    page.show_actors(["Ana Pérez"])
    page.resize(400, 300)
    page.show()
    view, place = page.list, page.list.model().index(1, 0)
    option = QStyleOptionViewItem()
    view.initViewItemOption(option)
    option.rect = view.visualRect(place)
    view.itemDelegate().initStyleOption(option, place)
    box = view.style().subElementRect(QStyle.SubElement.SE_ItemViewItemCheckIndicator, option, view)
    seen = view.viewport().grab().toImage()
    beside = QPoint(option.rect.right() - 4, option.rect.center().y())
    inside, paper = (luminance(seen.pixelColor(at).name()) for at in (box.center(), beside))
    show_colours(Colours.SYSTEM)
    assert (inside + 0.05) / (paper + 0.05) >= 3


@pytest.mark.parametrize("names", [(), ("a",), ("a", "b, c", "d*"), ('quo"te',)])
def test_names_are_read_as_they_are_typed(names) -> None:
    assert names_in(typed_list(names)) == names


def test_a_rule_is_told_in_words() -> None:
    rule = Rule(
        name="x",
        then=Attention.POPUP,
        kind=(Kind.DEPLOY, Kind.INCIDENT),
        environment=("prod*",),
        severity="warning",
        mine=False,
        days=("Mon",),
    )
    assert (
        conditions_text(rule)
        == "deploy or incident · in prod* · warning or worse · of others · Mon"
    )
    assert conditions_text(Rule(name="x", then=Attention.QUIET)) == "every line"


def test_a_usual_rule_has_its_name_in_the_language_and_ones_own_as_it_was_typed(
    monkeypatch,
) -> None:
    class Shouted(gettext.NullTranslations):
        def gettext(self, message: str) -> str:
            return message.upper()

    monkeypatch.setattr(language, "_catalogue", Shouted())
    assert rule_name(DEFAULT[5]) == "NEW TICKETS"
    assert rule_name(Rule(name="Join", then=Attention.QUIET)) == "Join"
