"""Requests and answers as events: made, parsed, and refused when they contradict themselves."""

from __future__ import annotations

import subprocess

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devstream_desktop.deploy.answer import answer_key, answers, make_answer
from devstream_desktop.deploy.request import (
    Action,
    InvalidRequestError,
    is_ref,
    is_sha,
    make_request,
    parse_request,
)
from devstream_desktop.stream.entry import device_id
from devstream_desktop.stream.event import Event, decode_event, encode_event
from devstream_desktop.stream.fact import fact_id, request_key

DEVICE = device_id(b"e" * 32)
ASKER = device_id(b"a" * 32)
SHA = "0123456789abcdef0123456789abcdef01234567"
NOW = 1_800_000_000_000


def asked(**changes) -> Event:
    parts = {
        "device": ASKER,
        "person": "ana",
        "target": "shop",
        "environment": "production",
        "ref": "main",
        "sha": SHA,
    }
    parts |= {"executor": DEVICE, "now": NOW}
    return make_request(**{**parts, **changes})


def test_a_request_survives_the_wire_and_says_what_was_asked():
    request = parse_request(
        decode_event(encode_event(asked(reason="hotfix", title="Fix the login"))), ASKER
    )
    assert (request.target, request.environment, request.ref, request.sha) == (
        "shop",
        "production",
        "main",
        SHA,
    )
    assert (request.person, request.executor, request.reason, request.title) == (
        "ana",
        DEVICE,
        "hotfix",
        "Fix the login",
    )
    assert request.expires - request.time == 120_000


@pytest.mark.parametrize(
    "other",
    [
        {"device": DEVICE},
        {"person": "bo"},
        {"target": "pay"},
        {"environment": "staging"},
        {"ref": "v1"},
        {"sha": "5a" * 20},
        {"executor": ASKER},
        {"now": NOW + 1},
        {"ttl_s": 60},
        {"title": "Fix it"},
        {"reason": "hotfix"},
    ],
)
def test_whatever_differs_makes_another_request(other):
    assert asked().key == asked().key
    assert asked().key != asked(**other).key


def test_nobody_else_can_ask_under_the_key_of_a_request():
    with pytest.raises(InvalidRequestError, match="not its own"):
        parse_request(asked(), DEVICE)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"sha": SHA[:39]}, "40 hexadecimal"),
        ({"sha": SHA + "\n"}, "40 hexadecimal"),
        ({"sha": "main"}, "40 hexadecimal"),
        ({"ref": "main; touch x"}, "ref"),
        ({"ref": "--upload-pack=x"}, "ref"),
        ({"target": "sh op"}, "target"),
        ({"target": ""}, "needs a service"),
        ({"target": "a" * 41}, "target"),
        ({"environment": "prod/../x"}, "environment"),
        ({"executor": "nobody"}, "executor"),
        ({"ttl_s": 301}, "5 minutes"),
        ({"ttl_s": 0}, "5 minutes"),
        ({"now": 1 << 50}, "out of range"),
    ],
)
def test_what_no_executor_would_accept_cannot_be_asked(changes, word):
    with pytest.raises(InvalidRequestError, match=word):
        asked(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "success"},
        {"request": "0" * 32},
        {"number": "00000000"},
        {"subject": "deploy/other/production/00000000"},
        {"executor": DEVICE.upper()},
        {"expires": 0},
        {"expires": NOW},
        {"expires": NOW + 300_001},
        {"environment": ""},
    ],
)
def test_an_event_whose_parts_contradict_each_other_is_no_request(changes):
    with pytest.raises(InvalidRequestError):
        parse_request(msgspec.structs.replace(asked(), **changes), ASKER)


@pytest.mark.parametrize(
    "ref",
    [
        "main",
        "release/1.2",
        "refs/heads/main",
        "v1.0+build",
        "fix/ümlaut",
        "a@b",
        "x",
        "feature/#12",
        "it's",
        "50%",
        "a,b",
        "fix(core)",
        "wow!",
        "{x}",
    ],
)
def test_usual_refs_are_refs(ref):
    assert is_ref(ref)


@pytest.mark.parametrize(
    "ref",
    [
        "",
        "main\n",
        "-x",
        "/main",
        "main/",
        "main.",
        "a..b",
        "a//b",
        "a.lock",
        "a b",
        "a*",
        "a~1",
        "@{u}",
        "@",
        ".a",
        "a/.b",
        "a.lock/b",
        "a\u200bb",
    ],
)
def test_refs_that_git_or_a_script_would_read_otherwise_are_not(ref):
    assert not is_ref(ref)


@pytest.mark.process
@settings(max_examples=300, deadline=None)
@given(
    st.text(st.sampled_from("ab-./@{}~^:?*[\\ \t;$`|&\"'<>(é世#%,+=!lock"), min_size=1, max_size=12)
)
def test_every_ref_that_git_takes_for_a_branch_is_one_and_no_other(text):
    done = subprocess.run(
        ["git", "check-ref-format", "--branch", text], capture_output=True, check=False, timeout=30
    )
    # `@{-1}` is git's short form of another branch, and `@` of HEAD.
    taken = done.returncode == 0 and done.stdout.decode().strip() == text != "@"
    assert is_ref(text) == taken, text


def test_a_ref_is_as_long_as_git_can_store():
    assert is_ref("a" * 255)
    assert not is_ref("a" * 256)


@given(st.one_of(st.text(), st.from_regex(r"[0-9a-fA-F]{38,65}\n?", fullmatch=True)))
def test_a_commit_is_forty_or_64_lower_hexadecimal_digits_and_nothing_else(text):
    assert is_sha(text) == (len(text) in (40, 64) and set(text) <= set("0123456789abcdef"))


def test_an_answer_shares_the_row_of_its_request_and_its_key_is_the_fact():
    request = asked()
    parts = {
        "target": "shop",
        "environment": "production",
        "executor": DEVICE,
        "person": "ana",
        "ref": "main",
        "sha": SHA,
        "title": "",
    }
    first = make_answer(request=request.key, state="success", time=NOW + 5, duration=5, **parts)
    again = make_answer(request=request.key, state="success", time=NOW + 9, **parts)
    assert (first.subject, first.number, first.request) == (
        request.subject,
        request.number,
        request.key,
    )
    assert first.key == again.key == answer_key(request.key, "success")
    assert fact_id(first, DEVICE) in answers(request.key, DEVICE)
    assert fact_id(first, ASKER) not in answers(request.key, DEVICE)
    assert fact_id(request, ASKER) not in answers(request.key, DEVICE)


@pytest.mark.parametrize(
    "changes",
    [
        {"action": Action.LOCK},
        {"about": "1" * 32},
        {"parameters": {"size": "m"}},
        {"expected": "5a" * 20},
        {"lasts": 5},
        {"override": True},
    ],
)
def test_what_is_asked_beside_a_deploy_has_a_key_of_its_own(changes):
    plain, other = asked(), asked(**changes)
    assert plain.key != other.key
    # An executor that does not know these fields computes the plain key, and refuses the request.
    assert request_key(plain, ASKER) == plain.key
    stripped = msgspec.structs.replace(
        other, action="", about="", parameters="", previous="", duration=0, override=False
    )
    assert request_key(stripped, ASKER) == plain.key
    assert parse_request(other, ASKER).action == changes.get("action", Action.DEPLOY)
    with pytest.raises(InvalidRequestError):
        parse_request(stripped, ASKER)


def test_an_action_that_nobody_knows_is_refused():
    event = msgspec.structs.replace(asked(), action="explode")
    key = request_key(event, ASKER)
    named = {"key": key, "request": key, "number": key[:8]}
    subject = f"deploy/{event.service}/{event.environment}/{key[:8]}"
    event = msgspec.structs.replace(event, subject=subject, **named)
    with pytest.raises(InvalidRequestError, match="does not know what 'explode' asks for"):
        parse_request(event, ASKER)
