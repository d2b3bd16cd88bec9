"""The language of the desk: our own words, Qt's buttons, and dates."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QTranslator

from devstream_desktop import language
from devstream_desktop.desk.language_choice import Language


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
