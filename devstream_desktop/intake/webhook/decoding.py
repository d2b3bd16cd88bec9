"""Bodies of deliveries: the JSON in them, whichever way a sender wraps it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs

import msgspec

from devstream_desktop.intake.broken_text import mended
from devstream_desktop.intake.webhook.bodies import Refused
from devstream_desktop.stream.bounds import check_json

FORM = "application/x-www-form-urlencoded"
MAX_FIELDS = 200


def json_document(headers: Mapping[str, str], body: bytes) -> bytes:
    """The JSON of a body, which GitHub and others may also send as the form field `payload`, and some as a form's fields."""
    form = is_form(headers)
    body = mended(form_document(headers, body))
    try:
        check_json(body)
        msgspec.json.decode(body)
    except ValueError:
        raise Refused(
            400, "no form, or no JSON in its field payload" if form else "not JSON"
        ) from None
    return body


def is_form(headers: Mapping[str, str]) -> bool:
    """Whether a body is a form's fields."""
    return headers.get("content-type", "").split(";")[0].strip().lower() == FORM


def form_payload(headers: Mapping[str, str], body: bytes) -> bytes:
    """The field `payload` of a form, which many senders can put their JSON into; any other body as it is.

    JSON that only calls itself a form, as of a bare `curl --data`, is taken for what it is. Any other form is an empty body.
    """
    if not is_form(headers) or body.lstrip()[:1] in (b"{", b"["):
        return body
    try:
        fields = parse_qs(body.decode(), strict_parsing=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        return b""
    return fields.get("payload", [""])[0].encode()


def form_document(headers: Mapping[str, str], body: bytes) -> bytes:
    """The JSON of a form: its field `payload`, else an object of its fields, each with its first value."""
    payload = form_payload(headers, body)
    if payload or not is_form(headers):
        return payload
    try:
        fields = parse_qs(body.decode(), strict_parsing=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        return b""
    return msgspec.json.encode({name: values[0] for name, values in fields.items()})
