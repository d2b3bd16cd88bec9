"""Decoding of deliveries: the JSON in a body, bare or in a form."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs

import msgspec

from devstream_desktop.intake.broken_text import mended
from devstream_desktop.stream.bounds import check_json

FORM = "application/x-www-form-urlencoded"
MAX_FIELDS = 200


class BodyError(ValueError):
    """A body has no JSON in it; the message is for its sender."""


def json_document(headers: Mapping[str, str], body: bytes) -> bytes:
    """Return the JSON of a body, bare or in a form.

    GitHub and others may send it as the form field `payload`, and some as a form's fields.

    Raises:
        BodyError: it has none.

    """
    form = is_form(headers)
    body = mended(form_document(headers, body))
    try:
        # The depth first: the decoder of JSON recurses.
        check_json(body)
        msgspec.json.decode(body)
    except ValueError:
        raise BodyError(
            "no form, or no JSON in its field payload" if form else "not JSON"
        ) from None
    return body


def is_form(headers: Mapping[str, str]) -> bool:
    """Tell whether a body is a form's fields."""
    return headers.get("content-type", "").split(";")[0].strip().lower() == FORM


def form_payload(headers: Mapping[str, str], body: bytes) -> bytes:
    """Return the field `payload` of a form; any other body as it is.

    A form without it is an empty body. JSON that only calls itself a form, as a bare `curl --data`
    sends it, is JSON all the same.
    """
    if not is_form(headers) or body.lstrip()[:1] in (b"{", b"["):
        return body
    try:
        fields = parse_qs(body.decode(), strict_parsing=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        return b""
    return fields.get("payload", [""])[0].encode()


def form_document(headers: Mapping[str, str], body: bytes) -> bytes:
    """Return the JSON of a form.

    That is its field `payload`, else an object of its fields, each with its first value.
    """
    payload = form_payload(headers, body)
    if payload or not is_form(headers):
        return payload
    try:
        fields = parse_qs(body.decode(), strict_parsing=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        return b""
    return msgspec.json.encode({name: values[0] for name, values in fields.items()})
