"""Preferences are written back, and what a person wrote by hand stays."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devstream_desktop.desk.duty import AtEnd, AtStart, Duty, Week
from devstream_desktop.desk.preferences import (
    Colours,
    Preferences,
    PreferencesError,
    Search,
    load_preferences,
    parse_preferences,
)
from devstream_desktop.desk.preferences_file import (
    Step,
    duty,
    edit_preferences,
    edit_settings,
    option,
    rules,
    searches,
    usual_rules,
)
from devstream_desktop.settings import SettingsError
from devstream_desktop.stream.rules import DEFAULT, Attention, Rule
from devstream_desktop.stream.words import Kind

HAND = """# mine, do not touch
names = ["ana"]  # and nobody else

# about the first
[[rule]]
name = "First"
then = "popup"      # loud
kind = [
    "deploy",  # the ones that count
]

# about the second
[[rule]]
name = "Second"
then = "quiet"

[duty]
at_start = "remind"  # gently
"""
FIRST = Rule(name="First", then=Attention.POPUP, kind=(Kind.DEPLOY,))
SECOND = Rule(name="Second", then=Attention.QUIET)
THIRD = Rule(name="Third", then=Attention.DIGEST, service=("shop",))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "desk.toml"
    path.write_text(HAND, encoding="utf-8")
    return path


def comments(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return sorted(line.partition("#")[2] for line in lines if "#" in line)


def test_one_value_changes_one_line(path: Path) -> None:
    edit_preferences(path, option("dark", "colours"))
    edit_preferences(path, option(["bo"], "names"))
    told = 'names = ["bo"]  # and nobody else\ncolours = "dark"  # system, light or dark\n'
    wanted = HAND.replace('names = ["ana"]  # and nobody else\n', told)
    assert path.read_text(encoding="utf-8") == wanted


def test_a_rule_moves_with_its_comments(path: Path) -> None:
    before = comments(path)
    edit_preferences(path, rules((FIRST, SECOND)).move(0, 1))
    found = path.read_text(encoding="utf-8")
    order = [
        "# about the second",
        '"Second"',
        "# about the first",
        '"First"',
        "# the ones",
        "[duty]",
    ]
    assert sorted(order, key=found.index) == order
    assert comments(path) == before


def test_a_rule_that_changes_keeps_its_comments(path: Path) -> None:
    loud = msgspec.structs.replace(FIRST, then=Attention.QUIET, hours="08:00-18:00")
    found = edit_preferences(path, rules((FIRST, SECOND)).change(0, loud))
    assert found.rules == (loud, SECOND)
    text = path.read_text(encoding="utf-8")
    assert 'then = "quiet"      # loud' in text
    assert '    "deploy",  # the ones that count\n]\nhours = "08:00-18:00"' in text


def test_the_first_rule_of_ones_own_brings_the_usual_ones(tmp_path: Path) -> None:
    path = tmp_path / "desk.toml"
    assert edit_preferences(path, rules(DEFAULT).add(THIRD)).rules == (*DEFAULT, THIRD)
    assert load_preferences(path).rules == (*DEFAULT, THIRD)
    # A file of one's own begins with what can be set.
    assert "# What colours the tray icon" in path.read_text(encoding="utf-8")
    assert edit_preferences(path, usual_rules).rules == DEFAULT
    assert "[[rule]]\n" not in path.read_text(encoding="utf-8")


def test_hours_are_set_and_taken_away(path: Path) -> None:
    edit_preferences(
        path, duty(Duty(at_end=AtEnd.REMIND, hours=Week(Mon="08:00-18:00", Sun="22:00-06:00")))
    )
    found = edit_preferences(path, duty(Duty(hours=Week(Mon="09:00-17:00"))))
    assert found.duty == Duty(hours=Week(Mon="09:00-17:00"))
    assert 'at_start = "on"  # gently' in path.read_text(encoding="utf-8")


def test_a_file_with_a_mistake_is_left_alone(path: Path) -> None:
    path.write_text(HAND + 'colour = "red"\n', encoding="utf-8")
    with pytest.raises(PreferencesError, match=r"line 19: 'colour' is unknown"):
        edit_preferences(path, option("dark", "colours"))
    assert path.read_text(encoding="utf-8") == HAND + 'colour = "red"\n'


def test_a_list_that_was_changed_by_hand_meanwhile_is_left_alone(path: Path) -> None:
    before = path.read_text(encoding="utf-8")
    with pytest.raises(PreferencesError, match="changed elsewhere"):
        edit_preferences(path, rules((SECOND, FIRST)).remove(0))
    assert path.read_text(encoding="utf-8") == before


def test_a_change_is_undone_unless_the_file_has_changed_since(path: Path) -> None:
    step = Step(usual_rules)
    edit_preferences(path, step)
    assert edit_preferences(path, step.undo).rules == (FIRST, SECOND)
    assert path.read_text(encoding="utf-8") == HAND
    edit_preferences(path, step)
    edit_preferences(path, option("dark", "colours"))
    with pytest.raises(PreferencesError, match="changed since"):
        edit_preferences(path, step.undo)


def test_what_would_be_wrong_is_not_written(path: Path) -> None:
    wrong = Search(name="", query="x")
    with pytest.raises(PreferencesError, match="search 1: name must be 1 to 40 letters"):
        edit_preferences(path, searches(()).add(wrong))
    with pytest.raises(PreferencesError, match="query: "):
        edit_preferences(path, searches(()).add(Search(name="x", query="kind:nothing")))
    assert path.read_text(encoding="utf-8") == HAND


def test_a_link_and_its_line_ends_stay(tmp_path: Path) -> None:
    kept, path = tmp_path / "dotfiles.toml", tmp_path / "desk.toml"
    kept.write_bytes(b'names = ["ana"]\r\n')
    path.symlink_to(kept)
    edit_preferences(path, option("dark", "colours"))
    assert path.is_symlink()
    assert kept.read_bytes().count(b"\r\n") == 2
    assert load_preferences(path).colours is Colours.DARK


def test_a_text_that_looks_like_a_header_is_none(tmp_path: Path) -> None:
    path = tmp_path / "desk.toml"
    path.write_text(
        'names = [\n"a", """\n[[rule]]\n""",\n]\n[[rule]]\nname = "x"\nthen = "popup"\n'
    )
    found = edit_preferences(path, rules(load_preferences(path).rules).add(THIRD))
    assert [rule.name for rule in found.rules] == ["x", "Third"]
    assert "[[rule]]" in found.names[1]


def test_a_table_in_line_is_changed_in_line(tmp_path: Path) -> None:
    path = tmp_path / "desk.toml"
    path.write_text('duty = { at_start = "on", hours = { Mon = "08:00-18:00" } }\n')
    wanted = Duty(at_start=AtStart.REMIND, at_end=AtEnd.REMIND, hours=Week(Tue="08:00-12:00"))
    assert edit_preferences(path, duty(wanted)).duty == wanted


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(PreferencesError, match="is as it was: it cannot be written"):
        edit_preferences(tmp_path / "none" / "desk.toml", option("dark", "colours"))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "change", "remove", "move"]), st.integers(0, 9), st.integers(0, 9)
    ),
    max_size=6,
)


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_any_changes_are_those_of_a_list(steps) -> None:
    text, model = HAND, [FIRST, SECOND]
    for number, (what, one, other) in enumerate(steps):
        new = msgspec.structs.replace(THIRD, name=f"Rule {number}")
        items, size = rules(tuple(model)), len(model)
        if what == "add":
            text = items.add(new)(text)
            model.append(new)
        elif size > 1 and what == "remove":
            text = items.remove(one % size)(text)
            del model[one % size]
        elif what == "change":
            text = items.change(one % size, new)(text)
            model[one % size] = new
        elif what == "move":
            text = items.move(one % size, other % size)(text)
            model.insert(other % size, model.pop(one % size))
    assert parse_preferences(text, "desk.toml") == Preferences(
        names=("ana",), rules=tuple(model), duty=Duty(at_start=AtStart.REMIND)
    )
    assert "# mine, do not touch" in text


def test_the_nodes_settings_are_written_the_same_way(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('[intake]\nlisten = "127.0.0.1:8900"  # behind nginx\n')
    found = edit_settings(path, option(["10.0.0.5:7400"], "mesh", "peers"))
    assert found.mesh.peers == ("10.0.0.5:7400",)
    assert "# behind nginx" in path.read_text()
    with pytest.raises(SettingsError, match=r"mesh\.peers"):
        edit_settings(path, option(["nowhere"], "mesh", "peers"))
    assert "nowhere" not in path.read_text()
