"""The event that `devstream emit` makes of its options."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devstream_collectors.kit.push import change_key
from devstream_desktop.control.messages.stream import Emit
from devstream_desktop.intake.emit import emit_event
from devstream_desktop.stream.event import InvalidEventError
from devstream_desktop.stream.words import STATES, Kind

TEXT_OPTIONS = ["environment", "ref", "revision", "actor", "title", "url", "subject", "service"]
NOW = 1_800_000_000_000
SHA = "0123456789abcdef0123456789abcdef01234567"


def emit(now: int = NOW, nonce: str = "n", scope: str = "", **options):
    return emit_event(Emit(**{"service": "shop"} | options), now=now, nonce=nonce, scope=scope)


def test_a_change_has_the_key_subject_and_number_of_the_poller():
    event = emit(
        kind="change",
        state="pushed",
        ref="refs/heads/main",
        revision=SHA,
        actor="ana",
        title="Retry\nbody",
    )
    assert event.key == change_key("service/shop", "main", "pushed", SHA)
    assert (event.subject, event.number, event.ref, event.title, event.time) == (
        "change/shop/main",
        SHA,
        "main",
        "Retry",
        NOW,
    )
    assert (
        emit(
            kind="change", state="pushed", ref="main", revision=SHA, scope="github.com/acme/shop"
        ).key
        != event.key
    )


def test_a_deleted_branch_names_what_it_was():
    event = emit(kind="change", state="deleted", ref="topic", revision=SHA)
    assert (event.revision, event.previous) == ("", SHA)
    assert event.key == change_key("service/shop", "topic", "deleted", "", SHA)


def test_a_build_that_is_told_twice_is_one_fact_and_another_run_is_not():
    options = {"kind": "build", "state": "failed", "ref": "main", "revision": SHA}
    assert emit(**options).key == emit(now=NOW + 5, nonce="m", **options).key
    assert emit(**options).key != emit(url="https://ci/2", **options).key
    assert emit(**options).key != emit(**options | {"state": "succeeded"}).key
    assert emit(**options).subject == "build/shop/main/emit"


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "deploy", "state": "success", "environment": "production", "revision": SHA},
        {"kind": "incident", "state": "firing", "title": "Disk is full"},
        {"kind": "change", "state": "pushed", "ref": "main"},
    ],
)
def test_everything_else_is_news_each_time(options):
    assert emit(**options).key != emit(now=NOW + 1, **options).key
    assert emit(**options).key != emit(nonce="m", **options).key
    assert emit(**options).subject == emit(now=NOW + 1, **options).subject


def test_firing_and_resolved_of_one_title_are_one_row():
    fired, resolved = (
        emit(kind="incident", state=state, title="Disk 93 % full on db-1")
        for state in ("firing", "resolved")
    )
    assert fired.subject == resolved.subject == "incident/shop/disk-93-full-on-db-1"


def test_a_subject_and_a_severity_that_are_given_are_taken():
    event = emit(kind="incident", state="firing", subject="incident/shop/x", severity="critical")
    assert (event.subject, event.severity.word) == ("incident/shop/x", "critical")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "changes", "state": "pushed"}, "allowed: change, build"),
        ({"kind": "build", "state": "green"}, "allowed: queued, running"),
        (
            {"kind": "build", "state": "failed", "severity": "bad"},
            "allowed: info, notice, warning, error, critical",
        ),
        ({"kind": "build", "state": "failed", "service": " \u202e"}, "--service is empty"),
        ({"kind": "duty", "state": "on"}, "devstream duty on"),
        ({"kind": "deploy", "state": "requested"}, "devstream deploy"),
        ({"kind": "claim", "state": "claimed"}, "--subject"),
    ],
)
def test_a_word_that_is_not_ours_is_answered_with_those_that_are(options, message):
    with pytest.raises(InvalidEventError, match=message):
        emit(**options)


@settings(deadline=None)
@given(
    kind=st.sampled_from(list(Kind)),
    data=st.data(),
    texts=st.dictionaries(st.sampled_from(TEXT_OPTIONS), st.text(max_size=300)),
)
def test_whatever_is_typed_is_one_clean_event_or_a_sentence(kind, data, texts):
    state = data.draw(st.sampled_from(STATES[kind]))
    try:
        event = emit(kind=kind.value, state=state, **texts)
    except InvalidEventError:
        return
    assert all(character.isprintable() for character in event.title + event.subject + event.service)


@pytest.mark.parametrize("state", STATES[Kind.TEAM])
def test_a_script_reports_nothing_of_the_team(state: str) -> None:
    request = Emit(kind="team", state=state, service="shop")
    with pytest.raises(InvalidEventError, match="devstream reports it"):
        emit_event(request, now=NOW, nonce="n")


@pytest.mark.parametrize("state", ["approved", "locked", "unlocked", "accepted", "dry_run"])
def test_a_script_makes_no_lock_that_nobody_holds(state: str) -> None:
    request = Emit(kind="deploy", state=state, service="shop", environment="production")
    with pytest.raises(InvalidEventError, match="is not for emit"):
        emit_event(request, now=NOW, nonce="n")
