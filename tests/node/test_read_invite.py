"""A pasted line is looked at before it is used; nobody is asked."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from devstream_desktop.control.messages.members import InviteRead
from devstream_desktop.errors import DevstreamError
from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.node.team_requests import invite_read
from devstream_desktop.team.joining.invite import new_invite, write_invite


@pytest.fixture
def here():
    """The part of a team that is looked at."""
    return SimpleNamespace(device=DeviceKey.generate())


def test_an_invite_says_where_it_leads(here):
    issuer = DeviceKey.generate()
    line = write_invite(new_invite(bytes(32), issuer.public, "10.0.0.5:7450", "[::1]:7450"))
    read = InviteRead(addresses=("10.0.0.5:7450", "[::1]:7450"))
    assert invite_read(here, line) == read
    broken = "\n".join(line[at : at + 60] for at in range(0, len(line), 60))
    assert invite_read(here, f"  {broken}\n") == read, "as a mail breaks it"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda line: "hello", "this is not an invite"),
        (lambda line: "", "this is not an invite"),
        (lambda line: line[:-1], "mistyped or cut"),
        (lambda line: line[:40] + ("a" if line[40] != "a" else "b") + line[41:], "mistyped or cut"),
        (lambda line: line * 9, "mistyped or cut"),
    ],
    ids=["words", "nothing", "cut", "mistyped", "nine times"],
)
def test_anything_else_is_refused_in_words(here, spoil, said):
    line = write_invite(new_invite(bytes(32), DeviceKey.generate().public, "10.0.0.5:7450"))
    with pytest.raises(DevstreamError, match=said):
        invite_read(here, spoil(line))


def test_an_invite_of_ones_own_is_for_somebody_else(here):
    line = write_invite(new_invite(bytes(32), here.device.public, "10.0.0.5:7450"))
    with pytest.raises(DevstreamError, match="hand it to your colleague"):
        invite_read(here, line)
