"""SNS' envelope: what is signed in it, what confirms a subscription, and the message inside.

Source: https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html.
"""

from __future__ import annotations

import base64
import binascii

import msgspec

from devstream_collectors.contract import Delivery, Signed, SourceInfo
from devstream_collectors.kit.decoding import Text, decode

CONFIRMATION = "SubscriptionConfirmation"
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    CONFIRMATION: (
        "Message",
        "MessageId",
        "SubscribeURL",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ),
}
_SIGNED["UnsubscribeConfirmation"] = _SIGNED[CONFIRMATION]
_DIGESTS = {"1": "sha1", "2": "sha256"}


class Envelope(msgspec.Struct, frozen=True, rename="pascal"):
    """A message of SNS; all of it is text."""

    type: Text = ""
    topic_arn: Text = ""
    message: Text = ""
    subscribe_url: Text = msgspec.field(default="", name="SubscribeURL")
    signature: Text = ""
    signature_version: Text = "1"
    signing_cert_url: Text = msgspec.field(default="", name="SigningCertURL")


def envelope(body: bytes) -> Envelope | None:
    """Read SNS' envelope; None for any other body."""
    try:
        read = decode(body, Envelope)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return read if read.type in _SIGNED and read.topic_arn else None


def signed(delivery: Delivery) -> Signed | None:
    """Say what is signed in a delivery, and with which certificate; None for one without."""
    read = envelope(delivery.body)
    digest = _DIGESTS.get(read.signature_version) if read is not None else None
    if read is None or digest is None:
        return None
    try:
        # The texts as they came, not as a struct has them: each byte of them is signed.
        texts = msgspec.json.decode(delivery.body, type=dict[str, object])
        signature = base64.b64decode(read.signature, validate=True)
    except (msgspec.MsgspecError, binascii.Error, ValueError, RecursionError):
        return None
    parts = [
        f"{name}\n{value}\n"
        for name in _SIGNED[read.type]
        if isinstance(value := texts.get(name), str)
    ]
    return Signed(
        certificate=read.signing_cert_url,
        digest="sha256" if digest == "sha256" else "sha1",
        text="".join(parts).encode("utf-8", "surrogatepass"),
        signature=signature,
    )


def confirmation(delivery: Delivery, source: SourceInfo) -> str:
    """Return the address that confirms a subscription which is wanted; else empty."""
    read = envelope(delivery.body)
    if read is None or read.type != CONFIRMATION or not wanted(read, source):
        return ""
    return read.subscribe_url


def wanted(read: Envelope, source: SourceInfo) -> bool:
    """Tell whether a topic is one that the source names; without names each is."""
    topics = source.many("topic")
    return not topics or read.topic_arn in topics
