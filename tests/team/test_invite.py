from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.address import AddressError
from devstream_desktop.team.errors import TeamError
from devstream_desktop.team.joining.errors import JoinError, Problem
from devstream_desktop.team.joining.invite import (
    MAX_ADDRESSES,
    Invite,
    new_invite,
    read_invite,
    write_invite,
)
from devstream_desktop.team.joining.open_invites import MAX_OPEN, REPEAT_MS, OpenInvites

ADDRESSES = st.sampled_from(
    ["127.0.0.1:1", "desk.example:65535", "[::1]:4000", "10.0.0.7:21600", "a-b.c:80"]
)
INVITES = st.builds(
    Invite,
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=5, max_size=5),
    st.binary(min_size=16, max_size=16),
    st.binary(min_size=32, max_size=32),
    st.lists(ADDRESSES, min_size=1, max_size=MAX_ADDRESSES, unique=True).map(tuple),
)
TEXT = write_invite(Invite(b"p" * 32, b"i" * 5, b"s" * 16, b"k" * 32, ("127.0.0.1:21600",)))


def problem_of(text: str) -> Problem:
    with pytest.raises(JoinError) as caught:
        read_invite(text)
    return caught.value.problem


@given(INVITES)
def test_an_invite_is_read_as_it_was_written(invite: Invite) -> None:
    text = write_invite(invite)
    assert read_invite(text) == invite
    assert read_invite(f"  {text[:40]}\r\n {text[40:].upper()}\n") == invite
    assert text.isascii()
    assert len(text) < 200 + 64 * (len(invite.addresses) - 1)


@given(st.integers(0, len(TEXT) - 1), st.characters(min_codepoint=32, max_codepoint=126))
def test_one_wrong_character_is_never_read(at: int, character: str) -> None:
    changed = TEXT[:at] + character + TEXT[at + 1 :]
    if "".join(changed.split()).lower() == TEXT:
        return
    assert problem_of(changed) in (Problem.MISTYPED, Problem.NOT_AN_INVITE)


@given(st.text(max_size=400))
def test_any_text_is_answered(text: str) -> None:
    assert problem_of(text) in (Problem.MISTYPED, Problem.NOT_AN_INVITE)
    assert problem_of("ds1-" + text) in (Problem.MISTYPED, Problem.NOT_AN_INVITE)


@pytest.mark.parametrize(
    "text", ["", "hello", "https://example.com/ds1-aaaa", "ds2-aaaa", "dsl-aaaa"]
)
def test_what_is_no_invite(text: str) -> None:
    assert problem_of(text) is Problem.NOT_AN_INVITE


@pytest.mark.parametrize(
    "text",
    [
        "ds1-",
        "ds1-aa",
        TEXT[:-1],
        TEXT[:100],
        TEXT + "a",
        TEXT.replace("a", "1"),
        "ds1-" + "a" * 5000,
    ],
)
def test_what_is_mistyped(text: str) -> None:
    assert problem_of(text) is Problem.MISTYPED


def forged(blob: bytes) -> str:
    return (
        "ds1-"
        + base64.b32encode(blob + hashlib.sha256(blob).digest()[:3]).decode().rstrip("=").lower()
    )


def test_a_newer_version_says_update() -> None:
    assert problem_of(forged(b"\3" + bytes(85) + b"127.0.0.1:1")) is Problem.NEWER


@pytest.mark.parametrize(
    "address",
    [
        b"",
        b"host",
        b"host:0",
        b"host:65536",
        b":1",
        b"a b:1",
        b"host:\xff",
        b"::1:4000",
        b"[127.0.0.1]:1",
        b"-a:1",
    ],
)
def test_a_strange_address_is_refused(address: bytes) -> None:
    assert problem_of(forged(b"\1" + bytes(85) + address)) is Problem.MISTYPED


def test_an_invite_to_one_address_is_read_by_nodes_of_before() -> None:
    raw = base64.b32decode(TEXT.removeprefix("ds1-").upper() + "=" * (-(len(TEXT) - 4) % 8))
    assert (
        raw == b"\1" + b"p" * 32 + b"i" * 5 + b"s" * 16 + b"k" * 32 + b"127.0.0.1:21600" + raw[-3:]
    )


def test_an_invite_names_a_few_addresses_each_once_and_stays_short() -> None:
    made = new_invite(
        b"p" * 32,
        b"k" * 32,
        *("office.example.com:7400", "192.168.1.20:7400", "192.168.1.20:7400"),
        *("[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:7400", "[fd00::20]:7400", "10.8.0.3:7400"),
    )
    assert made.addresses == (
        "office.example.com:7400",
        "192.168.1.20:7400",
        "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:7400",
        "[fd00::20]:7400",
    )
    assert read_invite(write_invite(made)) == made
    assert len(write_invite(made)) < 280


@pytest.mark.parametrize(
    "addresses",
    [(), ("desk.example",), ("desk:0",), ("0.0.0.0:7400",), ("[fe80::1%eth0]:7400",)],
)
def test_an_invite_needs_addresses_that_lead_somewhere(addresses: tuple[str, ...]) -> None:
    with pytest.raises(AddressError):
        new_invite(b"p" * 32, b"k" * 32, *addresses)


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\x04",
        b"\x04\x7f\0\0\x01",
        b"\x04\x7f\0\0\x01\0\0",
        b"\x05\x7f\0\0\x01\0\1",
        b"\x07\0\1",
        b"\x09a b\0\1",
        b"\x08\xff\0\1",
        b"\x08a\0\1\x08",
        5 * b"\x08a\0\1",
    ],
)
def test_cut_or_strange_addresses_are_refused(packed: bytes) -> None:
    assert problem_of(forged(b"\2" + bytes(85) + packed)) is Problem.MISTYPED


def test_the_secret_is_not_printed() -> None:
    assert b"s" * 16 not in repr(read_invite(TEXT)).encode()
    assert (b"s" * 16).hex() not in repr(read_invite(TEXT))


NOW = 1_800_000_000_000
DEVICE, OTHER = b"d" * 32, b"o" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "invites.json"


def made(invites: OpenInvites, seconds: int = 3600) -> Invite:
    invite = new_invite(b"p" * 32, b"k" * 32, "127.0.0.1:1")
    invites.add(invite, NOW + seconds * 1000, NOW)
    return invite


def refused(
    invites: OpenInvites,
    invite: Invite,
    device: bytes = DEVICE,
    *,
    secret: bytes | None = None,
    now: int = NOW,
) -> Problem:
    with pytest.raises(JoinError) as caught:
        invites.check(invite.id, invite.secret if secret is None else secret, device, now)
    return caught.value.problem


def test_only_the_hash_of_a_secret_is_kept(path: Path) -> None:
    invite = made(OpenInvites(path))
    content = path.read_bytes()
    assert invite.secret not in content
    assert invite.secret.hex().encode() not in content
    assert path.stat().st_mode & 0o077 == 0


def test_a_device_may_mistype_its_name_but_flood_nobody(path: Path) -> None:
    """Each name is told to the whole team."""
    invites = OpenInvites(path)
    invite = made(invites)
    for name in ("bo", "bob", "bobby"):
        assert invites.spend(invite.id, DEVICE, name, NOW)
    invites = OpenInvites.load(path)
    for name in ("robert", "bo"):
        with pytest.raises(JoinError, match="under several names already"):
            invites.spend(invite.id, DEVICE, name, NOW)
    assert not invites.spend(invite.id, DEVICE, "bobby", NOW)


def test_one_device_may_use_it_and_repeat(path: Path) -> None:
    invites = OpenInvites(path)
    invite = made(invites)
    invites.check(invite.id, invite.secret, DEVICE, NOW)
    assert invites.spend(invite.id, DEVICE, "bo", NOW)
    assert not invites.spend(invite.id, DEVICE, "bo", NOW)
    again = OpenInvites.load(path)
    again.check(invite.id, invite.secret, DEVICE, NOW + 1)
    assert refused(again, invite, OTHER) is Problem.USED
    assert again.open_until(NOW) == NOW + 3_600_000, "it may wait for an admin"
    again.settle(invite.id, NOW)
    assert again.open_until(NOW) == NOW + REPEAT_MS
    assert again.open_until(NOW + REPEAT_MS) == 0


def test_five_wrong_secrets_close_it_for_the_right_one_too(path: Path) -> None:
    invites = OpenInvites(path)
    invite = made(invites)
    for _ in range(5):
        assert refused(invites, invite, secret=os.urandom(16)) is Problem.WRONG_SECRET
        invites = OpenInvites.load(path)
    assert refused(invites, invite) is Problem.BURNT
    assert invites.open_until(NOW) == 0


def test_it_expires(path: Path) -> None:
    invites = OpenInvites(path)
    invite = made(invites, seconds=60)
    assert invites.open_until(NOW) == NOW + 60_000
    invites.check(invite.id, invite.secret, DEVICE, NOW + 59_999)
    assert refused(invites, invite, now=NOW + 60_000) is Problem.EXPIRED
    assert invites.open_until(NOW + 60_000) == 0
    assert refused(invites, invite, secret=b"", now=NOW + 60_000) is Problem.WRONG_SECRET


def test_one_that_was_turned_away_stays_away(path: Path) -> None:
    invites = OpenInvites(path)
    invite = made(invites)
    invites.spend(invite.id, DEVICE, "bo", NOW)
    invites.reject(OTHER)
    invites.check(invite.id, invite.secret, DEVICE, NOW)
    invites.reject(DEVICE)
    assert refused(OpenInvites.load(path), invite) is Problem.REJECTED
    assert refused(invites, invite, OTHER) is Problem.USED


def test_one_that_was_approved_late_may_come_after_the_end(path: Path) -> None:
    invites = OpenInvites(path)
    invite = made(invites, seconds=60)
    invites.spend(invite.id, DEVICE, "bo", NOW)
    assert refused(invites, invite, now=NOW + 60_000) is Problem.EXPIRED
    invites.check(invite.id, invite.secret, DEVICE, NOW + 60_000, is_member=True)


def test_when_a_device_got_its_certificate_is_remembered(path: Path) -> None:
    invites = OpenInvites(path)
    invites.note_issued("bo", NOW)
    assert (OpenInvites.load(path).issued_at("bo"), OpenInvites.load(path).issued_at("cy")) == (
        NOW,
        0,
    )


def test_unknown(path: Path) -> None:
    assert refused(OpenInvites(path), read_invite(TEXT)) is Problem.UNKNOWN


def test_at_most_twenty_are_open(path: Path) -> None:
    invites = OpenInvites(path)
    first = made(invites)
    for _ in range(MAX_OPEN - 1):
        made(invites)
    with pytest.raises(TeamError, match="20 invites are open"):
        made(invites)
    invites.spend(first.id, DEVICE, "bo", NOW)
    made(invites)


def test_old_ones_are_forgotten_after_a_week(path: Path) -> None:
    invites = OpenInvites(path)
    old = made(invites, seconds=1)
    invites.add(
        new_invite(b"p" * 32, b"k" * 32, "127.0.0.1:1"), NOW + 9 * 86_400_000, NOW + 8 * 86_400_000
    )
    assert refused(invites, old) is Problem.UNKNOWN


def test_a_broken_list_is_begun_anew(path: Path) -> None:
    path.write_bytes(b"{")
    assert OpenInvites.load(path).open_until(0) == 0
    assert not path.exists()
