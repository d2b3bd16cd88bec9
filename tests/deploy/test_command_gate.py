"""The 34 cases of a join and a command that were tried against the design, one by one.

`CASES` says which test holds each; what no other test holds is below. Where the design came out
otherwise, the case says how: a request carries no version of the policy but is judged by that of
the moment, and a second deploy waits for its turn instead of being refused.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from devstream_desktop.deploy.judge import judge
from devstream_desktop.deploy.request import make_request
from devstream_desktop.deploy.targets import Target
from devstream_desktop.deploy.world import Accept, Asker, Refuse, World
from devstream_desktop.stream.entry import device_id
from devstream_desktop.stream.event import InvalidEventError, decode_event, encode_event
from devstream_desktop.stream.words import Role

TESTS = Path(__file__).parents[1]
_WAITING = "deploy/test_waiting.py::test_it_waits_for_a_second_person_and_not_for_a_second_device"
_QUARTER = "deploy/test_rules.py::test_an_approval_is_of_a_second_person_for_a_quarter_of_an_hour"
_REFUSAL = "deploy/test_judge.py::test_every_refusal_says_why"
_ROLES = "trust/test_envelopes.py::test_every_kind_by_every_role_is_taken_as_the_table_says"
_PURPOSE = (
    "trust/test_envelopes.py::test_what_was_signed_for_another_team_or_purpose_is_nothing_here"
)
_NESTS = "stream/test_entry.py::test_a_payload_of_any_version_nests_so_deep_and_no_deeper"
_HERE = "deploy/test_command_gate.py::"
CASES = {
    "a request with another person's approval runs": _WAITING,
    "without an approval it does not": _WAITING,
    "one's own approval does not count": _QUARTER,
    "nor one from one's own second device": _WAITING,
    "an approval of another request": _HERE + "test_an_approval_is_of_one_request",
    "an approval that is too old": _QUARTER,
    "another environment, for whom may deploy there": _HERE + "test_a_right_is_of_one_environment",
    "production, for whom may not": _HERE + "test_a_right_is_of_one_environment",
    "a revoked device": "team/test_authors.py::test_a_revoked_device_too",
    "a stranger with a right signature": "team/test_authors.py::test_members_and_strangers",
    "a clock 3 minutes behind": _REFUSAL,
    "a clock 3 minutes ahead": _REFUSAL,
    "a request that would count for a day": _REFUSAL,
    "an end that is no number": _HERE + "test_a_time_is_a_whole_number",
    "a time that is NaN": _HERE + "test_a_time_is_a_whole_number",
    "a field that is there twice": _HERE + "test_no_field_can_be_there_twice",
    "a branch in place of the commit": _REFUSAL,
    "a commit with a line break": _REFUSAL,
    "an option in place of the commit": _HERE + "test_a_commit_is_no_option",
    "an unknown action": "deploy/test_request.py::test_an_action_that_nobody_knows_is_refused",
    "a request to another executor": (
        "deploy/test_judge.py::test_what_is_for_another_or_has_its_answer_gets_none"
    ),
    "an older policy": "deploy/test_service.py::test_the_policy_of_this_moment_decides",
    "the same request again": (
        "deploy/test_service.py::test_a_request_that_comes_a_thousand_times_runs_once"
    ),
    "a second deploy while one runs": (
        "deploy/test_rules.py::test_one_runs_and_the_others_have_their_turn"
    ),
    "a request shown to another team": _PURPOSE,
    "a member forges a result of CI": _ROLES,
    "a member forges the end of a deploy": (
        "team/test_authors.py::test_an_author_speaks_for_itself_only"
    ),
    "a collector signs a policy": (
        "team/test_chain.py::test_only_admins_of_the_version_before_can_change_it"
    ),
    "an event signed as a policy": _PURPOSE,
    "another author, the signature kept": "trust/test_envelopes.py::test_forged_in_anothers_name",
    "one number with two meanings": (
        "trust/test_gate.py::"
        "test_one_number_with_two_meanings_told_to_two_nodes_freezes_that_feed_on_all"
    ),
    "a body of 5,000 bytes": "stream/test_entry.py::test_an_entry_is_at_most_4_kib",
    "60,000 nested arrays": _NESTS,
    "2,000 nested arrays": _NESTS,
}

NOW = 1_800_000_000_000
ME, ASKER = device_id(b"e" * 32), device_id(b"a" * 32)
ANA = Asker(ASKER, "ana")
SHA = "4f" * 20


def asked(**changes):
    parts = {"environment": "production", "sha": SHA} | changes
    return make_request(
        device=ASKER, person="ana", target="shop", ref="main", executor=ME, now=NOW, **parts
    )


def world(**changes) -> World:
    made = Target(name="shop", environment="production", run=("x",), cwd=Path("/"))
    staging = msgspec.structs.replace(made, environment="staging")
    found = World(
        device=ME,
        now=NOW,
        targets={("shop", one.environment): one for one in (made, staging)},
        mistake="",
        judged=False,
        fresh=True,
        may=lambda person, role, _, environment: (
            (person, role, environment) == ("ana", Role.DEPLOYER, "staging")
        ),
        who_may=lambda *_: ("bo",),
    )
    return replace(found, **changes)


def test_there_are_34_and_each_is_held_by_a_test_that_is_there():
    assert len(CASES) == 34
    for case, held in CASES.items():
        path, name = held.split("::")
        text = (TESTS / path).read_text()
        assert re.search(rf"^(?:async )?def {name}\(", text, re.MULTILINE), (case, held)


def test_a_right_is_of_one_environment():
    assert isinstance(judge(asked(environment="staging"), ANA, world()), Accept)
    refused = judge(asked(), ANA, world())
    assert isinstance(refused, Refuse)
    assert "ana may not deploy shop to production" in refused.reason


def test_a_commit_is_no_option():
    event = msgspec.structs.replace(asked(environment="staging"), revision="--upload-pack=x")
    assert isinstance(judge(event, ANA, world()), Refuse)


def test_a_time_is_a_whole_number():
    fields = msgspec.msgpack.decode(encode_event(asked()))
    place = fields.index(NOW)
    for wrong in ("9e9", float("nan"), float("inf"), True, None, NOW + 0.5):
        changed = [*fields[:place], wrong, *fields[place + 1 :]]
        with pytest.raises(InvalidEventError):
            decode_event(msgspec.msgpack.encode(changed))


def test_no_field_can_be_there_twice():
    """Fields have places and no names, so that every reader reads the same."""
    assert isinstance(msgspec.msgpack.decode(encode_event(asked())), list)
    named = msgspec.to_builtins(msgspec.structs.asdict(asked()))
    with pytest.raises(InvalidEventError):
        decode_event(msgspec.msgpack.encode(named))


@pytest.mark.process
async def test_an_approval_is_of_one_request(room):
    other = device_id(b"b" * 32)
    room.deployers |= {"ana", "bo"}
    room.roles[Role.APPROVER] = {"ana", "bo"}
    room.devices[other] = "bo"
    for environment in ("staging", "production"):
        room.write(environment=environment, more="approvals = 1")
    await room.start(watch_s=0.02)
    first, second = room.request(environment="staging"), room.request()
    await room.ask(first)
    await room.ask(second)
    yes = room.request(
        action="approve",
        person="bo",
        device=other,
        environment="staging",
        sha="",
        ref="",
        title="",
        about=first.key,
    )
    await room.ask(yes, "bo", device=other)
    assert (await room.news.final(first.key)).state == "success"
    # It names the request, whatever place it says it is of.
    stray = room.request(
        action="approve", person="bo", device=other, sha="", ref="", title="", about=first.key
    )
    await room.ask(stray, "bo", device=other)
    assert (await room.news.final(stray.key)).state == "refused"
    assert room.news.states(second.key) == ["waiting"]
