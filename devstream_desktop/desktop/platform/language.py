"""The language of the desk: our own words, Qt's buttons, and dates."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QTranslator

from devstream_desktop import language
from devstream_desktop.desk.preferences import Language, PreferencesError, load_preferences


def wanted_language(preferences: Path) -> Language:
    """Read the language from a person's preferences; the desktop's where they have a mistake."""
    try:
        return load_preferences(preferences).language
    except PreferencesError:
        # It is told once the app runs, as every mistake of the file.
        return Language.SYSTEM


def speak(wanted: Language) -> str:
    """Speak a language from here on, in what is made anew; return its code."""
    system = QLocale.system()
    tags = system.uiLanguages() if wanted is Language.SYSTEM else [wanted.value]
    code = language.use(tags)
    # Who chose another language than the desktop's has its dates too.
    locale = system if system.name().startswith(code) else QLocale(code)
    QLocale.setDefault(locale)
    translator = QTranslator(QCoreApplication.instance())
    folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    # English is what Qt says without a translation.
    if translator.load(locale, "qtbase", "_", folder):
        QCoreApplication.installTranslator(translator)
    return code
