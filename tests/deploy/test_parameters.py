"""Declared parameters, entries of targets.toml, and the hours: what is taken and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.deploy.parameters import (
    InvalidParameterError,
    Parameter,
    as_text,
    complete,
    from_text,
    mistake_in,
    variables,
)
from devstream_desktop.deploy.target_file import add_target
from devstream_desktop.deploy.targets import TargetsError, load_targets, parse_targets

names = st.text(st.characters(max_codepoint=0x2FF), min_size=1, max_size=8)


@given(st.dictionaries(names, st.text(max_size=10), max_size=4))
def test_what_travels_is_what_was_chosen(values):
    try:
        text = as_text(values)
    except InvalidParameterError:
        return
    assert from_text(text) == values
    assert text.isascii()
    assert not set(text) & set(" \n\x1f\"'")


@given(st.text(max_size=60))
def test_what_arrives_has_one_spelling_or_is_refused(text):
    try:
        values = from_text(text)
    except InvalidParameterError:
        return
    assert as_text(values) == text


@pytest.mark.parametrize("text", ["a", "a=1&a=2", "b=1&a=2", "a=%31", "&", "a=1&", "x" * 600])
def test_another_spelling_is_refused(text):
    with pytest.raises(InvalidParameterError):
        from_text(text)


def test_defaults_fill_what_was_not_chosen():
    declared = {
        "size": Parameter(type="choice", choices=("s", "m"), default="m"),
        "first": Parameter(type="choice", choices=("a", "b")),
        "migrate": Parameter(type="flag", default=True),
        "note": Parameter(default="-"),
    }
    assert complete({"note": "x"}, declared) == {
        "size": "m",
        "first": "a",
        "migrate": "true",
        "note": "x",
    }
    assert variables({"size": "m"}) == {"DEVSTREAM_PARAM_SIZE": "m"}


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ({"a b": Parameter()}, "no name for a parameter"),
        ({"size": Parameter(), "SIZE": Parameter()}, "same name but for capitals"),
        ({"size": Parameter(type="choice")}, "choices belong"),
        ({"size": Parameter(choices=("s",))}, "choices belong"),
        ({"size": Parameter(type="choice", choices=("s",), default="m")}, "the default of size"),
        ({"size": Parameter(default=True)}, "must be a text"),
        ({f"p{n}": Parameter() for n in range(17)}, "16 at most"),
    ],
)
def test_a_wrong_declaration_says_what_is_wrong(declared, words):
    assert words in mistake_in(declared)


HEAD = '[target.shop.live]\nrun = ["x"]\n'


@pytest.mark.parametrize(
    ("written", "line", "words"),
    [
        ('hours = "9-17"', 3, 'hours must be a time of day, as "09:00-17:00"'),
        ('hours = "09:00-09:00"\ntimezone = "UTC"', 3, "hours must be a time of day"),
        ('hours = "09:00-17:00"', 3, "hours needs a timezone"),
        ('hours = "09:00-17:00"\ntimezone = "Mars/Base"', 4, "no time zone known here"),
        ('days = ["monday"]\ntimezone = "UTC"', 3, "days must be a list of mon"),
        (
            'timezone = "UTC"\nfreeze = [{from = 2026-01-02, until = 2026-01-01, why = "x"}]',
            4,
            "fr",
        ),
        ('timezone = "UTC"\nfreeze = [{from = 2026-01-02, until = 2026-01-03}]', 4, "each freeze"),
        ("approvals = 9", 3, "approvals must be a number up to 5"),
        ('approvers = ["boss"]', 3, "'boss' cannot approve"),
        ('order = ["live"]', 3, "would have to be deployed before itself"),
        ('dry_run = [""]', 3, "the program first"),
        ("check_age_s = 0", 3, "check_age_s must be a number of seconds"),
        ("[target.shop.live.parameters]\nsize = 1", 4, "parameter size"),
        ('[target.shop.live.parameters]\nsize = {type = "number"}', 4, "text, choice or flag"),
        ("[target.shop.live.parameters]\nsize = {kind = 1}", 4, "'kind' is unknown"),
        ('[target.shop.live.parameters]\nsize = {type = "choice"}', 3, "choices belong"),
    ],
)
def test_a_mistake_in_a_rule_names_its_line(tmp_path, written, line, words):
    with pytest.raises(TargetsError) as told:
        parse_targets(f"{HEAD}{written}\n", tmp_path / "targets.toml")
    assert words in str(told.value)
    assert f"line {line}" in str(told.value)


def test_no_environment_comes_before_itself_by_way_of_others(tmp_path):
    tables = "".join(
        f'[target.shop.{name}]\nrun = ["x"]\norder = ["{before}"]\n'
        for name, before in (("a", "b"), ("b", "c"), ("c", "a"))
    )
    with pytest.raises(TargetsError, match="before itself"):
        parse_targets(tables, tmp_path / "targets.toml")


def test_an_entry_is_added_and_what_was_there_stays(tmp_path):
    path = tmp_path / "targets.toml"
    add_target(path, "shop", "live", {"run": ["./x", 'a "b" \\ $c'], "description": "ä\x7f"})
    first = path.read_text()
    add_target(path, "blog.2", "live", {"run": ["y"], "approvals": 2, "refs": ["main", "v*"]})
    assert path.read_text().startswith(first)
    targets = load_targets(path)
    assert targets["shop", "live"].run == ("./x", 'a "b" \\ $c')
    assert targets["blog.2", "live"].approvals == 2
    assert path.stat().st_mode & 0o777 == 0o600
    for name, settings, words in (
        ("shop", {"run": ["x"]}, "already"),
        ("new", {"run": ["x"], "cwd": "absent"}, "cwd must be"),
        ("a/b", {"run": ["x"]}, "no name for a target"),
    ):
        before = path.read_text()
        with pytest.raises(TargetsError, match=words):
            add_target(path, name, "live", settings)
        assert path.read_text() == before


def test_an_entry_is_not_added_to_a_file_that_is_wrong(tmp_path):
    path = tmp_path / "targets.toml"
    path.write_text("[target.shop.live\n")
    with pytest.raises(TargetsError, match="line 1"):
        add_target(path, "blog", "live", {"run": ["x"]})
    assert path.read_text() == "[target.shop.live\n"
