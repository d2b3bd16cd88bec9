"""The pure half of the git source: what git prints, and which events a change of branches is."""

from __future__ import annotations

from collecting import assert_event
from hypothesis import given, settings
from hypothesis import strategies as st

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.branches import Moved, moved
from devstream_collectors.sources.git import (
    Commit,
    Heads,
    backfill_event,
    change_event,
    parse_heads,
    parse_log,
    patterns,
    wanted,
)

A, B = "a" * 40, "b" * 40
SHOP = SourceInfo("shop")


def test_heads_and_the_default_branch():
    text = (
        f"ref: refs/heads/trunk\tHEAD\n{A}\tHEAD\n{B}\trefs/heads/release/1\n"
        f"{A}\trefs/heads/trunk\n{A}\trefs/tags/v1\n"
    )
    assert parse_heads(text) == Heads({"release/1": B, "trunk": A}, "trunk")


def test_names_that_git_would_refuse_never_get_further():
    names = ["a b", "a:b", "+a", "-x", "a*", "a?", "a[", "a\\b", "a~1", "a^", "\x07"]
    text = "".join(f"{A}\trefs/heads/{name}\n" for name in names)
    assert set(parse_heads(text).branches) == {"+a"}


def test_log_lines():
    text = (
        f"{A}\x1f1800000000\x1fAna\x1fRetry\x1fcard capture\n"
        f"{B}\x1f1\x1f\x1f\nrubbish\n{A}\x1f٣\x1fx\x1fy\n"
    )
    assert parse_log(text) == [
        Commit(A, 1_800_000_000_000, "Ana", "Retry\x1fcard capture"),
        Commit(B, 1000, "", ""),
    ]


def test_which_branches_count():
    heads = Heads({"main": A, "topic": B}, "topic")
    assert patterns(heads, SHOP, working_copy=False) == ("topic",)
    assert patterns(heads, SHOP, working_copy=True) == ("main",)
    assert patterns(Heads({"master": A}, ""), SHOP, working_copy=False) == ("master",)
    assert patterns(Heads({"trunk": A}, "trunk"), SHOP, working_copy=True) == ("trunk",)
    assert patterns(Heads({}), SHOP, working_copy=False) == ()
    assert patterns(heads, SourceInfo("shop", ("t*",)), working_copy=True) == ("t*",)
    assert wanted(heads, ("t*",)) == {"topic": B}
    assert wanted(heads, ()) == {}


def event(move: Moved, *, forced: bool = False, scope: str = "service/shop"):
    head = Commit(B, 1, "Ana", "Title") if move.new else None
    return change_event(SHOP, scope, move, forced=forced, count=2, head=head, now=5)


def test_states_and_links():
    assert event(Moved("main", A, B)).state == "pushed"
    assert event(Moved("main", A, B), forced=True).state == "force-pushed"
    assert event(Moved("main", "", B)).state == "created"
    assert event(Moved("main", A, "")).state == "deleted"
    assert event(Moved("main", A, B)).url == ""
    assert (
        event(Moved("main", A, B), scope="github.com/acme/shop").url
        == f"https://github.com/acme/shop/compare/{A}...{B}"
    )
    assert (
        event(Moved("main", "", B), scope="gitlab.com/acme/shop").url
        == f"https://gitlab.com/acme/shop/commit/{B}"
    )


def test_a_commit_from_before_is_quiet_and_is_the_push_that_brought_it():
    old = backfill_event(SHOP, "service/shop", "main", Commit(B, 7, "Ana", "Title"))
    assert_event(old, quiet=True, time=7, key=event(Moved("main", A, B)).key)


BRANCHES = st.dictionaries(st.sampled_from(["main", "a", "b", "c"]), st.sampled_from([A, B]))


@settings(deadline=None)
@given(BRANCHES, BRANCHES)
def test_moves_lead_from_old_to_new(old, new):
    result = dict(old)
    for move in moved(old, new):
        assert move.old != move.new
        assert result.pop(move.branch, "") == move.old
        if move.new:
            result[move.branch] = move.new
    assert result == new


@settings(deadline=None)
@given(st.text())
def test_any_text_is_parsed(text):
    parse_heads(text)
    parse_log(text)


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\n"), max_size=30), max_size=3))
def test_any_author_and_title_is_a_clean_event(texts):
    for commit in parse_log(f"{B}\x1f7\x1f" + "\x1f".join(texts)):
        made = backfill_event(SHOP, "service/shop", "main", commit)
        assert all(character.isprintable() for character in made.title + made.actor)
