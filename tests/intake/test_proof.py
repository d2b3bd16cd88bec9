"""Every way a sender can prove itself.

The right secret passes, either of two during a rotation, and nothing else does.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from urllib.parse import urlencode

import pytest

from devstream_collectors.contract import Basic, SecretPath, SignatureScheme, Token, Webhook
from devstream_desktop.intake.webhook.decoding import FORM, form_document, form_payload
from devstream_desktop.intake.webhook.proof import proof_header_names, proof_headers, proves
from devstream_desktop.intake.webhook.signature import verify

NOW = 1_800_000_000_000
OLD, NEW = b"the old secret", b"the new secret"
BODY = b'{"a": 1}'
WAYS = {
    "token": Token(header="x-gitlab-token", prefix=""),
    "bearer": Token(),
    "basic": Basic(),
    "sha1": SignatureScheme(header="x-hub-signature", algorithm="sha1", label="sha1"),
    "one header with its time": SignatureScheme(
        header="x-buildkite-signature",
        form="pairs",
        label="signature",
        timestamp_label="timestamp",
        signed="{timestamp}.{body}",
    ),
    "time in a header": SignatureScheme(
        header="x-grafana", form="bare", signed="{timestamp}:{body}", timestamp_header="x-time"
    ),
    "base64": SignatureScheme(header="heroku-webhook-hmac-sha256", form="bare", encoding="base64"),
    "sha512": SignatureScheme(header="x-signature", algorithm="sha512", label="sha512"),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_either_of_two_secrets_proves_and_nothing_else_does(way):
    webhook = Webhook(auth=(way,))
    for secret in (OLD, NEW):
        headers = proof_headers(webhook, secret, BODY, NOW, "7")
        assert proves(webhook, (OLD, NEW), BODY, headers, "", NOW)
        assert not proves(webhook, (b"another secret",), BODY, headers, "", NOW)
        assert not proves(webhook, (), BODY, headers, "", NOW)
        assert set(headers) <= proof_header_names(webhook)
    assert not proves(webhook, (OLD, NEW), BODY, {}, "", NOW)
    assert not proves(
        webhook, (OLD, NEW), BODY, dict.fromkeys(proof_header_names(webhook), ""), "", NOW
    )
    assert not proves(
        webhook, (b"",), BODY, dict.fromkeys(proof_header_names(webhook), ""), "", NOW
    )
    assert not proves(webhook, (b"",), BODY, proof_headers(webhook, b"", BODY, NOW, "7"), "", NOW)
    assert not proves(webhook, (OLD,), BODY, {}, OLD.decode(), NOW), (
        "what is no path's secret does not pass as one"
    )


@pytest.mark.parametrize("name", ["one header with its time", "time in a header"])
def test_what_was_signed_long_ago_or_under_another_time_is_refused(name):
    webhook = Webhook(auth=(WAYS[name],))
    headers = proof_headers(webhook, OLD, BODY, NOW, "7")
    assert proves(webhook, (OLD,), BODY, headers, "", NOW + 299_000)
    assert not proves(webhook, (OLD,), BODY, headers, "", NOW + 301_000)
    stamp = str(NOW // 1000)
    moved = {key: value.replace(stamp, str(NOW // 1000 + 1)) for key, value in headers.items()}
    assert not proves(webhook, (OLD,), BODY, moved, "", NOW)


def test_a_time_in_the_signed_body_counts_once_the_body_is_authentic():
    scheme = SignatureScheme(
        header="linear-signature", form="bare", timestamp_field="webhookTimestamp", tolerance=60
    )
    webhook = Webhook(auth=(scheme,))
    for stamp, passes in (
        (b"1800000000000", True),
        (b"1799999000000", False),
        (b'"x"', False),
        (b"null", False),
    ):
        body = b'{"webhookTimestamp": %s}' % stamp
        assert (
            proves(webhook, (OLD,), body, proof_headers(webhook, OLD, body, NOW, ""), "", NOW)
            is passes
        )
    for body in (b"[]", b"\xff", b"{}"):
        assert not proves(
            webhook, (OLD,), body, proof_headers(webhook, OLD, body, NOW, ""), "", NOW
        )


def test_the_secret_of_a_path():
    webhook = Webhook(auth=(Token(), SecretPath()))
    assert proves(webhook, (OLD, NEW), BODY, {}, NEW.decode(), NOW)
    for wrong in ("", "the", NEW.decode() + "x", "ü"):
        assert not proves(webhook, (OLD, NEW), BODY, {}, wrong, NOW)
    assert not proves(webhook, (b"",), BODY, {}, "", NOW)
    assert proof_headers(Webhook(auth=(SecretPath(),)), OLD, BODY, NOW, "") == {}


def test_any_of_several_ways_is_enough():
    webhook = Webhook(auth=(WAYS["sha512"], WAYS["token"]))
    assert proves(webhook, (OLD,), BODY, {"x-gitlab-token": OLD.decode()}, "", NOW)
    assert proves(webhook, (OLD,), BODY, proof_headers(webhook, OLD, BODY, NOW, ""), "", NOW)
    assert not proves(
        webhook, (OLD,), BODY, {"x-signature": OLD.decode(), "x-gitlab-token": "sha512=00"}, "", NOW
    )


def test_a_form_whose_field_is_signed():
    """Gitea signs the JSON, not the form.

    Https://github.com/go-gitea/gitea/blob/main/services/webhook/deliver.go.
    """
    webhook = Webhook(
        auth=(SignatureScheme(header="x-gitea-signature", form="bare", over="payload"),)
    )
    form = urlencode({"payload": BODY.decode()}).encode()
    digest = hmac.new(OLD, BODY, hashlib.sha256).hexdigest()
    headers = {"content-type": f"{FORM}; charset=utf-8", "x-gitea-signature": digest}
    assert proves(webhook, (OLD,), form, headers, "", NOW)
    assert proves(webhook, (OLD,), BODY, {"x-gitea-signature": digest}, "", NOW)
    assert not proves(webhook, (OLD,), form + b"x", headers, "", NOW)
    for body in (b"\xff", b"a", b"&" * 1000, b""):
        assert form_payload(headers, body) == b""
    assert form_payload(headers, b' {"a": "b=c&d"}') == b' {"a": "b=c&d"}', (
        "a bare `curl --data` calls JSON a form"
    )


def test_the_key_of_a_standard_webhook_may_have_its_prefix():
    scheme = SignatureScheme(
        header="webhook-signature", encoding="base64", form="words", label="v1", key="whsec",
        signed="{id}.{timestamp}.{body}",
        timestamp_header="webhook-timestamp", id_header="webhook-id",
    )  # fmt: skip
    # https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/python/tests/test_webhooks.py
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    for secret in (b"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"):
        assert verify(scheme, [secret], b'{"test": 2432232314}', headers, 1_614_265_330_000)
    assert not verify(
        scheme, [b"whsec_not base64"], b'{"test": 2432232314}', headers, 1_614_265_330_000
    )


def test_circlecis_vectors():
    """https://circleci.com/docs/outbound-webhooks/#validate-webhooks: body, secret, signature."""
    scheme = SignatureScheme(header="circleci-signature", form="pairs", label="v1")
    vectors = [
        (
            b"hello world",
            b"secret",
            "734cc62f32841568f45715aeb9f4d7891324e6d948e4c6c60c0621cdac48623a",
        ),
        (
            b"lalala",
            b"another-secret",
            "daa220016c8f29a8b214fbfc3671aeec2145cfb1e6790184ffb38b6d0425fa00",
        ),
        (
            b"an-important-request-payload",
            b"hunter123",
            "9be2242094a9a8c00c64306f382a7f9d691de910b4a266f67bd314ef18ac49fa",
        ),
    ]
    for body, secret, digest in vectors:
        assert verify(scheme, [secret], body, {scheme.header: f"v1={digest},v2=x"}, NOW)
        assert not verify(scheme, [secret], body + b"x", {scheme.header: f"v1={digest}"}, NOW)


def test_basic_is_what_http_says():
    webhook = Webhook(auth=(Basic(),))
    value = "Basic " + base64.b64encode(b"ana:open sesame").decode()
    assert proves(webhook, (b"ana:open sesame",), BODY, {"authorization": value}, "", NOW)
    assert not proves(webhook, (b"ana:open sesame",), BODY, {"authorization": "Basic x"}, "", NOW)


def test_a_forms_fields_are_an_object_where_no_payload_is_one_of_them():
    headers = {"content-type": FORM}
    assert json.loads(form_document(headers, b"Status=Down&Name=Shop+1&Name=b")) == {
        "Status": "Down",
        "Name": "Shop 1",
    }
    assert form_document(headers, urlencode({"payload": BODY.decode(), "a": "b"}).encode()) == BODY
    assert form_document(headers, b"no form") == b""
    assert form_document({}, b"Status=Down") == b"Status=Down"
