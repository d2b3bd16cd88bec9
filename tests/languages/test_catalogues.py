"""The translations: complete, in step with the code, and true to each message's places."""

from __future__ import annotations

import ast
import gettext
import importlib.util
import string
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po

from devstream_desktop import language
from devstream_desktop.desk.language_choice import Language
from devstream_desktop.stream.words import MEANINGS, OUTCOMES, Kind, Severity

ROOT = Path(__file__).parents[2]
CODES = sorted(set(language.NAMES) - {language.ENGLISH})


def program():
    spec = importlib.util.spec_from_file_location("catalogues", ROOT / "packaging/catalogues.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["catalogues"] = module
    spec.loader.exec_module(module)
    return module


def translation(code: str) -> Catalog:
    with (language.FOLDER / code / "devstream.po").open("rb") as file:
        return read_po(file, locale=code)


def messages(code: str) -> Iterator[Message]:
    return (one for one in translation(code) if one.id)


def forms(message: Message) -> Iterator[tuple[str, str]]:
    """Each translated form, beside the English one that it stands for."""
    if isinstance(message.string, str):
        yield message.id, message.string
        return
    one, many = message.id
    for place, text in enumerate(message.string):
        yield (one if place == 0 else many), text


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("code", CODES)
def test_a_translation_has_each_message_of_the_code_and_no_other(code: str) -> None:
    wanted = {(one.context, one.id) for one in program().messages() if one.id}
    there = {(one.context, one.id) for one in messages(code)}
    assert there == wanted, "run `make languages`, and translate what is new"


@pytest.mark.parametrize("code", CODES)
def test_each_message_is_translated(code: str) -> None:
    empty = [one.id for one in messages(code) if not all(text for _, text in forms(one))]
    assert empty == []
    assert [one.id for one in messages(code) if one.fuzzy] == []


@pytest.mark.parametrize("code", CODES)
def test_a_translation_has_the_places_of_its_message(code: str) -> None:
    wrong = []
    for message in messages(code):
        for english, text in forms(message):
            allowed = places(english)
            # "One commit" may leave its number out.
            if isinstance(message.id, tuple):
                allowed |= places(message.id[1])
            missing = places(english) - places(text)
            if places(text) - allowed or missing - {"count", "number"}:
                wrong.append((english, text))
    assert wrong == []


@pytest.mark.parametrize("code", CODES)
def test_a_translation_ends_as_its_message_does(code: str) -> None:
    """A sentence stays a sentence, a menu entry with a dialog behind it keeps its ellipsis."""
    ends = ".…?:!"
    wrong = [
        (english, text)
        for message in messages(code)
        for english, text in forms(message)
        if (english[-1:] if english[-1:] in ends else "")
        != (text[-1:] if text[-1:] in ends else "")
        or english[:1].isspace() != text[:1].isspace()
        or english[-1:].isspace() != text[-1:].isspace()
    ]
    assert wrong == []


@pytest.mark.parametrize("code", CODES)
def test_an_access_key_stays_one(code: str) -> None:
    wrong = [
        (english, text)
        for message in messages(code)
        for english, text in forms(message)
        if english.count("&") != text.count("&")
    ]
    assert wrong == []


@pytest.mark.parametrize("code", CODES)
def test_what_gettext_reads_is_what_was_translated(code: str) -> None:
    with (language.FOLDER / code / "devstream.mo").open("rb") as file:
        made = gettext.GNUTranslations(file)
    for message in messages(code):
        english = message.id if isinstance(message.id, str) else message.id[0]
        if message.context:
            told = made.pgettext(message.context, english)
        elif isinstance(message.id, tuple):
            told = made.ngettext(*message.id, 1)
        else:
            told = made.gettext(english)
        first = message.string if isinstance(message.string, str) else message.string[0]
        assert told == first, "run `make languages`"


def test_each_word_of_the_stream_is_a_message() -> None:
    """Kinds, states and severities are translated where they are shown."""
    words = ROOT / "devstream_desktop/stream/words.py"
    there = {message for _, message, _, _ in extract_from_file("python", words)}
    assert there >= {*OUTCOMES, *MEANINGS, *Kind, *(one.word for one in Severity)}


def test_no_message_is_hidden_in_an_f_string() -> None:
    """Before Python 3.12 nothing collects messages there."""
    hidden = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path in (ROOT / "devstream_desktop").rglob("*.py")
        if "devstream_desktop.language import" in (text := path.read_text(encoding="utf-8"))
        for formatted in ast.walk(ast.parse(text))
        if isinstance(formatted, ast.JoinedStr)
        for call in ast.walk(formatted)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in {"_", "ngettext", "pgettext", "N_"}
        and isinstance(call.args[0], ast.Constant)
    ]
    assert hidden == []


def test_the_preferences_offer_each_language() -> None:
    assert {one.value for one in Language} == {"system", *language.NAMES}


@pytest.mark.parametrize(
    ("wanted", "spoken"),
    [
        (["de"], "de"),
        (["de-AT", "en"], "de"),
        (["de_DE.UTF-8"], "de"),
        (["fr-FR", "de-DE", "en"], "de"),
        (["en-GB", "de"], "en"),
        (["C"], "en"),
        ([], "en"),
    ],
)
def test_the_first_language_that_there_is_is_spoken(wanted: list[str], spoken: str) -> None:
    try:
        assert language.use(wanted) == spoken
    finally:
        language.use([])


def test_until_a_language_is_chosen_messages_are_english() -> None:
    assert language._("Cancel") == "Cancel"
    assert language.ngettext("{count} line", "{count} lines", 2) == "{count} lines"
    assert language._("") == ""


def test_a_number_is_written_as_the_language_does() -> None:
    assert language.number(12_000) == "12,000"
    assert language.number(1234.56, 1) == "1,234.6"
    try:
        language.use(["de"])
        assert language.number(12_000) == "12.000"
        assert language.number(1234.56, 1) == "1.234,6"
    finally:
        language.use([])


def test_alternatives_are_joined_by_or() -> None:
    assert language.either([]) == ""
    assert language.either(["main"]) == "main"
    assert language.either(["main", "next", "old"]) == "main or next or old"
