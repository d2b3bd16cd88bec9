"""A typed search understands the words that the screen shows."""

from __future__ import annotations

import gettext

import pytest
from written import now

from devstream_desktop import language
from devstream_desktop.desktop.windows.history.typed_search import read_search
from devstream_desktop.stream.query import MOST_TEXT, parse_query

WORDS = {
    "failed": "fehlgeschlagen",
    "fixed": "behoben",
    "resolved": "behoben",
    "still failing": "weiterhin fehlgeschlagen",
    "off": "außer Dienst",
}


class German(gettext.NullTranslations):
    """A few words of it."""

    def gettext(self, message: str) -> str:
        return WORDS.get(message, message)


@pytest.fixture
def german(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "_catalogue", German())


@pytest.mark.parametrize("text", ["fixed", "state:fixed behoben", "", '"behoben', "-behoben"])
def test_in_english_a_search_is_what_was_typed(text: str) -> None:
    assert read_search(text) == parse_query(text)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("shop Behoben", "shop Behoben OR shop fixed OR shop resolved"),
        ("weiterhin fehlgeschlagen", 'weiterhin fehlgeschlagen OR "still failing"'),
        ('"weiterhin fehlgeschlagen"', '"weiterhin fehlgeschlagen" OR "still failing"'),
        ("Außer Dienst", 'Außer Dienst OR "off"'),
        ("-behoben", "-behoben -fixed -resolved"),
        ("shop -fehlgeschlagen cart", "shop -fehlgeschlagen -failed cart"),
        ("service:behoben", "service:behoben"),
        ('service:"ist behoben"', 'service:"ist behoben"'),
        (
            '"wieder behoben" behoben',
            '"wieder behoben" behoben OR "wieder behoben" fixed OR "wieder behoben" resolved',
        ),
        ('"wieder behoben und gut', '"wieder behoben und gut'),
        ("behobenes unbehoben", "behobenes unbehoben"),
        ("cart OR behoben", "cart OR behoben OR fixed OR resolved"),
    ],
)
def test_a_shown_word_finds_what_the_indexs_own_finds(german, typed: str, meant: str) -> None:
    found, wanted = read_search(typed), parse_query(meant)
    assert set(found.either()) == set(wanted.either())


@pytest.mark.usefixtures("german")
def test_a_text_of_many_such_words_stays_a_query_of_bounded_length() -> None:
    assert len(read_search("behoben " * (MOST_TEXT // 8)).either()) <= 12
    assert read_search("behoben " * 6).words[0] == "behoben"


def test_the_field_finds_a_state_by_its_shown_word(qtbot, window, story, german) -> None:
    red = story.build("shop", now(), "failed", "ab" * 20, "7")
    green = story.build("shop", now() + 1, "succeeded", "cd" * 20, "8")
    shown = window(red, green)
    qtbot.keyClicks(shown.filters.search, "fehlgeschlagen")
    lines = shown.browser.model
    qtbot.waitUntil(lambda: [one.event.state for one in lines.lines] == ["failed"], timeout=20_000)
