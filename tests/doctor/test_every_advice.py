"""Every advice that the doctor can give is followed by a test.

`advices.py` reads them from the code, so one without a row fails here.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from advices import advices
from rooms import load

from devstream_desktop.control.check import Check, Verdict
from devstream_desktop.control.messages.status import (
    MissingStatus,
    PeerStatus,
    RefusedStatus,
    Status,
)
from devstream_desktop.doctor import network, traffic

NOW = 1_800_000_000_000
BOB = PeerStatus(device="b" * 52, person="bob", address="10.0.0.2:7400", state="live", seen=NOW)


def status(**fields: object) -> Status:
    fields = {"members": 3, "peers": (BOB,), "mesh": "10.0.0.1:7400", **fields}
    return Status(version="1", discovery="announcing", **fields)  # type: ignore[arg-type]


def refused(reason: str) -> Status:
    one = RefusedStatus(address="10.0.0.9:7400", device="c" * 52, reason=reason, count=1, seen=NOW)
    return status(refused=(one,))


def looked_at(found: Status) -> list[Check]:
    return [
        *network.peers(found, NOW, alone=False),
        *traffic.missing(found, NOW),
        network.clock(NOW, 0, found),
    ]


ahead = msgspec.structs.replace(BOB, clock_offset=-90_000)
IN_STATUS: dict[str, Status] = {
    "set the clock right and keep it by network time": status(peers=(ahead,)),
    "it is dialed again by itself": status(
        peers=(BOB, msgspec.structs.replace(BOB, state="lost", device="d" * 52))
    ),
    "wait a minute for the policy to reach it": refused(
        "it rejected this device: it does not know it (yet), or this device was revoked"
    ),
    "somebody crowds the port": refused("too many strangers"),
    "a scanner or another program": refused("what it said is no TLS"),
    "one of you uses the wrong --home": refused("it is of another team"),
    "an admin revoked it": refused("bob's device was revoked: stolen"),
    "renew it there: devstream team renew --at": refused("its certificate has expired"),
    "set both clocks right": refused("its certificate is not valid yet"),
    "start the node there": refused("nothing listens there"),
    "see that it is awake, and that no firewall": refused("no answer: the host is off"),
    "update the older devstream": refused("it speaks protocol 9"),
    "run devstream doctor there too": refused("never heard of this one"),
} | {
    advice: status(lost=(MissingStatus(device="b" * 52, person="bob", why=why, count=3),))
    for why, advice in {
        "nobody": "they come when a device that has them is on again",
        "future": "set that device's clock right",
        "refused": "an admin grants the role if it should: devstream team grant",
        "frozen": "nothing: its author publishes what it still has once more",
        "crowded": "find out why that home is restored or copied again and again",
    }.items()
}


@pytest.mark.parametrize("advice", IN_STATUS)
def test_a_fault_in_a_status_is_named_with_its_advice_and_gone_with_it(advice: str) -> None:
    told = [check for check in looked_at(IN_STATUS[advice]) if advice in check.advice]
    assert told
    assert all(check.verdict is not Verdict.OK for check in told)
    # Whoever was kept out is linked, whoever's clock was wrong is in step, and nothing is missing.
    mended = status(peers=(BOB, msgspec.structs.replace(BOB, device="c" * 52)))
    assert all(check.verdict is Verdict.OK for check in looked_at(mended))


ELSEWHERE = {
    "then here: devstream team leave, and devstream team join INVITE": "node/test_devices.py::"
    "test_a_revoked_device_says_how_it_comes_back_and_that_works",
    "unlock the keyring": "node/test_locked.py::"
    "test_it_waits_and_says_what_for_and_goes_on_when_the_keyring_is_unlocked",
    "a device that has it whole gives it again": "node/test_mending.py",
    "when that is put right: devstream out test": "node/test_outlets.py",
    "when that is put right: devstream carrier test": "node/test_carriers.py",
    "devstream install-desktop": "cli/test_install_desktop.py::test_doctor_knows_what_is_missing",
    "on GNOME install the extension AppIndicator": "desktop/test_no_server.py::"
    "test_doctor_names_the_server_and_shows_a_popup",
    "install one, such as dunst or mako": "desktop/test_no_server.py::"
    "test_doctor_names_the_server_and_shows_a_popup",
    "start devstream in the session of the desktop": "desktop/test_no_server.py::"
    "test_doctor_says_that_the_server_does_not_start",
    "remove the servers that this desktop does not use": "desktop/test_no_server.py::"
    "test_doctor_says_that_the_server_does_not_start",
    "end the notification server": "desktop/test_no_server.py::"
    "test_a_server_that_hangs_is_told_and_another_one_helps",
}
"""An advice that a test of another room follows."""
BY_HAND = {
    "connect that network, or change [mesh] listen": "a network is its operator's; "
    "tests/hosts/test_addresses.py",
    "see that its disk is not mounted read-only": "an operator mounts disks",
    "pip install ": "an installation changes with its operator",
    "run devstream as the user who owns": "another user's session",
    "start devstream of the version that wrote it": "there is no other version",
    "install devstream again": "an installation changes with its operator",
    "begin it again: devstream team join INVITE": "an invite is needed: tests/team/test_devices.py",
}
"""An advice that a test cannot follow, and why."""


def test_every_advice_of_the_code_is_followed_by_a_test() -> None:
    rows = load("doctor/test_advice.py").ROWS.values()
    followed = load("doctor/test_advice_on_nodes.py").FOLLOWED
    known = [*(row.advice for row in rows), *IN_STATUS, *ELSEWHERE, *BY_HAND, *followed]
    said = list(advices())
    assert len(said) > 50
    unfollowed = [one for one in said if not any(fragment in one[0] for fragment in known)]
    assert not unfollowed, "a row for each, please"
    unsaid = [fragment for fragment in known if not any(fragment in text for text, _ in said)]
    assert not unsaid, "nobody says this any more"


def test_the_tests_of_other_rooms_exist() -> None:
    for where in ELSEWHERE.values():
        file, _, name = where.partition("::")
        text = (Path(__file__).parents[1] / file).read_text(encoding="utf-8")
        assert f"def {name}" in text
