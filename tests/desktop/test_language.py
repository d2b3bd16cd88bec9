"""Every word that a screen shows can be translated, and the desk speaks what was chosen."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QDate, QLocale, QTranslator
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QApplication, QDialogButtonBox
from pytestqt.qtbot import QtBot
from screen_words import unmarked

from devstream_desktop import language
from devstream_desktop.desk.language_choice import Language, chosen_language
from devstream_desktop.desktop.platform.language import speak
from devstream_desktop.desktop.widgets.look import since

DATA = {
    # Names of the seeded team, its services, sources and searches.
    *("ana", "bo", "chen", "dara", "Ana Meyer", "ana@example.org", "acme", "acme · ana"),
    *("billing", "checkout", "kundenverwaltung-schnittstelle", "mail-relay", "search", "shop"),
    *("production", "git", "alertmanager", "acme-collector", "bbbbbbbb", "devstream · acme"),
    *("Customer portal", "What ana broke", "What ana broke, 4", "What ana broke\t4"),
    "env:production is:red",
    *("nats", "lab", "nats: no server answers: connection refused"),
    "tls://nats-1.example.org:4222, tls://nats-2.example.org:4222",
    # What happened, in the words of whoever told it.
    *("5xx over 2 %", "4.1 % of 1,200 requests", "https://alerts.example.org/1"),
    *("5e55a1f", "Keep the basket when a session ends"),
    *("9ab3c41", "Show the delivery date in the basket", "The shop, three hosts"),
    "Production: shop 5xx over 2 %",
    "Popped up: rule 1, Critical, as long as it lasts.",
    # Said by the node, which speaks English.
    "The team has no recovery key: when every admin's device is lost, nobody can change it again.",
    "bo may deploy shop/production",
    "thorn umber vale wren yarrow zinc",
    # Qt's own buttons.
    *("Save", "Cancel", "Close"),
}


def is_data(text: str) -> bool:
    days = {
        QLocale().dayName(day, form)
        for day in range(1, 8)
        for form in (QLocale.FormatType.LongFormat, QLocale.FormatType.ShortFormat)
    }
    keys = QKeySequence.fromString(text).toString(QKeySequence.SequenceFormat.NativeText)
    return text in DATA or text in days or text == keys or Path(text).is_absolute()


@pytest.mark.slow
def test_each_word_of_each_screen_can_be_translated(qapp: QApplication) -> None:
    left = {(where, text) for where, text in unmarked() if not is_data(text)}
    assert left == set()


@pytest.fixture
def german(qapp: QApplication):
    before = QLocale()
    code = speak(Language.GERMAN)
    yield code
    for translator in qapp.findChildren(QTranslator):
        qapp.removeTranslator(translator)
        translator.deleteLater()
    QLocale.setDefault(before)
    language.use([])


def test_german_is_spoken_by_us_by_qt_and_by_dates(german: str, qtbot: QtBot) -> None:
    assert german == "de"
    assert since(0, 3 * 86_400_000) == "3 Tage"
    assert QLocale().toString(QDate(2026, 12, 1), "dddd") == "Dienstag"
    box = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
    qtbot.addWidget(box)
    assert box.button(QDialogButtonBox.StandardButton.Cancel).text() == "Abbrechen"


def test_the_language_is_the_preferences_or_with_a_mistake_the_desktops(tmp_path: Path) -> None:
    file = tmp_path / "desk.toml"
    assert chosen_language(file) is Language.SYSTEM
    file.write_text('language = "de"\n')
    assert chosen_language(file) is Language.GERMAN
    file.write_text('language = "klingon"\n')
    assert chosen_language(file) is Language.SYSTEM
