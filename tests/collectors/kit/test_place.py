"""Branches, scopes and keys that all sources of commits share."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devstream_collectors.kit.branches import is_global
from devstream_collectors.kit.decoding import milliseconds, person
from devstream_collectors.kit.place import moment, remote_scope
from devstream_collectors.kit.push import change_key


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/acme/shop",
        "https://github.com/acme/shop.git",
        "https://GitHub.com/Acme/Shop/",
        "https://ana@github.com:443/acme/shop.git",
        "ssh://git@github.com:22/acme/shop.git",
        "git@github.com:acme/shop.git",
        "github.com:acme/shop",
        "git://github.com/acme/shop.git",
    ],
)
def test_each_way_to_write_a_remote_is_one_place(url):
    assert remote_scope(url) == "github.com/acme/shop"


@pytest.mark.parametrize(
    "url",
    [
        "/srv/git/shop.git",
        "./shop",
        "file:///srv/git/shop.git",
        "C:/shop",
        "https://github.com",
        "",
        "https://[x/y",
    ],
)
def test_a_path_has_no_place_on_a_forge(url):
    assert remote_scope(url) == ""


@pytest.mark.parametrize(
    ("urls", "scope"),
    [
        (
            (
                "https://git.example.org/scm/~ana/shop.git",
                "ssh://git@git.example.org:7999/~ana/shop.git",
            ),
            "git.example.org/ana/shop",
        ),
        (
            (
                "https://acme@dev.azure.com/acme/Web/_git/shop",
                "git@ssh.dev.azure.com:v3/acme/Web/shop",
                "https://acme.visualstudio.com/DefaultCollection/Web/_git/shop",
                "acme@vs-ssh.visualstudio.com:v3/acme/Web/shop",
            ),
            "dev.azure.com/acme/web/_git/shop",
        ),
    ],
)
def test_the_ways_of_bitbucket_and_azure_are_one_place(urls, scope):
    assert {remote_scope(url) for url in urls} == {scope}


@settings(deadline=None)
@given(st.text(max_size=100))
def test_any_text_has_a_scope_or_none(url):
    assert isinstance(remote_scope(url), str)


@pytest.mark.parametrize(
    ("branch", "patterns", "counts"),
    [
        ("main", (), True),
        ("topic", (), False),
        ("main", ("main",), True),
        ("maintenance", ("main",), False),
        ("release/1", ("release/*",), True),
        ("release/1", ("refs/heads/release/*",), True),
        ("xrelease/1", ("release/*",), False),
        ("Main", ("main",), False),
        ("gh-readonly-queue/main/pr-1", ("*",), False),
        ("", ("*",), False),
    ],
)
def test_a_branch_counts_when_its_whole_name_matches(branch, patterns, counts):
    assert is_global(branch, patterns, "main") is counts


def test_a_push_is_branch_and_commit_and_only_a_force_push_knows_what_was_before():
    push = change_key("s", "main", "pushed", "b", "a")
    assert push == change_key("s", "refs/heads/main", "created", "b", "")
    assert push != change_key("s", "main", "pushed", "c", "a")
    assert push != change_key("t", "main", "pushed", "b", "a")
    assert change_key("s", "main", "force-pushed", "b", "a") != change_key(
        "s", "main", "force-pushed", "b", "c"
    )
    assert change_key("s", "main", "deleted", "", "a") != change_key(
        "s", "main", "deleted", "", "b"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2019-05-15T15:21:18Z", 1_557_933_678_000),
        ("2019-05-15T17:21:18+02:00", 1_557_933_678_000),
        ("2019-05-15T15:21:18", 1_557_933_678_000),
        ("1900-01-01T00:00:00Z", 0),
        ("0001-01-01T00:00:00+23:59", 0),
        ("yesterday", 0),
        ("", 0),
        (None, 0),
    ],
)
def test_times(text, expected):
    assert milliseconds(text) == expected


def test_a_source_may_be_late_but_not_early():
    now = 1_800_000_000_000
    assert moment(0, now) == now
    assert moment(now - 86_400_001, now) == now - 86_400_001
    # It was said, by a clock that is a little ahead; and by one that nobody believes.
    assert moment(now + 60_000, now) == now + 1
    assert moment(now + 3_600_000, now) == now


def test_the_time_formats_of_gitlab():
    assert (
        milliseconds("2027-01-15 08:00:00 UTC")
        == milliseconds("2027-01-15 10:00:00 +0200")
        == 1_800_000_000_000
    )
    assert milliseconds("2027-01-15T08:00:00.1234567Z") == 1_800_000_000_123


def test_a_person_is_not_a_mail_address():
    assert person(None, "", "Ana <ana@example.org>") == "Ana"
    assert person("ana@example.org") == "ana"
    assert person("<ana@example.org>", "bo") == "bo"
    assert person(None) == ""
