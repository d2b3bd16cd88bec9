"""Identity, rows and answers: who tells a fact decides whose it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.fact import AuthorClass, author_class, fact_id, is_answer, run_of
from devstream_desktop.stream.words import STATES, Kind

EXE, OTHER, ANA = "e" * 52, "o" * 52, "a" * 52
KEY = fact_key("t", Kind.DEPLOY, "1")
EVERY_STATE = [(kind, state) for kind in Kind for state in STATES[kind]]
ANSWERS = {"dry_run", "approved", "locked", "unlocked", "accepted"}
"""States of a deploy that are only ever an executor's answer."""
OF_ANYBODY = [one for one in EVERY_STATE if one[0] is not Kind.DEPLOY or one[1] not in ANSWERS]
"""States that a line without a request may have."""


def event(kind: Kind, state: str, **fields: str) -> Event:
    values = {"service": "shop", "subject": "x", "key": KEY, "time": 1} | fields
    return make_event(kind=kind, state=state, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "state"), OF_ANYBODY)
def test_every_state_has_a_class_of_authors(kind: Kind, state: str) -> None:
    assert author_class(kind, state) in AuthorClass


@pytest.mark.parametrize("state", sorted(ANSWERS))
def test_nobody_but_an_executor_tells_its_answers(state: str) -> None:
    assert author_class(Kind.DEPLOY, state, KEY) is AuthorClass.EXECUTOR
    assert author_class(Kind.DEPLOY, state) is None


def test_a_deploy_is_asked_for_by_members_answered_by_executors_and_seen_by_collectors() -> None:
    assert author_class(Kind.DEPLOY, "requested") is AuthorClass.MEMBER
    assert author_class(Kind.DEPLOY, "requested", KEY) is AuthorClass.MEMBER
    assert author_class(Kind.DEPLOY, "cancelled", KEY) is AuthorClass.EXECUTOR
    assert author_class(Kind.DEPLOY, "cancelled") is AuthorClass.COLLECTOR


@given(
    one=st.sampled_from(OF_ANYBODY),
    other=st.sampled_from(OF_ANYBODY),
    devices=st.tuples(st.sampled_from((ANA, OTHER)), st.sampled_from((ANA, OTHER))),
)
def test_two_tellings_are_one_fact_only_within_a_class_and_of_ones_own_word_only_by_one_device(
    one, other, devices
) -> None:
    shared = {Kind.CHANGE, Kind.BUILD, Kind.TEST, Kind.INCIDENT, Kind.TICKET, Kind.SOURCE}
    admins = {"joined", "rejected", "revoked", "policy"}

    def teller(kind: Kind, state: str, device: str) -> tuple[object, ...]:
        """An identity made by hand."""
        if kind in shared or (kind is Kind.DEPLOY and state != "requested"):
            return (kind, "collectors")
        if kind is Kind.TEAM:
            own = {"asked": "issuer", "issuing": "issuer", "left": "member"}
            if state in admins:
                return (kind, "admins")
            return (kind, own.get(state, "executor"), device)
        return (kind, "members", device)

    ids = [
        fact_id(event(*said), device) for said, device in zip((one, other), devices, strict=True)
    ]
    hands = [teller(*said, device) for said, device in zip((one, other), devices, strict=True)]
    assert (ids[0] == ids[1]) == (hands[0] == hands[1])


def test_the_answers_of_the_addressed_executor_go_on_with_the_request_and_no_others() -> None:
    asked = event(Kind.DEPLOY, "requested", request=KEY, executor=EXE)
    answer = event(Kind.DEPLOY, "success", request=KEY, executor=EXE)
    foreign = event(Kind.DEPLOY, "success", request=KEY, executor=OTHER)
    assert run_of(asked) == run_of(answer) != run_of(foreign)
    assert is_answer(answer, EXE, request=KEY, executor=EXE)
    assert not is_answer(answer, OTHER, request=KEY, executor=EXE), "signed by another device"
    assert not is_answer(foreign, OTHER, request=KEY, executor=EXE), "another executor"
    assert not is_answer(asked, EXE, request=KEY, executor=EXE), "the request itself"
    assert not is_answer(
        event(Kind.CLAIM, "claimed", request=KEY, executor=EXE), EXE, request=KEY, executor=EXE
    )


def test_what_is_of_another_kind_goes_on_with_nothing_though_it_names_the_same_thing() -> None:
    about = {"subject": "incident/shop/1", "number": "1"}
    runs = {run_of(event(kind, STATES[kind][0], **about)) for kind in Kind}
    assert len(runs) == len(Kind)
