"""The one verifier, against vectors that others published and schemes of other senders."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devstream_collectors.contract import SignatureScheme
from devstream_desktop.intake.webhook.signature import sign, verify

NOW = 1_800_000_000_000
# https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
GITHUB = SignatureScheme(header="x-hub-signature-256")
GITHUB_SECRET, GITHUB_BODY = b"It's a Secret to Everybody", b"Hello, World!"
GITHUB_SIGNATURE = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
# https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/python/tests/test_webhooks.py
STANDARD = SignatureScheme(
    header="webhook-signature",
    encoding="base64",
    form="words",
    label="v1",
    signed="{id}.{timestamp}.{body}",
    timestamp_header="webhook-timestamp",
    id_header="webhook-id",
)
STANDARD_SECRET = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
STANDARD_HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
STANDARD_BODY, STANDARD_NOW = b'{"test": 2432232314}', 1_614_265_330_000


def test_githubs_vector():
    assert verify(
        GITHUB, [GITHUB_SECRET], GITHUB_BODY, {"x-hub-signature-256": GITHUB_SIGNATURE}, NOW
    )
    assert sign(GITHUB, GITHUB_SECRET, GITHUB_BODY, {}) == GITHUB_SIGNATURE


def test_standard_webhooks_vector_and_its_window():
    assert verify(STANDARD, [STANDARD_SECRET], STANDARD_BODY, STANDARD_HEADERS, STANDARD_NOW)
    assert verify(
        STANDARD, [STANDARD_SECRET], STANDARD_BODY, STANDARD_HEADERS, STANDARD_NOW + 299_000
    )
    for wrong in (STANDARD_NOW + 301_000, STANDARD_NOW - 301_000):
        assert not verify(STANDARD, [STANDARD_SECRET], STANDARD_BODY, STANDARD_HEADERS, wrong)
    for change in (
        {"webhook-id": "other"},
        {"webhook-timestamp": "1614265331"},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "-1"},
    ):
        assert not verify(
            STANDARD, [STANDARD_SECRET], STANDARD_BODY, STANDARD_HEADERS | change, STANDARD_NOW
        )


SCHEMES = [
    GITHUB,
    STANDARD,
    SignatureScheme(header="x-gitea-signature", form="bare"),
    SignatureScheme(header="x-pagerduty-signature", form="pairs", label="v1"),
    SignatureScheme(
        header="x-grafana", form="bare", signed="{timestamp}:{body}", timestamp_header="x-time"
    ),
    SignatureScheme(header="x-sha512", algorithm="sha512", encoding="base64", form="bare"),
    SignatureScheme(header="x-hub-signature", algorithm="sha1", label="sha1"),
]


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.header)
@settings(deadline=None)
@given(
    body=st.binary(max_size=200),
    secret=st.binary(min_size=1, max_size=40),
    other=st.binary(max_size=40),
)
def test_what_is_signed_verifies_and_nothing_else_does(scheme, body, secret, other):
    headers = {scheme.timestamp_header: str(NOW // 1000), scheme.id_header: "7"}
    headers[scheme.header] = sign(scheme, secret, body, headers)
    assert verify(scheme, [b"unrelated", secret], body, headers, NOW)
    assert not verify(scheme, [secret], body + b"x", headers, NOW)
    assert not verify(scheme, [], body, headers, NOW)
    assert not verify(scheme, [b""], body, headers, NOW)
    # HMAC pads keys with zero bytes, so only those that differ beyond that are other keys.
    if other.rstrip(b"\0") != secret.rstrip(b"\0"):
        assert not verify(scheme, [other], body, headers, NOW)


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.header)
@settings(deadline=None)
@given(value=st.text(max_size=100))
def test_no_other_header_passes_or_raises(scheme, value):
    headers = {
        scheme.header: value,
        scheme.timestamp_header: str(NOW // 1000),
        scheme.id_header: "7",
    }
    assert not verify(scheme, [b"secret secret"], b"body", headers, NOW)


def test_any_of_several_signatures_may_match():
    scheme = SCHEMES[3]
    right = hmac.new(b"new secret", b"body", hashlib.sha256).hexdigest()
    assert verify(
        scheme, [b"new secret"], b"body", {scheme.header: f"v1={'0' * 64},v1={right}"}, NOW
    )
    assert not verify(
        scheme, [b"new secret"], b"body", {scheme.header: f"v1={'0' * 64},v2={right}"}, NOW
    )


def test_an_empty_body_signed_with_an_empty_secret_is_refused():
    empty = hmac.new(b"", b"", hashlib.sha256).hexdigest()
    assert not verify(GITHUB, [b""], b"", {"x-hub-signature-256": f"sha256={empty}"}, NOW)
