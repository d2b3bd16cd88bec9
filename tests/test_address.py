"""HOST:PORT is read in one place, and whoever mistyped one hears what is right."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.address import (
    AddressError,
    destination,
    is_any,
    is_loopback,
    join,
    plain,
    problem,
    split,
)

ROOT = Path(__file__).parents[1]
HOSTS = st.one_of(
    st.ip_addresses().map(str),
    st.from_regex(
        r"[a-z0-9_]([a-z0-9_-]{0,8}[a-z0-9_])?(\.[a-z_][a-z0-9_]{0,5}){1,3}", fullmatch=True
    ),
    st.sampled_from(["fe80::1%eth0", "fe80::1%3", "localhost", "desk_7", "xn--bro-hoa.example"]),
)


@given(HOSTS, st.integers(0, 65535))
def test_what_is_joined_is_split_again(host: str, port: int) -> None:
    assert split(join(host, port)) == (host, port)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (" desk.example:1 ", ("desk.example", 1)),
        ("[2001:DB8:0::1]:7400", ("2001:db8::1", 7400)),
        ("[fe80::1%wlan0]:65535", ("fe80::1%wlan0", 65535)),
        ("WIN_PC.local:7400", ("WIN_PC.local", 7400)),
        ("desk.example.:7400", ("desk.example.", 7400)),
        ("büro.example:7400", ("xn--bro-hoa.example", 7400)),
    ],
)
def test_what_people_write(text: str, parts: tuple[str, int]) -> None:
    assert split(text) == parts


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "it is empty"),
        ("desk", "it has no port"),
        ("[::1]", "it has no port"),
        ("2001:db8::20:7400", "needs brackets"),
        ("http://desk:80", "it is a URL"),
        ("desk:7400/x", "it is a URL"),
        ("desk:", "its port is no number"),
        ("desk:-1", "its port is no number"),
        ("desk:٣", "its port is no number"),
        ("desk:70000", "its port is no number"),
        ("[desk]:7400", "no IPv6 address"),
        ("[127.0.0.1]:7400", "no IPv6 address"),
        ("[fe80::1%;]:7400", "no IPv6 address"),
        (":7400", "neither an IP address nor a name"),
        ("300.1.1.1:7400", "neither an IP address nor a name"),
        ("10.1:7400", "neither an IP address nor a name"),
        ("-a:7400", "neither an IP address nor a name"),
        ("a..b:7400", "neither an IP address nor a name"),
        ("a b:7400", "neither an IP address nor a name"),
        ("x" * 300 + ":7400", "neither an IP address nor a name"),
    ],
)
def test_anything_else_is_not_and_says_why(text: str, hint: str) -> None:
    with pytest.raises(AddressError) as caught:
        split(text)
    said = str(caught.value)
    assert hint in said
    assert "write HOST:PORT, as in 192.168.1.20:7400" in said
    assert len(said) < 250
    assert problem(text) == problem(text, listen=True) == said


def test_nobody_is_dialed_at_port_0_or_everywhere_but_both_can_be_listened_on() -> None:
    for text in ("desk:0", "0.0.0.0:7400", "[::]:7400"):
        assert not problem(text, listen=True)
        with pytest.raises(AddressError):
            destination(text)
    assert destination("desk:7400") == ("desk", 7400)


def test_what_a_host_is() -> None:
    assert is_any("0.0.0.0")
    assert is_any("::")
    assert not is_any("desk")
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "localhost", "::ffff:127.0.0.1")))
    assert not any(map(is_loopback, ("10.0.0.1", "::", "desk", "fe80::1%lo")))
    assert plain("::ffff:10.0.0.7") == "10.0.0.7"
    assert plain("fe80::1%eth0") == "fe80::1"
    assert plain("desk") == "desk"


def test_nothing_else_takes_an_address_apart() -> None:
    for path in sorted((ROOT / "devstream_desktop").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(attr="rpartition" | "rsplit"),
                    args=[ast.Constant(value=":"), *_],
                ):
                    assert path.name == "address.py", f"{path}:{node.lineno} takes HOST:PORT apart"
