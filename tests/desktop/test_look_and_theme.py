"""State is a shape and a word; colour only helps, and can be read on either side."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from itertools import combinations

import pytest
from PySide6.QtCore import QLocale
from PySide6.QtGui import QColor, QPalette
from sight import VISIONS, luminance, seen

from devstream_desktop.desktop.widgets.icons import MANY, Mark, badged_icon, icon
from devstream_desktop.desktop.widgets.look import (
    ago,
    day_text,
    event_look,
    long_time,
    short_time,
)
from devstream_desktop.desktop.widgets.marks import SIZE, Shape, mark_pixmap
from devstream_desktop.desktop.widgets.theme import LIGHT, STRONG, Tone, colour, is_dark, tint
from devstream_desktop.stream.words import RED_STATES, STATES, Kind, Transition


def palette(base: str, text: str) -> QPalette:
    result = QPalette()
    result.setColor(QPalette.ColorRole.Base, QColor(base))
    result.setColor(QPalette.ColorRole.Text, QColor(text))
    return result


def contrast(one: QColor, other: QColor) -> float:
    light, dark = sorted((luminance(one.name()), luminance(other.name())), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("tone", list(Tone))
@pytest.mark.parametrize(
    ("base", "text"),
    [
        ("#ffffff", "#000000"),
        ("#fafafa", "#2e3436"),
        ("#1e1e1e", "#eeeeee"),
        ("#353535", "#ffffff"),
    ],
)
def test_every_tone_can_be_read_on_light_and_dark(tone, base, text):
    shades = palette(base, text)
    assert is_dark(shades) == (text > base)
    assert contrast(colour(tone, shades), QColor(base)) >= 4.5


@pytest.mark.parametrize("tone", list(Tone))
@pytest.mark.parametrize("ground", [Tone.RED, Tone.ACCENT, Tone.AMBER, Tone.BLUE])
@pytest.mark.parametrize(
    ("base", "text"),
    [
        ("#ffffff", "#000000"),
        ("#fafafa", "#2e3436"),
        ("#1e1e1e", "#eeeeee"),
        ("#353535", "#ffffff"),
    ],
)
def test_every_tone_can_be_read_on_every_tint(tone, ground, base, text):
    shades = palette(base, text)
    for share in (LIGHT, STRONG):
        assert contrast(colour(tone, shades), tint(ground, shades, share)) >= 4.5


def test_every_state_has_a_shape_and_a_word(story):
    for kind, states in STATES.items():
        for state in states:
            look = event_look(story.event(kind, state, "shop", 1, "x/y"))
            assert look.word
            red = look.shape in (Shape.FIRING, Shape.FAILED, Shape.SILENT)
            assert red == ((kind, state) in RED_STATES)


def pixels(shape: Shape) -> set[tuple[int, int]]:
    """The places that a mark inks, in a raster of 16 by 16."""
    image = mark_pixmap(shape, QColor("#000000"), QColor("#ffffff")).toImage()
    return {
        (x, y)
        for x in range(SIZE)
        for y in range(SIZE)
        if image.pixelColor(x, y).alpha() > 100 and image.pixelColor(x, y).lightness() < 128
    }


def test_marks_differ_in_shape_without_any_colour(qapp):
    drawn = {shape: pixels(shape) for shape in Shape}
    for one, other in combinations(Shape, 2):
        assert len(drawn[one] ^ drawn[other]) >= 20, (one, other)


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("sight", VISIONS)
def test_red_stands_apart_for_every_kind_of_sight(sight, side):
    red = seen(Tone.RED.value[side], sight)
    for tone in (Tone.AMBER, Tone.GREEN, Tone.BLUE, Tone.VIOLET):
        assert math.dist(red, seen(tone.value[side], sight)) >= 15, tone


def test_a_transition_is_the_better_word(story):
    look = event_look(story.build("shop", 1, "failed", "ab" * 20, "7"), Transition.STILL_FAILING)
    assert (look.shape, look.word) == (Shape.FAILED, "still failing")
    assert (
        event_look(story.event(Kind.TICKET, "closed", "shop", 1, "t"), Transition.FIXED).word
        == "closed"
    )


def test_times_are_told_as_people_tell_them():
    now = datetime(2026, 11, 25, 15, 0, tzinfo=UTC).astimezone()

    def told(delta: timedelta) -> str:
        return short_time(int((now - delta).timestamp() * 1000), now)

    assert told(timedelta(seconds=5)) == f"{now - timedelta(seconds=5):%H:%M:%S}"
    assert told(timedelta(days=1)).startswith("yesterday ")
    assert told(timedelta(days=3)).startswith("Sun ")
    assert told(timedelta(days=20)).startswith("5 Nov ")
    assert told(timedelta(days=400)).endswith("2025")
    assert (ago(0, 1), ago(1, 2), ago(1, 240_001), ago(1, 7_200_001)) == (
        "never",
        "just now",
        "4 min ago",
        "2 h ago",
    )


def test_days_have_the_names_of_the_persons_locale(monkeypatch):
    usual = QLocale()
    now = datetime(2026, 3, 11, 15, 0, tzinfo=UTC).astimezone()
    before = int((now - timedelta(days=3)).timestamp() * 1000)
    assert day_text(date(2026, 1, 8), now.date()) == "Thursday 8 January"
    assert day_text(date(2025, 12, 31), date(2026, 1, 1)) == "Yesterday, Wednesday 31 December"
    assert day_text(date(2024, 12, 31), now.date()) == "Tuesday 31 December 2024"
    try:
        QLocale.setDefault(QLocale("de_DE"))
        assert day_text(date(2026, 1, 8), now.date()) == "Donnerstag 8 Januar"
        assert short_time(before, now).startswith("So. ")
        assert "8 März 2026, " in long_time(before)
    finally:
        QLocale.setDefault(usual)


def test_the_tray_icons_differ_in_shape_and_not_only_in_colour(qapp):
    def shape(mark: Mark) -> set[tuple[int, int]]:
        image = icon(mark).pixmap(16, 16).toImage()
        return {
            (x, y) for x in range(16) for y in range(16) if image.pixelColor(x, y).alpha() > 128
        }

    # The app's own icon is in menus of programs, never in the tray.
    shapes = {mark: shape(mark) for mark in Mark if mark is not Mark.APP}
    for one, other in combinations(shapes, 2):
        # A filled tile tells by what is cut out of it.
        least = 25 if {one, other} != {Mark.ON_DUTY, Mark.FAILING} else 0
        assert len(shapes[one] ^ shapes[other]) >= least, (one, other)


@pytest.mark.parametrize("panel", ["#f6f5f4", "#2b2b2b"])
@pytest.mark.parametrize("mark", [mark for mark in Mark if mark is not Mark.APP])
def test_the_tray_icons_stand_out_on_light_and_dark_panels(qapp, mark, panel):
    image = icon(mark).pixmap(16, 16).toImage()
    places = [(x, y) for x in range(16) for y in range(16)]
    inked = [image.pixelColor(x, y) for x, y in places if image.pixelColor(x, y).alpha() > 250]
    clear = [one for one in inked if contrast(QColor(one.name()), QColor(panel)) >= 3]
    # Non-text contrast of WCAG 2.2 (1.4.11), for enough of it to know the shape by.
    assert len(clear) >= 24


@pytest.mark.parametrize("mark", [mark for mark in Mark if mark is not Mark.APP])
def test_a_number_on_an_icon_can_be_told_and_leaves_its_shape(mark, qapp):
    images = {count: badged_icon(mark, count).pixmap(16, 16).toImage() for count in (0, 1, 8, MANY)}
    drawn = {count: bytes(image.constBits()) for count, image in images.items()}
    assert len(set(drawn.values())) == len(drawn)
    plain, badged = images[0], images[8]
    above = [(x, y) for x in range(16) for y in range(5)]
    assert all(plain.pixel(*at) == badged.pixel(*at) for at in above)
