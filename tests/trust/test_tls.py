"""The verdicts of nng's TLS on 35 sorts of certificates and handshakes.

They are a table: a library that changes its mind fails here. And the same through the product's own
links, both ways round: refused, with a reason for a person.
"""

from __future__ import annotations

import socket
import ssl
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import forgery
import pynng
import pytest
from cryptography.x509.oid import NameOID
from forgery import CLIENT, DAY, HOUR, SERVER, Holder, authority, leaf, revocation_list

from devstream_desktop.mesh.transport.link import (
    SERVER_NAME,
    Credentials,
    Link,
    LinkError,
    tls_config,
)
from devstream_desktop.stream.entry import device_id

pytestmark = pytest.mark.slow

PATIENCE_S = 10
NAME = "server-id"
REFUSED, UNUSABLE = "refused", "no configuration"

CA, OTHER = authority("ca"), authority("other")
SRV, CLI = leaf(CA, NAME, names=(NAME, "127.0.0.1")), leaf(CA, "client-id")


def config(
    mode: int,
    trusted: str,
    own: Holder | None,
    *,
    server: str | None = NAME,
    auth: int | None = pynng.TLSConfig.AUTH_MODE_REQUIRED,
    chain: str = "",
    crl: str | None = None,
) -> pynng.TLSConfig:
    made = pynng.TLSConfig(
        mode,
        server_name=server if mode == pynng.TLSConfig.MODE_CLIENT else None,
        own_key_string=own.key_pem if own else None,
        own_cert_string=own.pem + chain if own else None,
        auth_mode=auth,
    )
    made.set_ca_chain(trusted, crl)
    return made


def common_name(pipe: pynng.nng.Pipe) -> str:
    out = pynng.ffi.new("char **")
    if pynng.lib.nng_pipe_get_string(pipe.pipe, b"tls-peer-cn", out) or out[0] == pynng.ffi.NULL:
        return ""
    try:
        return bytes(pynng.ffi.string(out[0])).decode()
    finally:
        pynng.lib.nng_strfree(out[0])


def listening(server: pynng.Socket) -> int:
    listener = server.listen("tls+tcp://127.0.0.1:0")
    port = pynng.ffi.new("int *")
    pynng.check_err(pynng.lib.nng_listener_get_int(listener.listener, b"tcp-bound-port", port))
    return int(port[0])


def trial(server: Callable[[], pynng.TLSConfig], client: Callable[[], pynng.TLSConfig]) -> str:
    """The name that the server saw when a message came through, else how it failed."""
    try:
        ours, theirs = server(), client()
    except pynng.NNGException:
        return UNUSABLE
    seen: list[str] = []
    over = threading.Event()
    wait_ms = PATIENCE_S * 1000
    with (
        pynng.Pair0(recv_timeout=50, tls_config=ours, recv_max_size=4096) as one,
        pynng.Pair0(
            send_timeout=wait_ms, tls_config=theirs, recv_max_size=4096, reconnect_time_min=60_000
        ) as other,
    ):
        one.add_pre_pipe_connect_cb(lambda pipe: seen.append(common_name(pipe)))
        other.add_post_pipe_remove_cb(lambda _: over.set())
        try:
            other.dial(f"tls+tcp://127.0.0.1:{listening(one)}", block=True)
            other.send(b"hello")
        except pynng.NNGException:
            return REFUSED
        for _ in range(PATIENCE_S * 20):
            try:
                one.recv()
            except pynng.Timeout:
                if over.is_set():
                    return REFUSED
            else:
                return seen[0]
        return "silence"


def server(
    own: Holder = SRV, trusted: str = CA.pem, **given: object
) -> Callable[[], pynng.TLSConfig]:
    return lambda: config(pynng.TLSConfig.MODE_SERVER, trusted, own, **given)


def client(
    own: Holder | None = CLI, trusted: str = CA.pem, **given: object
) -> Callable[[], pynng.TLSConfig]:
    return lambda: config(pynng.TLSConfig.MODE_CLIENT, trusted, own, **given)


def of_kinds(
    ca_kind: str, leaf_kind: str
) -> tuple[Callable[[], pynng.TLSConfig], Callable[[], pynng.TLSConfig]]:
    ca = authority("ca", ca_kind)
    return server(leaf(ca, NAME, leaf_kind, names=(NAME,)), ca.pem), client(
        leaf(ca, "client-id", leaf_kind), ca.pem
    )


def below(
    root: Holder, issuer: Holder
) -> tuple[Callable[[], pynng.TLSConfig], Callable[[], pynng.TLSConfig]]:
    ours, theirs = leaf(issuer, NAME, names=(NAME,)), leaf(issuer, "client-id")
    return server(ours, root.pem, chain=issuer.pem), client(theirs, root.pem, chain=issuer.pem)


ROOT = authority("root", path_length=1)
BOTH = CA.pem + OTHER.pem
ODD = forgery.name((NameOID.ORGANIZATION_NAME, "CN=admin"), (NameOID.COMMON_NAME, "bob"))
LONG = forgery.name((NameOID.COMMON_NAME, "bob"), (NameOID.ORGANIZATION_NAME, "team"))

TABLE = {
    "keys p256 of p256": (of_kinds("p256", "p256"), "client-id"),
    "keys p256 of p384": (of_kinds("p384", "p256"), "client-id"),
    "keys p256 of rsa": (of_kinds("rsa2048", "p256"), "client-id"),
    "keys rsa of rsa": (of_kinds("rsa2048", "rsa2048"), "client-id"),
    "keys p256 of ed25519": (of_kinds("ed25519", "p256"), UNUSABLE),
    "keys ed25519 of p256": (of_kinds("p256", "ed25519"), UNUSABLE),
    "keys ed25519 of ed25519": (of_kinds("ed25519", "ed25519"), UNUSABLE),
    "no server name": ((server(), client(server=None)), REFUSED),
    "the server's DNS name": ((server(), client()), "client-id"),
    "another server name": ((server(), client(server="someone-else")), REFUSED),
    "the server's IP address": ((server(), client(server="127.0.0.1")), "client-id"),
    "no alternative name, the common one asked for": (
        (server(leaf(CA, NAME)), client()),
        "client-id",
    ),
    "another alternative name, the common one asked for": (
        (server(leaf(CA, NAME, names=("other",))), client()),
        REFUSED,
    ),
    "client without a certificate": ((server(), client(None)), REFUSED),
    "client without a certificate, the library's default": ((server(auth=None), client(None)), ""),
    "client of another authority": ((server(), client(leaf(OTHER, "client-id"))), REFUSED),
    "server of another authority": ((server(), client(trusted=OTHER.pem)), REFUSED),
    "client expired a minute ago": (
        (server(), client(leaf(CA, "c", start=-2 * DAY, end=-HOUR / 60))),
        REFUSED,
    ),
    "client not valid for an hour": (
        (server(), client(leaf(CA, "c", start=HOUR, end=2 * DAY))),
        REFUSED,
    ),
    "server expired a minute ago": (
        (server(leaf(CA, NAME, names=(NAME,), start=-2 * DAY, end=-HOUR / 60)), client()),
        REFUSED,
    ),
    "client with a server's certificate": (
        (server(), client(leaf(CA, "c", purposes=(SERVER,)))),
        REFUSED,
    ),
    "client certified by a member": (
        (server(), client(leaf(CLI, "forged"), chain=CLI.pem)),
        REFUSED,
    ),
    "three levels": (below(ROOT, authority("issuer", by=ROOT)), "client-id"),
    "an issuer that the authority may not have": (below(CA, authority("issuer", by=CA)), REFUSED),
    "client on the server's revocation list": (
        (server(crl=revocation_list(CA, CLI.certificate.serial_number)), client()),
        REFUSED,
    ),
    "another one on it": ((server(crl=revocation_list(CA, 12345)), client()), "client-id"),
    "server on the client's revocation list": (
        (server(), client(crl=revocation_list(CA, SRV.certificate.serial_number))),
        REFUSED,
    ),
    "organisation that looks like a name": ((server(), client(leaf(CA, "", subject=ODD))), "bob"),
    "organisation after the name": ((server(), client(leaf(CA, "", subject=LONG))), "bob, O=team"),
    "a name of 64 characters": ((server(), client(leaf(CA, "x" * 64))), "x" * 64),
    "two authorities, the old one": ((server(trusted=BOTH), client(trusted=BOTH)), "client-id"),
    "two authorities, the new one": (
        (server(trusted=BOTH), client(leaf(OTHER, "new"), trusted=BOTH)),
        "new",
    ),
}


@pytest.fixture(scope="module")
def results() -> dict[str, str]:
    with ThreadPoolExecutor(8) as pool:
        return dict(zip(TABLE, pool.map(lambda case: trial(*case[0]), TABLE.values()), strict=True))


@pytest.mark.parametrize("case", TABLE)
def test_certificates_and_names(results: dict[str, str], case: str) -> None:
    assert results[case] == TABLE[case][1]


@pytest.mark.parametrize(
    ("newest", "spoken"),
    [
        (ssl.TLSVersion.TLSv1_3, "TLSv1.3"),
        (ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
        (ssl.TLSVersion.TLSv1_1, ""),
    ],
)
def test_versions(tmp_path, newest: ssl.TLSVersion, spoken: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=CA.pem)
    (tmp_path / "own.pem").write_text(CLI.key_pem + CLI.pem)
    context.load_cert_chain(tmp_path / "own.pem")
    context.set_ciphers("ALL:@SECLEVEL=0")  # so that it is not OpenSSL that refuses
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that 1.1 is old is why it is asked for
        context.minimum_version = min(newest, ssl.TLSVersion.TLSv1_2)
        context.maximum_version = newest
    with pynng.Pair0(tls_config=server()()) as one:
        plain = socket.create_connection(("127.0.0.1", listening(one)), PATIENCE_S)
        try:
            with context.wrap_socket(plain, server_hostname=NAME) as secure:
                version = secure.version()
        except (ssl.SSLError, OSError):
            version = ""
        finally:
            plain.close()
    assert version == spoken


def test_there_are_thirty_five_trials() -> None:
    assert len(TABLE) + 3 == 35


def of_team(team, common: str, **given: object) -> Credentials:
    by = Holder(team.key, team.certificate)
    made = leaf(by, common, names=(common, SERVER_NAME), **given)
    return Credentials(by.pem, made.pem, made.key_pem)


def by_a_member(team) -> Credentials:
    by = Holder(team.key, team.certificate)
    member = leaf(by, device_id(b"m" * 32), names=(SERVER_NAME,))
    forged = leaf(member, device_id(b"f" * 32), names=(SERVER_NAME,))
    return Credentials(by.pem, forged.pem + member.pem, forged.key_pem)


async def test_a_node_with_a_wrong_certificate_is_refused_whoever_dials_and_both_are_told_why(
    make_node, team
):
    named = device_id(b"k" * 32)
    good = await make_node()
    cases = {
        "expired": (
            of_team(team, named, start=-2 * DAY, end=-HOUR),
            "certificate expired on",
            "its certificate has expired",
        ),
        "not yet valid": (
            of_team(team, named, start=HOUR, end=DAY),
            "not valid yet: this clock",
            "its certificate is not valid yet: its clock",
        ),
        "for servers only": (
            of_team(team, named, purposes=(SERVER,)),
            "does not accept this device's certificate",
            None,
        ),
        "for clients only": (
            of_team(team, named, purposes=(CLIENT,)),
            None,
            "its certificate is not accepted: unsuitable",
        ),
        "by a member": (
            by_a_member(team),
            "does not accept this device's certificate",
            "its certificate is not accepted: invalid CA",
        ),
    }
    for label, (credentials, when_dialing, when_dialed) in cases.items():
        bad = await make_node(credentials=credentials, name=label)
        if when_dialing is not None:
            bad.mesh.add_peer(good.address)
        if when_dialed is not None:
            good.mesh.add_peer(bad.address)
        await bad.until(
            lambda bad=bad, words=when_dialing: words is None or words in bad.refusals()
        )
        await good.until(
            lambda bad=bad, words=when_dialed: (
                words is None or f"{bad.address}  {words}" in good.refusals()
            )
        )
        assert not bad.live(), label
        await bad.say(f"from {label}")
    await good.until(lambda: "TLS failed" in good.refusals())
    assert good.live() == set()
    assert good.entries == []


async def test_who_shows_no_certificate_is_not_let_in(make_node, team):
    node = await make_node()
    without = pynng.TLSConfig(
        pynng.TLSConfig.MODE_CLIENT, server_name=SERVER_NAME,
        ca_string=team.credentials("x").ca_pem,
        auth_mode=pynng.TLSConfig.AUTH_MODE_REQUIRED,
    )  # fmt: skip
    link = Link(node.address, lambda _: None)
    try:
        with pytest.raises(LinkError):
            await link.open(without, 3)
    finally:
        await link.close()
    await node.until(lambda: "TLS failed" in node.refusals())
    assert node.mesh._core.callers.all() == []


async def test_a_dialer_believes_nobody_of_another_team(make_node, other_team, team):
    """The listener trusts this team, so it is the dialer alone who can see that the listener's
    certificate is another team's.
    """
    name = device_id(b"s" * 32)
    stranger = await make_node(credentials=other_team.credentials(name, ca=team))
    link = Link(stranger.address, lambda _: None)
    try:
        with pytest.raises(LinkError):
            await link.open(tls_config(team.credentials(device_id(b"k" * 32)), server=False), 3)
        assert link.device == ""
    finally:
        await link.close()
