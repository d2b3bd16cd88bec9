"""The doctor's judgement on pictures of nodes.

Each trouble is noticed with what to do about it, and a healthy node has none.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from devstream_desktop import doctor
from devstream_desktop.cli.status import describe
from devstream_desktop.control import wording
from devstream_desktop.control.check import NAMES, Verdict
from devstream_desktop.control.messages.status import (
    MissingStatus,
    OutletStatus,
    PeerStatus,
    RefusedStatus,
    SourceStatus,
    Status,
)
from devstream_desktop.doctor import network, team, traffic
from devstream_desktop.team.standing import Standing

DAY = 86_400_000
NOW = 1_700_000_000_000


def standing(**changes: object) -> Standing:
    fields: dict[str, object] = {
        "team": "acme",
        "person": "ana",
        "device": "a" * 52,
        "people": ("ana", "bob"),
        "admins": ("ana", "bob"),
        "devices": 2,
        "admin_devices": 2,
        "policy_version": 3,
        "policy_issued": NOW - DAY,
        "policy_expires": NOW + 80 * DAY,
        "certificate_from": NOW - DAY,
        "certificate_expires": NOW + 20 * DAY,
    }
    return Standing(**(fields | changes))  # type: ignore[arg-type]


BOB = PeerStatus(
    device="b" * 52,
    person="bob",
    address="10.0.0.6:7450",
    state="live",
    direction="dialed",
    clock_offset=300,
    seen=NOW - 4_000,
)


def status(**changes: object) -> Status:
    fields: dict[str, object] = {
        "version": "1",
        "device": "a" * 52,
        "person": "ana",
        "team": "acme",
        "team_id": "t",
        "solo": False,
        "members": 2,
        "roles": ("admin",),
        "on_duty": True,
        "duty": (),
        "mesh": "10.0.0.5:7450",
        "intake": "",
        "discovery": "announcing on 10.0.0.5",
        "peers": (BOB,),
        "refused": (),
        "sources": (),
        "targets": 0,
        "events": 12_345,
        "feeds": 5,
        "oldest": NOW - 29 * DAY,
        "newest": NOW - 3_000,
        "history_bytes": 23_400_000,
        "disk_free": 10**11,
        "missing": 0,
        "can_invite": True,
        "policy_version": 3,
        "policy_expires": NOW + 80 * DAY,
        "certificate_expires": NOW + 20 * DAY,
    }
    return Status(**(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "verdict", "what", "advice"),
    [
        ({}, Verdict.OK, "3", ""),
        ({"policy_expires": NOW + 20 * DAY}, Verdict.WARNING, "ends in 20 d", "renews it"),
        ({"policy_expires": NOW - DAY}, Verdict.PROBLEM, "nothing is deployed", "renews it"),
        ({"forked": True}, Verdict.PROBLEM, "two policies", "signed both"),
    ],
)
def test_policy(changes, verdict, what, advice) -> None:
    found = team.policy(standing(**changes), NOW)
    assert found.verdict is verdict
    assert what in found.what
    assert advice in found.advice


@pytest.mark.parametrize(
    ("changes", "verdict", "what"),
    [
        ({}, Verdict.OK, "ends in 20 d"),
        ({"certificate_expires": NOW + 9 * DAY}, Verdict.WARNING, "was not renewed"),
        ({"certificate_expires": NOW - 1}, Verdict.PROBLEM, "no peer talks"),
        ({"certificate_from": NOW + 1}, Verdict.PROBLEM, "clock is behind"),
    ],
)
def test_certificate(changes, verdict, what) -> None:
    found = team.certificate(standing(**changes), NOW)
    assert found.verdict is verdict
    assert what in found.what
    assert bool(found.advice) is (verdict is not Verdict.OK)


def test_one_admin_of_several_people_is_too_few() -> None:
    found = team.admins(standing(admins=("ana",), admin_devices=1))
    assert (found.verdict, found.advice) == (
        Verdict.WARNING,
        (
            "ana makes a second one (devstream team grant bob admin)"
            " or keeps a key on paper (devstream team recovery-key)"
        ),
    )
    assert team.admins(standing(recovery_key=True)).verdict is Verdict.OK
    assert team.admins(standing()).verdict is Verdict.OK
    one = {"people": ("ana",), "admins": ("ana",), "devices": 1, "admin_devices": 1}
    assert team.admins(standing(**one)).verdict is Verdict.OK


def test_what_is_lost_is_a_device_and_not_a_person() -> None:
    one = {"people": ("ana",), "admins": ("ana",), "devices": 2, "admin_devices": 1}
    found = team.admins(standing(**one))
    assert found.verdict is Verdict.WARNING
    assert "devstream team grant ana admin" in found.advice
    both = one | {"people": ("ana", "bob"), "devices": 3, "admin_devices": 2}
    assert team.admins(standing(**both)).verdict is Verdict.OK


def test_a_device_that_was_put_out_hears_it() -> None:
    found = team.membership(standing(outsider="revoked on 3 May: lost laptop"))
    assert found.verdict is Verdict.PROBLEM
    assert "lost laptop" in found.what


@pytest.mark.parametrize(
    ("newest", "changes", "verdict", "what"),
    [
        (NOW, {}, Verdict.OK, "in step with 1 peer"),
        (NOW, {"peers": ()}, Verdict.OK, "no peer is linked"),
        (
            NOW,
            {
                "peers": (
                    PeerStatus(
                        device="b", person="b", address="", state="live", clock_offset=90_000
                    ),
                )
            },
            Verdict.WARNING,
            "1m30s behind 1 peer",
        ),
        (NOW, {"pruning_suspended": "this clock jumped by 90 min"}, Verdict.PROBLEM, "jumped"),
        (NOW + DAY, {}, Verdict.PROBLEM, "24h00m behind the newest event"),
    ],
)
def test_clock(newest, changes, verdict, what) -> None:
    found = network.clock(NOW, newest, status(**changes))
    assert found.verdict is verdict
    assert what in found.what
    assert bool(found.advice) is (verdict is not Verdict.OK)


def test_discovery_and_address() -> None:
    assert network.discovery(status(), alone=False).verdict is Verdict.OK
    blocked = network.discovery(status(discovery="not working (no multicast)"), alone=False)
    assert (blocked.verdict, "[mesh] peers" in blocked.advice) == (Verdict.WARNING, True)
    assert network.discovery(status(discovery="off"), alone=False).verdict is Verdict.OK
    assert (
        network.discovery(status(discovery="off", peers=()), alone=False).verdict is Verdict.WARNING
    )
    assert network.listening(status(), alone=False, here=True).verdict is Verdict.OK
    assert (
        "this machine only"
        in network.listening(status(mesh="127.0.0.1:7450"), alone=False, here=True).what
    )
    assert (
        network.listening(status(mesh="127.0.0.1:7450"), alone=True, here=True).verdict
        is Verdict.OK
    )
    assert "restart" in network.listening(status(), alone=False, here=False).advice


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("it belongs to another team", "wrong --home"),
        ("revoked on 3 May", "devstream team invite --for"),
        ("its certificate has expired, or this clock is ahead", "both clocks"),
        ("its certificate is not valid yet: its clock or this one is wrong", "both clocks"),
        ("nothing listens there: is the node running, and is the port right?", "start the node"),
        ("no answer: the host is off, asleep, or a firewall is in between", "awake"),
        (
            (
                "it rejected this device: it does not know it (yet), it was dropped,"
                " or it belongs elsewhere"
            ),
            "wait a minute",
        ),
        ("never heard of this one", "devstream doctor there"),
    ],
)
def test_a_peer_that_is_not_reached_has_its_reason_and_an_advice(reason, advice) -> None:
    refused = RefusedStatus(
        address="10.0.0.9:7450", device="c" * 52, reason=reason, count=3, seen=NOW - 60_000
    )
    linked, found = network.peers(status(refused=(refused,)), NOW, alone=False)
    assert (linked.verdict, found.verdict) == (Verdict.OK, Verdict.WARNING)
    assert reason in found.what
    assert advice in found.advice


def test_a_refusal_that_is_over_is_not_told() -> None:
    refused = RefusedStatus(address=BOB.address, device="", reason="no answer", count=3, seen=NOW)
    old = RefusedStatus(
        address="10.0.0.9:1", device="", reason="no answer", count=3, seen=NOW - DAY
    )
    assert len(list(network.peers(status(refused=(refused, old)), NOW, alone=False))) == 1


def test_nobody_linked_is_a_problem_but_for_a_team_of_one() -> None:
    (found,) = network.peers(status(peers=()), NOW, alone=False)
    assert (found.verdict, "[mesh] peers" in found.advice) == (Verdict.PROBLEM, True)
    assert list(network.peers(status(peers=()), NOW, alone=True)) == []


@pytest.mark.parametrize("why", ["nobody", "future", "refused", "frozen"])
def test_what_is_missing_has_a_reason_and_an_advice(why) -> None:
    one = MissingStatus(device="b" * 52, person="bob", why=why, count=3, until=NOW + 60_000)
    (found,) = traffic.missing(status(lost=(one,)), NOW)
    assert found.verdict is Verdict.WARNING
    assert "bob (device bbbbbbbb)" in found.what
    assert found.advice
    assert f"         missing: {found.what}" in list(describe(status(lost=(one,)), NOW))


def test_a_healthy_node_says_so_in_a_dozen_lines() -> None:
    lines = list(describe(status(), NOW))
    assert len(lines) <= 12
    assert (
        "history  12,345 events of 5 feeds, 23.4 MB; oldest 29 d ago, newest 3 s ago; 100.0 GB free"
        in lines
    )
    assert "  peer   bob bbbbbbbb at 10.0.0.6:7450: dialed, live, heard 4 s ago" in lines
    assert "policy   version 3, ends in 80 d; certificate ends in 20 d" in lines


def test_lag_and_clock_of_a_peer_are_said_where_there_is_something_to_say() -> None:
    peer = PeerStatus(
        device="b",
        person="b",
        address="",
        state="syncing",
        direction="accepted",
        behind=7_880,
        lag=3,
        clock_offset=-65_000,
    )
    assert (
        wording.peer(peer, NOW)
        == "accepted, syncing, 7,880 to get, 3 to give, its clock 1m05s behind, heard never"
    )


def test_catching_up_in_words() -> None:
    assert (
        wording.catching_up(status(missing=7_880, catch_up_total=12_000))
        == "catching up: 4,120 of 12,000 events"
    )
    assert wording.catching_up(status(missing=5)) == "catching up: 0 of 5 events"
    assert wording.catching_up(status()) == ""
    assert "         catching up: 4,120 of 12,000 events" in list(
        describe(status(missing=7_880, catch_up_total=12_000), NOW)
    )


def test_a_source_that_is_not_heard_is_a_warning() -> None:
    def source(name: str, state: str, **fields: object) -> SourceStatus:
        return SourceStatus(name=name, type="git", location="/srv", state=state, **fields)  # type: ignore[arg-type]

    found = traffic.sources(
        status(
            sources=(
                source("well", "active", seen=NOW - 1),
                source("young", "new"),
                # A stranger's post was refused; the sender's own come in.
                source(
                    "posted", "active", seen=NOW - 1, error="no signature", refusal="no signature"
                ),
                source("gone", "silent", seen=NOW - 60_000, error="there is no /srv"),
                source("quiet", "silent", seen=NOW - 60_000),
                source("keyless", "broken", error="its secret is damaged"),
                source("failing", "active", seen=NOW - 60_000, error="it answered 503"),
                source("wrong", "new", error="wrong signature", refusal="wrong signature"),
            )
        ),
        NOW,
    )
    *ill, well = found
    assert [one.what for one in ill] == [
        "gone: there is no /srv (last 1m00s ago)",
        "quiet: silent (last 1m00s ago)",
        "keyless: its secret is damaged (last never)",
        "failing: it answered 503 (last 1m00s ago)",
        "wrong: wrong signature (last never)",
    ]
    assert {one.verdict for one in ill} == {Verdict.WARNING}
    assert "devstream source test gone" in ill[0].advice
    assert (well.verdict, well.what) == (Verdict.OK, "3 without trouble")
    assert list(traffic.sources(status(), NOW)) == []


def test_an_outlet_that_fails_is_a_warning_with_what_waits() -> None:
    well = OutletStatus(
        name="team", form="atom", location="/out/team", state="active", told=3, seen=NOW - 60_000
    )
    ill = OutletStatus(
        name="chat", form="chat", location="chat.example.org", state="failing", waiting=2,
        error="it answered 503: busy",
    )  # fmt: skip
    found = list(traffic.outlets(status(outlets=(well, ill)), NOW))
    assert [(one.verdict, one.what) for one in found] == [
        (Verdict.OK, "team: read 3 times, last 1m00s ago"),
        (Verdict.WARNING, "chat: it answered 503: busy (0 posted, 2 waiting, last never)"),
    ]
    assert "devstream out test chat" in found[1].advice
    assert list(traffic.outlets(status(), NOW)) == []
    (line,) = [line for line in describe(status(outlets=(ill,)), NOW) if "outlet" in line]
    assert line == (
        "  outlet chat (chat, chat.example.org) failing, 0 posted, 2 waiting, last never:"
        " it answered 503: busy"
    )


def test_each_name_of_a_check_can_be_translated() -> None:
    named = set()
    for path in Path(doctor.__path__[0]).glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Name)
                and call.func.id in ("ok", "warning", "problem")
                and isinstance(call.args[0], ast.Constant)
            ):
                named.add(call.args[0].value)
    assert len(named) > 20
    assert named <= NAMES
