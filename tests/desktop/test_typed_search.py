"""A typed search understands the words that the screen shows."""

from __future__ import annotations

import gettext

import pytest
from written import now

from devstream_desktop import language
from devstream_desktop.desktop.windows.history.typed_search import read_search
from devstream_desktop.stream.query_text import MOST_TEXT, parse_query

WORDS = {
    "failed": "fehlgeschlagen",
    "fixed": "behoben",
    "resolved": "behoben",
    "still failing": "weiterhin fehlgeschlagen",
    "off": "außer Dienst",
    "incident": "Störung",
    "critical": "kritisch",
    "Deploys": "Deployments",
    "{person} is on it": "{person} kümmert sich darum",
    "yesterday": "gestern",
    "to on at in of after is was by": "nach auf bei",
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
        ("state:behoben shop", "state:fixed shop OR state:resolved shop"),
        ("-state:behoben", "-state:fixed -state:resolved"),
        ('state:"weiterhin fehlgeschlagen"', 'state:"still failing"'),
        ("kind:Störung", "kind:incident"),
        (
            "Störung kritisch",
            "Störung kritisch OR Störung critical OR incident kritisch OR incident critical",
        ),
        ("severity:kritisch", "severity:critical"),
        ("chen kümmert sich darum", 'chen kümmert sich darum OR chen "on it"'),
        ("Deployments nach production", "Deployments production OR deploy production"),
        ("since:gestern", "since:yesterday"),
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


def test_a_value_that_nothing_has_names_the_near_ones(qtbot, window, written, story) -> None:
    shown = window(story.push("kundenverwaltung", now(), "Jürgen Größl", "Later", "aa" * 20))
    written.answer()
    for typed, near in (
        ("service:kunden", "service:kundenverwaltung"),
        ("actor:jur", 'actor:"Jürgen Größl"'),
    ):
        shown.filters.search.setText(typed)
        qtbot.waitUntil(
            lambda near=near: (
                shown.browser.empty.state is not None
                and shown.browser.empty.state.hint == f"Do you mean {near}?"
            ),
            timeout=60_000,
        )
    shown.filters.search.setText("service:kundenverwaltung lobster")
    qtbot.waitUntil(
        lambda: shown.browser.empty.state.hint.startswith("A line matches"), timeout=60_000
    )
