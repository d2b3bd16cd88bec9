"""`sources.toml`: what is read, what is refused and with which sentence."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devstream_desktop.control.messages.sources import GitSource, RemoteSource
from devstream_desktop.intake.config.names import SourcesError, absolute_url, is_local
from devstream_desktop.intake.config.source_file import (
    add_source,
    load_sources,
    remove_source,
    save_sources,
    split_secrets,
)
from devstream_desktop.intake.config.source_toml import check_source, parse_sources

NAMES = st.from_regex(r"[a-z0-9-]{1,40}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=60)
BRANCHES = st.lists(TEXTS, max_size=5).map(tuple)
GIT = st.builds(
    GitSource,
    name=NAMES,
    url=st.sampled_from(
        [
            "/srv/git/shop.git",
            "/a b/ü\"'\\x",
            "https://github.com/acme/shop",
            "git@github.com:acme/shop.git",
            "~/shop",
        ]
    ),
    branches=BRANCHES,
    service=TEXTS,
    interval=st.integers(0, 86_400),
    backfill=st.booleans(),
)
REMOTE = st.builds(
    RemoteSource,
    name=NAMES,
    type=NAMES.filter(lambda name: name != "git"),
    ways=st.sampled_from([("webhook",), ("poll",), ("webhook", "poll"), ("tail",)]),
    branches=BRANCHES,
    service=TEXTS,
    environment=TEXTS.map(lambda text: text[:40]),
    url=st.sampled_from(["", "https://ci.example.org:8443/api", "http://127.0.0.1:9093"]),
    silent_after=st.integers(0, 9999),
    interval=st.integers(0, 9999),
    secret_path=st.booleans(),
    token_env=st.sampled_from(["", "CI_TOKEN"]),
    token_file=st.sampled_from(["", "/run/secrets/ci"]),
    options=st.dictionaries(
        st.from_regex(r"[a-z_]{1,40}", fullmatch=True),
        st.one_of(TEXTS, st.integers(1, 99), st.booleans(), BRANCHES),
        max_size=5,
    ),
)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.one_of(GIT, REMOTE), max_size=5, unique_by=lambda source: source.name))
def test_what_is_written_is_read_back(tmp_path_factory, sources):
    path = tmp_path_factory.mktemp("sources") / "sources.toml"
    save_sources(path, sources)
    assert load_sources(path) == sources
    for source in sources:
        assert check_source(source) == source


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_sources_or_a_sentence(text):
    with contextlib.suppress(SourcesError):
        parse_sources(text)


def test_no_file_is_no_sources(home):
    assert load_sources(home.sources) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[source.shop\n", r"line 1: this is not TOML"),
        ("[target.shop]\n", r"line 1: 'target' is unknown; allowed: \[source.NAME\]"),
        ("source = 3\n", r"line 1: source must be a table"),
        (
            '\n[source.Shop]\ntype = "git"\n',
            r"line 2: source 'Shop': the name must be 1 to 40 of a to z",
        ),
        (
            "[source.shop]\n",
            r"line 1: source 'shop': type is missing; write the name of a collector",
        ),
        ('[source.shop]\ntype = "git"\n', r"line 1: source 'shop': url is missing"),
        (
            '[source.shop]\ntype = "git"\nurl = "/x"\nbrnches = []\n',
            r"line 4: .*'brnches' is unknown; allowed: type, url, branches",
        ),
        ('[source.gh]\ntype = "github"\nurl = "/x"\n', r"line 3: .*service's https address"),
        (
            '[source.gh]\ntype = "github"\nbackfill = true\n',
            r"line 3: .*'backfill' is unknown; allowed: type, ways",
        ),
        (
            '[source.gh]\ntype = "github"\nways = ["fax"]\n',
            r'line 3: .*list of "webhook", "poll" and "tail"',
        ),
        (
            '[source.gh]\ntype = "github"\nurl = "https://x/y?token=z"\n',
            r"line 3: .*password or query",
        ),
        ('[source.gh]\ntype = "github"\nname = "x"\n', r"line 3: .*'name' is unknown"),
        ('[source.gh]\ntype = "github"\noptions.A = 1\n', r"line 3: .*options must be .*a to z"),
        (
            '[source.gh]\ntype = "github"\noptions.a = 1.5\n',
            r"line 3: .*options.a must be written as .* a text",
        ),
        ('[source.gh]\ntype = "github"\ntoken_file = "x"\n', r"line 3: .*absolute path"),
        (
            (
                '[source.a]\ntype = "git"\nurl = "/x"\n'
                '[source.b]\ntype = "git"\nurl = "/x"\ninterval = -1\n'
            ),
            r"line 7: .*0 to 86400",
        ),
        ('[source.shop]\ntype = "git"\nurl = "/x"\ninterval = true\n', r"line 4: .*whole number"),
        (
            '[source.shop]\ntype = "git"\nurl = "/x"\nbranches = "main"\n',
            r"line 4: .*list of at most 50",
        ),
        ('[source.shop]\ntype = "git"\nurl = "/x"\nbranches = [""]\n', r"line 4: .*names or globs"),
        ('[source.shop]\ntype = "git"\nurl = "/x"\nbackfill = 1\n', r"line 4: .*true or false"),
        ('[source.shop]\ntype = "git"\nurl = "shop"\n', r"line 3: .*absolute"),
        (
            '[source.shop]\ntype = "git"\nurl = "--upload-pack=x"\n',
            r"line 3: .*may not start with '-'",
        ),
        (
            '[source.shop]\ntype = "git"\nurl = "ext::sh -c x"\n',
            r"line 3: .*not allowed; allowed: a path",
        ),
        ('[source.shop]\ntype = "git"\nurl = "ftp://x/y"\n', r"line 3: .*not allowed"),
        (
            '[source.shop]\ntype = "git"\nurl = "https://ana:token@x/y"\n',
            r"line 3: .*user name or password",
        ),
        (
            '[source.shop]\ntype = "git"\nurl = "https://token@x/y"\n',
            r"line 3: .*user name or password",
        ),
        ('[source.shop]\ntype = "git"\nurl = "https://[x/y"\n', r"line 3: .*not well formed"),
        ('[source.shop]\ntype = "git"\nurl = "/a\\u0000b"\n', r"line 3: .*control characters"),
    ],
)
def test_a_mistake_is_said_with_line_reason_and_what_is_allowed(text, message):
    with pytest.raises(SourcesError, match=message):
        parse_sources(text)


def test_an_url_with_a_password_is_not_repeated():
    with pytest.raises(SourcesError) as caught:
        parse_sources('[source.shop]\ntype = "git"\nurl = "https://ana:hunter2@x/y"\n')
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("/srv/x", True),
        ("~/x", True),
        ("/a:b", True),
        ("file:///x", True),
        ("git@h:x", False),
        ("ssh://h/x", False),
        ("https://h/x", False),
    ],
)
def test_a_path_is_told_from_a_remote_as_git_does(url, local):
    assert is_local(url) is local


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (".", "/home/ana/shop"),
        ("../pay repo", "/home/ana/pay repo"),
        ("/srv/x.git", "/srv/x.git"),
        ("git@h:x", "git@h:x"),
        ("https://h/x", "https://h/x"),
        ("file:///x", "file:///x"),
        ("--upload-pack=x", "--upload-pack=x"),
    ],
)
def test_a_path_is_taken_from_where_it_was_typed(typed, meant):
    assert absolute_url(typed, Path("/home/ana/shop")) == meant


def test_adding_seals_the_secret_and_keeps_it_out_of_the_file(home, vault):
    add_source(home, vault, RemoteSource(name="gh", type="github"), b"correct horse battery\n")
    assert vault.sealed == {"source-gh": b"correct horse battery\n"}
    assert b"horse" not in home.sources.read_bytes()
    assert home.sources.stat().st_mode & 0o077 == 0
    with pytest.raises(SourcesError, match="already"):
        add_source(home, vault, GitSource(name="gh", url="/x"))
    remove_source(home, vault, "gh")
    assert (vault.sealed, load_sources(home.sources)) == ({}, [])
    with pytest.raises(SourcesError, match="known: none"):
        remove_source(home, vault, "gh")


@pytest.mark.parametrize("secret", [b"", b"\n\n", b"short", b"long enough\nshort"])
def test_a_webhook_without_a_good_secret_is_refused_and_nothing_written(home, vault, secret):
    with pytest.raises(SourcesError, match="at least 8"):
        add_source(home, vault, RemoteSource(name="gh", type="github"), secret)
    assert not home.sources.exists()
    assert vault.sealed == {}


def test_a_secret_file_has_one_or_two_lines():
    assert split_secrets(b"one\r\n") == [b"one"]
    assert split_secrets(b"\none\n two \nthree") == [b"one", b"two"]
