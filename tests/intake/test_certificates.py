"""Signatures by certificate.

Only the service's own hosts are asked, and only what is signed passes.
"""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from devstream_collectors.contract import Delivery, Signed
from devstream_collectors.sources import aws
from devstream_desktop.control.messages.sources import RemoteSource
from devstream_desktop.intake.config.source_file import save_sources
from devstream_desktop.intake.service import Intake
from devstream_desktop.intake.webhook import certificates
from devstream_desktop.intake.webhook.certificates import (
    MAX_KEPT,
    Certificates,
    UnreachableError,
    UnsignedError,
)

NOW = int(datetime(2027, 1, 15, tzinfo=UTC).timestamp() * 1000)
CERTIFIED = aws.COLLECTOR.webhook.certified
HOST = "https://sns.eu-west-1.amazonaws.com"
PEM = f"{HOST}/SimpleNotificationService-0123456789abcdef.pem"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:alerts"
CONFIRM = f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37"
SECRET = b"a-long-secret-that-is-in-the-path"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SMALL = rsa.generate_private_key(public_exponent=65537, key_size=1024)
CURVE = ec.generate_private_key(ec.SECP256R1())


def certificate(key=KEY, begins=datetime(2026, 1, 1, tzinfo=UTC), days=700) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=days))
    )
    return builder.sign(KEY, SHA256()).public_bytes(Encoding.PEM)


class Amazon:
    """Questions to Amazon, and its answers."""

    def __init__(self, pem: bytes | None = None) -> None:
        self.asked: list[str] = []
        self.pem = pem or certificate()
        self.down = False

    async def ask(self, address: str) -> bytes:
        self.asked.append(address)
        if self.down:
            raise UnreachableError("it is down")
        await asyncio.sleep(0)
        return self.pem if address.endswith(".pem") else b"<ConfirmSubscriptionResponse/>"


def sign(text: bytes, digest: str = "sha256", address: str = PEM, key=KEY) -> Signed:
    made = key.sign(text, PKCS1v15(), SHA256() if digest == "sha256" else SHA1())
    return Signed(address, digest, text, made)


@pytest.mark.parametrize("digest", ["sha1", "sha256"])
async def test_what_the_service_signed_passes(digest):
    await Certificates(Amazon().ask).check(CERTIFIED, sign(b"text", digest), NOW)


async def test_what_it_did_not_sign_is_refused():
    kept = Certificates(Amazon().ask)
    good = sign(b"text")
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for bad in (
        None,
        Signed(PEM, "sha256", b"text", b""),
        Signed(PEM, "sha256", b"texts", good.signature),
        Signed(PEM, "sha1", b"text", good.signature),
        Signed(PEM, "sha256", b"text", bytes(256)),
        sign(b"text", key=other),
    ):
        with pytest.raises(UnsignedError):
            await kept.check(CERTIFIED, bad, NOW)


@pytest.mark.parametrize(
    "address",
    [
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.org/SimpleNotificationService-0123456789ab.pem",
        "https://evil.org/sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789.pem",
        "https://evil.org@sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.org/SimpleNotificationService-0123456789.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-0123456789ab.pem",
        "https://sns.eu-west-1.amazonaws.com/../x/SimpleNotificationService-0123456789ab.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789ab.pem?x=1",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789ab.pem#x",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789ab.pem\n",
        "https://sns.eu-west-1.amazonawsXcom/SimpleNotificationService-0123456789ab.pem",
        "https://s3.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789ab.pem",
        "https://bucket.s3.amazonaws.com/SimpleNotificationService-0123456789ab.pem",
        "https://sns.evil.org.amazonaws.com/SimpleNotificationService-0123456789ab.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789ab.txt",
        "https://sns.amazonaws.com/SimpleNotificationService-0123456789ab.pem",
        "https://127.0.0.1/SimpleNotificationService-0123456789ab.pem",
        "file:///etc/passwd",
        "",
    ],
)
async def test_no_other_host_is_ever_asked(address):
    amazon = Amazon()
    kept = Certificates(amazon.ask)
    with pytest.raises(UnsignedError):
        await kept.check(CERTIFIED, sign(b"text", address=address), NOW)
    confirm = address.partition("SimpleNotification")[0]
    with pytest.raises(UnsignedError):
        await kept.confirm(CERTIFIED, f"{confirm}?Action=ConfirmSubscription&Token=1\n")
    assert amazon.asked == []


@pytest.mark.parametrize(
    "address",
    [
        f"{HOST}/?Action=Unsubscribe&SubscriptionArn=x",
        f"{HOST}/?Action=DeleteTopic&TopicArn={TOPIC}",
        f"{HOST}/x?Action=ConfirmSubscription&Token=1",
        f"{HOST}/?Action=ConfirmSubscription&Token=1#x",
        "https://sns.eu-west-1.amazonaws.com.evil.org/?Action=ConfirmSubscription&Token=1",
        "http://169.254.169.254/?Action=ConfirmSubscription&Token=1",
    ],
)
async def test_nothing_but_a_confirmation_is_asked_for(address):
    amazon = Amazon()
    with pytest.raises(UnsignedError):
        await Certificates(amazon.ask).confirm(CERTIFIED, address)
    assert amazon.asked == []
    await Certificates(amazon.ask).confirm(CERTIFIED, CONFIRM)
    assert amazon.asked == [CONFIRM]


@pytest.mark.parametrize(
    "pem",
    [
        certificate(SMALL),
        certificate(CURVE),
        certificate(begins=datetime(2020, 1, 1, tzinfo=UTC)),
        certificate(begins=datetime(2028, 1, 1, tzinfo=UTC)),
        b"no certificate",
    ],
    ids=["small", "no RSA", "expired", "too early", "none"],
)
async def test_a_certificate_that_proves_nothing_is_refused(pem):
    key = SMALL if pem == certificate(SMALL) else KEY
    with pytest.raises(UnsignedError):
        await Certificates(Amazon(pem).ask).check(CERTIFIED, sign(b"text", key=key), NOW)


async def test_a_burst_asks_once_and_only_so_many_are_kept():
    amazon = Amazon()
    kept = Certificates(amazon.ask)
    await asyncio.gather(*(kept.check(CERTIFIED, sign(b"text"), NOW) for _ in range(20)))
    assert amazon.asked == [PEM]
    for number in range(MAX_KEPT):
        address = f"{HOST}/SimpleNotificationService-{number:016x}.pem"
        await kept.check(CERTIFIED, sign(b"text", address=address), NOW)
    await kept.check(CERTIFIED, sign(b"text"), NOW)
    assert amazon.asked.count(PEM) == 2


async def test_a_host_that_is_down_is_asked_again():
    amazon = Amazon()
    amazon.down = True
    kept = Certificates(amazon.ask)
    with pytest.raises(UnreachableError):
        await kept.check(CERTIFIED, sign(b"text"), NOW)
    amazon.down = False
    await kept.check(CERTIFIED, sign(b"text"), NOW)


async def test_a_real_question_is_bounded_and_follows_nobody(unused_server):
    assert await certificates.fetch(f"{unused_server}/small") == b"ok"
    for path in ("/large", "/elsewhere", "/missing"):
        with pytest.raises(UnreachableError):
            await certificates.fetch(f"{unused_server}{path}")


@pytest.fixture
async def unused_server():
    """A server whose answers are small, large, elsewhere or missing."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        answers = {
            "/small": (200, b"ok", ""),
            "/large": (200, b"x" * (certificates.MAX_ANSWER + 1), ""),
            "/elsewhere": (302, b"", "location: http://127.0.0.2:9/small\r\n"),
        }
        status, body, more = answers.get(path, (404, b"", ""))
        head = f"HTTP/1.1 {status} x\r\n{more}content-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    yield f"http://{host}:{port}"
    server.close()
    await server.wait_closed()


@pytest.fixture
async def amazon(home, vault, stream, monkeypatch):
    """A node with a source of AWS; it is asked in Amazon's place."""
    made = Amazon()
    monkeypatch.setattr(certificates, "fetch", made.ask)
    vault.seal("source-aws", SECRET)
    source = RemoteSource(name="aws", type="aws", secret_path=True)
    await asyncio.to_thread(save_sources, home.sources, [source])
    running = Intake(home, vault, stream.publish, listen="127.0.0.1:0")
    await running.start()
    made.intake = running
    yield made
    await running.stop()


def message(kind: str, text: str, **more: str) -> bytes:
    """A signed message of SNS."""
    body = {
        "Type": kind,
        "MessageId": f"id-{len(text)}",
        "TopicArn": TOPIC,
        "Message": text,
        "Timestamp": "2027-01-15T07:59:01.123Z",
        "SignatureVersion": "2",
        "SigningCertURL": PEM,
        **more,
    }
    signed = aws.signed(Delivery({}, json.dumps(body | {"Signature": "QUJD"}).encode(), NOW))
    body["Signature"] = base64.b64encode(sign(signed.text).signature).decode()
    return json.dumps(body).encode()


PATH = f"/in/aws/{SECRET.decode()}"
ALARM = json.dumps(
    {
        "AlarmName": "shop-errors",
        "NewStateValue": "ALARM",
        "AWSAccountId": "123456789012",
        "StateChangeTime": "2027-01-15T07:59:00.000+0000",
    }
)


async def test_a_subscription_is_confirmed_and_its_messages_become_lines(amazon, stream, post):
    url = amazon.intake.url
    asked = message("SubscriptionConfirmation", "Confirm", Token="1", SubscribeURL=CONFIRM)
    assert (await post(url, PATH, asked, {"content-type": "text/plain"})).status == 202
    assert amazon.asked == [PEM, CONFIRM]
    assert (await post(url, PATH, message("Notification", ALARM))).status == 202
    (event,) = await stream.first()
    assert (event.kind, event.state, event.title) == ("incident", "firing", "shop-errors")


async def test_a_path_alone_is_not_enough(amazon, stream, post):
    url = amazon.intake.url
    forged = json.loads(message("Notification", ALARM)) | {"Message": ALARM + " "}
    elsewhere = f"{HOST}.evil.org/?Action=ConfirmSubscription&Token=1"
    tricked = message("SubscriptionConfirmation", "x", Token="1", SubscribeURL=elsewhere)
    for body in (json.dumps(forged).encode(), tricked, b'{"detail-type": "x"}', b"[]"):
        assert (await post(url, PATH, body)).status == 401
    assert set(amazon.asked) <= {PEM}
    assert stream.events == []
    (status,) = amazon.intake.status()
    assert status.refused == 4


async def test_strangers_make_it_ask_nobody(amazon, post):
    asked = message("SubscriptionConfirmation", "Confirm", Token="1", SubscribeURL=CONFIRM)
    assert (await post(amazon.intake.url, "/in/aws/wrong", asked)).status == 401
    assert (await post(amazon.intake.url, "/in/aws", asked)).status == 401
    assert amazon.asked == []


async def test_what_nobody_signed_passes_with_a_secret_in_a_header(amazon, stream, post):
    body = aws.sample(None, NOW).body
    headers = {"authorization": f"Bearer {SECRET.decode()}"}
    assert (await post(amazon.intake.url, "/in/aws", body, headers)).status == 202
    assert (await stream.first())[0].state == "resolved"


async def test_amazon_tries_again_when_its_certificate_cannot_be_had(amazon, stream, post):
    amazon.down = True
    body = message("Notification", ALARM)
    assert (await post(amazon.intake.url, PATH, body)).status == 503
    amazon.down = False
    assert (await post(amazon.intake.url, PATH, body)).status == 202
    await stream.first()


async def test_the_test_of_the_source_passes(amazon):
    report = await amazon.intake.test_source("aws")
    assert report.ok, report
