"""Every decoder that reads foreign bytes, with genuine messages to begin from and the errors that
it says it raises.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace

import msgspec

from devstream_desktop import address, webhook_signature
from devstream_desktop.control import server_wire
from devstream_desktop.control import wire as control
from devstream_desktop.control.errors import ControlError
from devstream_desktop.control.framing import Requests
from devstream_desktop.control.messages.members import GetMembers, Join, Members
from devstream_desktop.control.messages.status import GetStatus
from devstream_desktop.control.messages.stream import Emit, Wait
from devstream_desktop.deploy.backends import (
    argocd,
    github,
    gitlab,
    http,
    jenkins,
    standard_webhooks,
    webhook,
)
from devstream_desktop.deploy.backends.contract import BackendError
from devstream_desktop.deploy.repository import parse_tips
from devstream_desktop.deploy.request import InvalidRequestError, make_request, parse_request
from devstream_desktop.door import connection
from devstream_desktop.door.service import server_name
from devstream_desktop.history.quarantine import stored_entry, stored_event, stored_proof
from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.keys.errors import RecoveryKeyError
from devstream_desktop.keys.recovery_key import read_recovery_key, write_recovery_key
from devstream_desktop.mesh import wire
from devstream_desktop.mesh.carrier.beat import Beat, seal, unseal
from devstream_desktop.mesh.carrier.papers import read_proof
from devstream_desktop.mesh.replica.identity import Identity
from devstream_desktop.mesh.transport.framing import Deframer, FramingError
from devstream_desktop.mesh.transport.link import Credentials, tls_config
from devstream_desktop.node.board import Board
from devstream_desktop.stream.attention import Desk, Recent, decide
from devstream_desktop.stream.bounds import UnboundedError, check_json, check_msgpack
from devstream_desktop.stream.entry import (
    MalformedEntryError,
    device_id,
    encode_body,
    next_hlc,
    parse_entry,
    public_key,
)
from devstream_desktop.stream.event import (
    Event,
    InvalidEventError,
    decode_event,
    encode_event,
    fact_key,
    make_event,
)
from devstream_desktop.stream.fact import event_of, fact_id, run_of
from devstream_desktop.stream.record import record
from devstream_desktop.stream.search_text import index_text
from devstream_desktop.stream.subject import Line, is_terminal, rank, transition
from devstream_desktop.stream.words import STATES, Kind
from devstream_desktop.team import certificates, genesis
from devstream_desktop.team.certificates import Authority, CertificateError, TlsKey
from devstream_desktop.team.errors import PolicyError, TeamError
from devstream_desktop.team.joining import client, renewals
from devstream_desktop.team.joining import wire as enrol_wire
from devstream_desktop.team.joining.errors import JoinError
from devstream_desktop.team.joining.invite import (
    new_invite,
    read_invite,
    write_invite,
)
from devstream_desktop.team.joining.packed import pack, unpack
from devstream_desktop.team.joining.renewals import Renewals
from devstream_desktop.team.joining.six_words import six_words
from devstream_desktop.team.policy import changes
from devstream_desktop.team.policy.chain import PolicyChain
from devstream_desktop.team.policy.documents import Signed

NOW = 1_790_000_000_000
FEED = bytes(range(40))
DEVICE = device_id(FEED[:32])
SIGNATURE = bytes(64)


@dataclass(frozen=True)
class Decoder:
    """One way in for foreign bytes."""

    name: str
    decode: Callable[[bytes], object]
    seeds: Sequence[bytes]
    """Genuine ones; each is decoded without an error."""
    errors: tuple[type[Exception], ...] = ()
    """The errors that it says it raises for others."""
    share: int = 20
    """Of the inputs: the slow ones get few."""


def back_end(body: bytes) -> None:
    """An answer to each question that back ends ask, and as a refusal."""
    answer = http.Answer(500, {}, body)
    for kind in (
        list[github._Deployment],
        list[github._Status],
        github._Run,
        gitlab._Pipeline,
        jenkins._Item,
        argocd._Application,
        webhook._State,
    ):
        with contextlib.suppress(http.LostAnswerError):
            answer.read(kind)
    assert answer.said().isprintable()


BEAT = Beat("office", DEVICE, NOW, "log", [(1, 3), (5, 9)], FEED, 7)
RELAY = SimpleNamespace(
    team="team",
    # Every signature is right, so that what it signs is read.
    identity=Identity(DEVICE, "team", lambda _: SIGNATURE, lambda *_: True),
    gate=lambda _: None,
)


def relay_beat(word: bytes) -> None:
    """Read a word of a site's relay."""
    if (said := unseal(RELAY, BEAT.site, word)) is not None:
        said.ranges()


CALLBACK_SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CALLBACK = b'{"state": "success"}'
CALLBACK_HEADERS = standard_webhooks.signed(CALLBACK_SECRET, "m1", CALLBACK, NOW // 1000)


def callback(data: bytes) -> None:
    """Check a post of a back end: a line for each header, and the body."""
    lines = data.split(b"\n", len(CALLBACK_HEADERS))
    values = [line.decode("latin-1") for line in lines[: len(CALLBACK_HEADERS)]]
    given, body = dict(zip(CALLBACK_HEADERS, values, strict=False)), b"".join(lines[3:])
    if standard_webhooks.proves(CALLBACK_SECRET, given, body, NOW // 1000):
        said = (given[webhook_signature.ID], given[webhook_signature.TIMESTAMP])
        right = (CALLBACK_HEADERS[webhook_signature.ID], str(NOW // 1000))
        assert (*said, body) == (*right, CALLBACK)


def events() -> list[bytes]:
    """A payload of each kind and state."""
    fields = {
        "service": "shop",
        "subject": "deploy/shop/production/0",
        "title": "Retry “card” capture",
        "actor": "ana",
        "ref": "main",
    }
    made = [
        make_event(
            kind=kind,
            state=state,
            key=fact_key("fuzz", kind, state),
            time=NOW,
            expires=NOW,
            url="https://example.com/x",
            **fields,
        )
        for kind in Kind
        for state in STATES[kind]
    ]
    made.append(
        make_request(
            device=DEVICE,
            person="ana",
            target="shop",
            environment="production",
            ref="main",
            sha="a" * 40,
            executor=device_id(bytes(32)),
            now=NOW,
        )
    )
    return [encode_event(event) for event in made]


def bodies() -> list[bytes]:
    """Entries of this version, one of a later one, and one that follows another."""
    made = [
        encode_body(feed=FEED, seq=1, hlc=next_hlc(0, NOW), prev=b"", payload=payload)
        for payload in events()
    ]
    made.append(
        encode_body(feed=FEED, seq=2, hlc=next_hlc(0, NOW), prev=bytes(16), payload=events()[0])
    )
    later = [2, FEED, 1, next_hlc(0, NOW), b"", {"new": [1, 2.5, None, "x", b"y"]}]
    return [*made, msgspec.msgpack.encode(later)]


def told(body: bytes) -> None:
    """Read an entry as a node does that shows and indexes it, and judge it as an executor does."""
    entry = parse_entry(body, SIGNATURE)
    event = event_of(entry)
    fact_id(event, entry.device), run_of(event)
    shown(event)


def shown(event: Event) -> None:
    """Everything that is made of an event."""
    for struck in (False, True):
        row = Line(
            id=1,
            arrival=1,
            event=event,
            entry="00",
            received=NOW,
            device=DEVICE,
            author="ana",
            transition=transition(event.kind, event.state, "failed"),
            superseded=False,
            struck=struck,
        )
        msgspec.json.encode(record(row))
        decide(row, Desk(person="bo", on_duty=True), Recent(), NOW)
    board = Board()
    board.note([event])
    [six_words(ask.device) for ask in board.waiting(NOW)]
    index_text(event)
    is_terminal(event.kind, event.state), rank(event.kind, event.state), encode_event(event)
    with contextlib.suppress(InvalidRequestError):
        parse_request(event, DEVICE)


def requests() -> list[wire.Request]:
    """One of each request between nodes."""
    signed = wire.SignedEntry(bodies()[0], SIGNATURE)
    return [
        wire.Hello(wire.PROTOCOL, "team", device_id(bytes(32)), bytes(16), 1, NOW, 7400, "1.0"),
        wire.Tail(bytes(16), 5, 1000, 1000, 0),
        wire.Push([signed, signed], 0),
        wire.Digest(bytes(512)),
        wire.Offer([wire.Record(FEED, 0, 9, bytes(16), 1 << 40, [(2, 3), (5, 5)])], [FEED]),
        wire.Fetch([wire.Range(FEED, 1, 9)], 1000),
        wire.AskPeers(),
        wire.Proof([wire.Pair(signed, signed)], [FEED]),
        wire.AskPolicy(3, [b"document"]),
        wire.AskNode("plan", b"{}"),
    ]


def replies() -> list[wire.Reply]:
    """One of each answer between nodes."""
    signed, peers = (
        wire.SignedEntry(bodies()[0], SIGNATURE),
        [wire.PeerAddress(device_id(bytes(32)), "192.0.2.1:7400")],
    )
    record_ = wire.Record(FEED, 0, 9, bytes(16), 1 << 40, [(2, 3)])
    return [
        wire.Welcome(wire.PROTOCOL, "team", device_id(bytes(32)), bytes(16), 1, NOW, peers, "1.0"),
        wire.News(bytes(16), 5, [signed], bytes(8), 0, resync=False),
        wire.Pushed(1, 0, resync=True, busy=5),
        wire.Records(bytes(16), 5, [1, 2], [record_], [FEED]),
        wire.Wants([wire.Range(FEED, 1, 9)], [FEED]),
        wire.Entries([signed]),
        wire.PeerList(peers),
        wire.Proofs([wire.Pair(signed, signed)]),
        wire.Policies(3, [b"document"]),
        wire.Refused("no", peers, busy=True),
        wire.NodeAnswer(b"{}"),
    ]


def plain(decode: Callable[[bytes], object]) -> Callable[[bytes], object]:
    """The content of a frame that is not compressed."""
    return lambda content: decode(b"\0" + content)


class Team:
    """A founded team, and what its members, joiners and issuers send."""

    def __init__(self) -> None:
        self.founder = genesis.found("acme", "ana", solo=False, now_ms=NOW)
        self.key, self.chain = self.founder.device, self.founder.chain
        joiner = DeviceKey.generate()
        policies = [self.chain.current]
        for change in (
            changes.admit(joiner.id, "bo"),
            changes.revoke([joiner.id], "laptop stolen", NOW, []),
        ):
            policies.append(self.chain.successor(change(policies[-1]), NOW + len(policies)))
        self.payloads = [msgspec.json.encode(policy) for policy in policies]
        self.documents = [*self.chain.documents(), Signed.make(policies[1], [self.key]).document]
        self.authority = Authority.of(policies[0].issuers[self.key.id], self.key)
        self.tls = TlsKey.generate()
        self.request = self.tls.request()
        self.leaf = self.authority.issue(joiner.id, self.request, NOW)
        self.invite = new_invite(self.authority.pin, self.key.public, "192.0.2.1:7401")
        self.joiner = joiner

    def signed(self, payload: bytes) -> object:
        """Take a policy whose bytes an admin signed, whatever they say.

        As a peer sends it, and as it is kept.
        """
        signature = self.key.sign(b"devstream/policy/1\0" + payload)
        document = msgspec.msgpack.encode([1, payload, [[self.key.id, signature]]])
        with contextlib.suppress(PolicyError):
            PolicyChain.from_documents([document])
        return self.chain.copy().absorb([document])

    def answer(self, content: bytes) -> object:
        """Check an issuer's answer as the joiner does."""
        answer = enrol_wire.decode_answer(content)
        if isinstance(answer, enrol_wire.Membership):
            pem = certificates.certificate_pem(self.authority.certificate)
            at = self.invite.addresses[0]
            return client._checked(self.invite, at, "bo", self.joiner, self.tls, pem, answer)
        return answer

    def certificate(self, content: bytes) -> object:
        """Use a certificate as a joiner and a member do."""
        pem = certificates.certificate_pem(certificates.load_certificate(content))
        certificates.expiry_ms(pem), certificates.common_name(pem), self.tls.fits(pem)
        return certificates.is_trusted(pem, self.chain.current)

    def renewal(self, document: bytes) -> object:
        """Take a renewal as a neighbour sends it, and answer it as an issuer does."""
        known = Renewals("team", lambda: self.chain.current)
        renewals.is_renewal(document), known.absorb([document])
        return [certificates.is_for(self.leaf.encode(), one.request) for one in known.open()]

    def signed_renewal(self, request: bytes) -> object:
        """Take a request, or a certificate, whatever is in it: its device signed it."""
        asked = renewals.make_renewal("team", self.key, 1, request[:1024])
        answered = msgspec.structs.replace(asked, certificate=request[:2048])
        for one in (asked, answered):
            with contextlib.suppress(TeamError, CertificateError):
                self.renewal(msgspec.msgpack.encode(one))
        return renewals.is_answer(answered, self.chain.current)

    def named(self, content: bytes) -> object:
        """Believe an authority that a policy names: it must never keep a node from listening."""
        certificates.check_authority(content)
        issuer = msgspec.structs.replace(
            self.chain.current.issuers[self.key.id], certificate=content
        )
        policy = msgspec.structs.replace(self.chain.current, issuers={self.key.id: issuer})
        certificates.is_trusted(self.leaf, policy)
        return tls_config(
            Credentials(
                certificates.bundle(policy), self.founder.certificate_pem, self.founder.tls_key_pem
            ),
            server=True,
        )

    def decoders(self) -> Iterator[Decoder]:
        """All that a team reads."""
        questions = [
            enrol_wire.AskAuthority(),
            enrol_wire.AskMembership(
                self.invite.id,
                self.invite.secret,
                self.joiner.public,
                "bo",
                self.request,
                SIGNATURE,
            ),
            enrol_wire.AskRenewal(self.joiner.public, self.request, SIGNATURE),
        ]
        answers = [
            enrol_wire.Authority(self.authority.der),
            enrol_wire.Renewed(self.leaf),
            enrol_wire.Waiting("acme", ("ana",)),
            enrol_wire.Refused("used"),
        ]
        packed = pack(self.documents)
        membership = enrol_wire.Membership(self.leaf, packed, ("192.0.2.1:7400",))
        ders = [self.authority.der, certificates.certificate_der(self.leaf), self.leaf.encode()]
        asked = renewals.make_renewal("team", self.key, 1, self.request)
        own = certificates.certificate_der(self.authority.issue(self.key.id, self.request, NOW))
        answered = msgspec.structs.replace(asked, certificate=own)
        both = [msgspec.msgpack.encode(asked), msgspec.msgpack.encode(answered)]
        yield Decoder("renewal", self.renewal, both, (TeamError, CertificateError))
        yield Decoder("signed renewal", self.signed_renewal, [self.request, ders[1]], ())
        yield Decoder("policy document", Signed.open, self.documents, (PolicyError,))
        yield Decoder("policy that an admin signed", self.signed, self.payloads, (PolicyError,), 2)
        yield Decoder(
            "question at the door",
            enrol_wire.decode_question,
            [*map(enrol_wire.encode, questions)],
            (enrol_wire.MalformedFrameError,),
        )
        errors = (enrol_wire.MalformedFrameError, JoinError)
        yield Decoder(
            "answer at the door",
            self.answer,
            [*map(enrol_wire.encode, [*answers, membership])],
            errors,
            5,
        )
        yield Decoder("packed policies", unpack, [packed], (enrol_wire.MalformedFrameError,), 2)
        yield Decoder("certificate", self.certificate, ders, (CertificateError,), 2)
        yield Decoder("authority of a policy", self.named, ders[:1], (CertificateError,), 4)
        issue = lambda request: self.authority.issue(self.joiner.id, request, NOW)  # noqa: E731
        yield Decoder("signing request", issue, [self.request], (CertificateError,), 2)
        yield Decoder(
            "invite", text(read_invite), [write_invite(self.invite).encode()], (JoinError,)
        )
        yield Decoder(
            "recovery key",
            text(read_recovery_key),
            [write_recovery_key(self.key).encode()],
            (RecoveryKeyError,),
        )


def stream(data: bytes) -> None:
    """Take the stream of a caller apart, which comes in pieces."""
    deframer = Deframer(wire.MESSAGE_BYTES)
    for at in range(0, len(data), 13):
        deframer.feed(data[at : at + 13])
        while deframer.greeted() and deframer.next_request() is not None:
            pass


def _answer(message: bytes) -> bytes:
    """As nng's REP socket answers the first request on a local socket."""
    length = (4 + len(message)).to_bytes(8, "big")
    return b"\0SP\0\0\x31\0\0\x01" + length + b"\x80\0\0\x01" + message


def _taken(stream: bytes) -> None:
    requests = Requests()
    requests.ask(b"")
    # In parts, as a socket hands them on.
    answers = [requests.take(stream[at : at + 7]) for at in range(0, len(stream), 7)]
    if not any(answers):
        raise ControlError("no answer is in it")


def _stream(frames: Sequence[bytes]) -> bytes:
    """As nng's REQ socket sends these."""
    asked = [b"\x80\0\0" + bytes([number]) + frame for number, frame in enumerate(frames)]
    return b"\0SP\0\0\x30\0\0" + b"".join(len(one).to_bytes(8, "big") + one for one in asked)


def _client_hello() -> bytes:
    """A real one, by OpenSSL, with a server name."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="b" * 52).do_handshake()
    return outgoing.read()


def first_bytes(data: bytes) -> None:
    """Look at what a caller says first."""
    for end in range(min(len(data), 12)):
        connection._is_hello(data[:end]), connection._record(data[:end])
    server_name(data)


def text(read: Callable[[str], object]) -> Callable[[bytes], object]:
    """A reader of text, as the operating system gives it."""
    return lambda data: read(data.decode("utf-8", "surrogateescape"))


def decoders() -> list[Decoder]:
    """All of them but the sources' (sources.py)."""
    entries = bodies()
    proof = msgspec.msgpack.encode([(entries[0], SIGNATURE), (entries[1], SIGNATURE)])
    signed = [wire.SignedEntry(one, SIGNATURE) for one in entries[:2]]
    carried = msgspec.msgpack.encode(wire.Pair(*signed))
    addresses = [b"192.0.2.1:7400", b"[2001:db8::1]:7400", b"host.example:1"]
    asked = [
        control.encode_request(one)
        for one in (GetStatus(), Wait(newest=1, status=2), Join(invite="ds1-x", person="bo"))
    ]
    asked.append(control.encode_request(Emit(kind="build", state="failed", service="shop")))
    answered = [server_wire.encode_reply(Members(members=(), waiting=()))]
    packed = [msgspec.msgpack.encode(one) for one in requests()]
    return [
        Decoder(
            "entry", lambda body: parse_entry(body, SIGNATURE), entries, (MalformedEntryError,), 60
        ),
        Decoder(
            "entry that is shown", told, entries[:-1], (MalformedEntryError, InvalidEventError), 5
        ),
        Decoder("event", decode_event, events(), (InvalidEventError,), 60),
        Decoder(
            "request between nodes",
            plain(wire.decode_request),
            packed,
            (wire.MalformedMessageError,),
            60,
        ),
        Decoder(
            "reply between nodes",
            plain(wire.decode_reply),
            [*map(msgspec.msgpack.encode, replies())],
            (wire.MalformedMessageError,),
            60,
        ),
        Decoder(
            "word of a back end",
            back_end,
            [
                b'{"id": 41, "payload": {"devstream_request": "x"}}',
                b'{"message": "Validation Failed", "errors": [{"code": "custom"}]}',
                b'{"id": 7, "executable": {"number": 3}, "actions": [{"parameters": [{}]}, null]}',
                b'{"status": {"operationState": {"phase": "Running", "operation": {"info": []}}}}',
                b'{"state": "in_progress", "description": null, "status_url": "https://a/b"}',
                b'[{"state": "success", "description": "done"}]',
            ],
        ),
        Decoder(
            "signature of a back end",
            callback,
            ["\n".join(CALLBACK_HEADERS.values()).encode() + b"\n" + CALLBACK],
        ),
        Decoder(
            "key of a back end",
            text(standard_webhooks.key_of),
            [CALLBACK_SECRET.encode(), b"plain"],
            (BackendError,),
        ),
        Decoder(
            "stream of a caller",
            stream,
            [_stream([wire.encode(one) for one in requests()])],
            (FramingError,),
        ),
        Decoder(
            "first bytes of a caller",
            first_bytes,
            [b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", _client_hello()],
        ),
        Decoder(
            "frame",
            wire.decode_request,
            [wire.encode(one) for one in requests()],
            (wire.MalformedMessageError,),
        ),
        Decoder(
            "stored entry",
            lambda body: (stored_entry(body, SIGNATURE), stored_event(body, SIGNATURE)),
            entries,
        ),
        Decoder("stored proof", stored_proof, [proof]),
        Decoder("beat of a relay", relay_beat, [seal(RELAY, BEAT)]),
        Decoder("proof of a broker", read_proof, [carried], (ValueError, MalformedEntryError)),
        Decoder(
            "bounds of msgpack",
            lambda data: check_msgpack(data, 1000),
            [*entries, *packed],
            (UnboundedError,),
            60,
        ),
        Decoder(
            "bounds of JSON",
            lambda data: check_json(data, 16),
            [b'{"a":[1,"[",{"b":null}]}'],
            (UnboundedError,),
        ),
        Decoder("device id", text(public_key), [device_id(FEED[:32]).encode()], (ValueError,)),
        Decoder("address", text(address.destination), addresses, (address.AddressError,)),
        Decoder(
            "refs of a repository",
            lambda data: parse_tips(data.decode("utf-8", "replace")),
            [b"a" * 40 + b"\trefs/heads/main\n"],
        ),
        Decoder("request of a screen", server_wire.decode_request, asked, (ControlError,)),
        Decoder(
            "answer to a screen",
            lambda data: control.decode_answer(data, GetMembers()),
            answered,
            (ControlError,),
        ),
        Decoder("stream of a node", _taken, [_answer(one) for one in answered], (ControlError,)),
        *Team().decoders(),
    ]
