"""How a sender proves that it knows the source's secret, and how we prove it to a service: declared here, done by `intake/proof.py`.

What is declared is fixed: nothing in a request chooses an algorithm or a way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class SignatureScheme:
    """How a sender signs: one verifier serves them all.

    `signed` is what goes under the HMAC: `{body}`, and `{timestamp}` and `{id}` where the sender signs those too.
    """

    header: str
    algorithm: Literal["sha1", "sha224", "sha256", "sha384", "sha512"] = "sha256"
    """`sha1` only for senders that know no other; as an HMAC it still stands."""
    encoding: Literal["hex", "base64"] = "hex"
    form: Literal["bare", "prefix", "pairs", "words"] = "prefix"
    """`bare`: the digest alone. `prefix`: `<label>=<digest>`. `pairs`: `v1=a,v1=b`, any may match. `words`: `v1,a v1,b`, any may match."""
    label: str = "sha256"
    signed: str = "{body}"
    over: Literal["raw", "payload"] = "raw"
    """`payload`: of a form, the signature is over its field `payload` (Gitea), not over the bytes that came."""
    key: Literal["text", "whsec"] = "text"
    """`whsec`: the secret is base64, with or without `whsec_` in front (Standard Webhooks)."""
    timestamp_header: str = ""
    timestamp_label: str = ""
    """Of form `pairs`: the timestamp is in the same header, under this label (Buildkite)."""
    timestamp_field: str = ""
    """The timestamp is this top-level field of the signed JSON, a number (Linear)."""
    id_header: str = ""
    tolerance: int = 300
    """Seconds that a timestamp may be off; it may be in seconds or milliseconds."""


@dataclass(frozen=True)
class Token:
    """The secret itself, in a header: `X-Gitlab-Token: s3cret`, `Authorization: Bearer s3cret`."""

    header: str = "authorization"
    prefix: str = "Bearer "


@dataclass(frozen=True)
class Basic:
    """HTTP Basic: the secret is `user:password`."""

    header: str = "authorization"


@dataclass(frozen=True)
class SecretPath:
    """The sender can send no secret, so a long one is in the path: `/in/<source>/<secret>`, made by us and never logged."""
