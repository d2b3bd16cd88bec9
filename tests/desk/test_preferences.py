"""Preferences: what is written is read again, and a mistake names its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk_toml import desk_toml
from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.desk.preferences import (
    Icon,
    Preferences,
    PreferencesError,
    load_preferences,
)
from devstream_desktop.shared_files import shared
from devstream_desktop.stream.rules import DEFAULT, Attention, Rule
from devstream_desktop.stream.words import Kind

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20)
NAMES = st.lists(TEXTS, max_size=3).map(tuple)
RULES = st.builds(
    Rule,
    name=TEXTS,
    then=st.sampled_from(Attention),
    urgent=st.booleans(),
    kind=st.lists(st.sampled_from(Kind), max_size=2).map(tuple),
    service=NAMES,
    environment=NAMES,
    severity=st.sampled_from([None, "warning", "critical"]),
    mine=st.sampled_from([None, True, False]),
    hours=st.sampled_from([None, "08:00-18:00", "22:00-06:00"]),
    days=st.sampled_from([(), ("Mon", "Sun")]),
)


def test_no_file_is_the_usual_rules(tmp_path: Path) -> None:
    assert load_preferences(tmp_path / "desk.toml") == Preferences(rules=DEFAULT)


@given(
    st.builds(
        Preferences,
        names=NAMES,
        icon=st.sampled_from(Icon),
        rules=st.lists(RULES, min_size=1, max_size=4).map(tuple),
    )
)
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, preferences: Preferences
) -> None:
    path = tmp_path_factory.mktemp("home") / "desk.toml"
    path.write_text(desk_toml(preferences), encoding="utf-8", newline="")
    assert load_preferences(path) == preferences


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('icon = "red"', "line 1: icon must be worst, unclaimed or production"),
        ('[[rule]]\nname = "x"\nthen = "loud"', "rule 1: then must be popup, digest or quiet"),
        ('[[rule]]\nname = "x"\nthen = "popup"\nhours = "8-18"', "hours of this machine's clock"),
        ('[[rule]]\nname = "x"\nthen = "popup"\ncolour = "red"', "'colour' is unknown"),
        (
            '[[rule]]\nname = "x"\nthen = "quiet"\n[[rule]]\nname = "y"\nthen = "loud"',
            "line 6: rule 2: then must be popup, digest or quiet",
        ),
        ('[[search]]\nname = "x"\nquery = "kind:x"', "line 3: search 1: query: "),
        ('[duty]\nat_start = "off"', "line 2: duty.at_start must be on, remind or nothing"),
        ('[duty.hours]\nMon = "8-18"', "line 2: duty.hours.Mon must be hours of this machine's"),
        ("[rule]\nname = 1", "[[rule]]"),
        ("rules = []", "rules are written as [[rule]]"),
        ("icon = ", "this is not TOML"),
    ],
)
def test_a_mistake_names_its_place(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "desk.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PreferencesError) as wrong:
        load_preferences(path)
    assert complaint in str(wrong.value)
    assert str(path) in str(wrong.value)


def test_the_example_is_the_usual_preferences() -> None:
    assert load_preferences(shared("examples") / "desk.toml") == Preferences()
