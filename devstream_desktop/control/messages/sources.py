"""Sources as configured, and requests to add, remove and test one.

Their state is in `Status`.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from devstream_desktop.control.messages.base import Done, Reply, Request

WEBHOOK = "webhook"
POLL = "poll"
TAIL = "tail"
WAYS = (WEBHOOK, POLL, TAIL)
"""Ways of facts from a source: it posts them, it is asked, or its file is read."""

PRINTABLE = r"\A[^\x00-\x1f\x7f-\x9f\ud800-\udfff]*\Z"
_PLAIN = "in quotes, without control characters"
_Text = Annotated[str, Meta(max_length=1000, pattern=PRINTABLE, description=f"a text {_PLAIN}")]
_Service = Annotated[
    str,
    Meta(max_length=60, pattern=PRINTABLE, description=f"at most 60 characters {_PLAIN}"),
]
_Environment = Annotated[
    str,
    Meta(max_length=40, pattern=PRINTABLE, description=f"at most 40 characters {_PLAIN}"),
]
_Branches = Annotated[
    tuple[Annotated[str, Meta(min_length=1, max_length=200, pattern=PRINTABLE)], ...],
    Meta(
        max_length=50,
        description=(
            'a list of at most 50 names or globs, such as ["main", "release/*"],'
            " each of 1 to 200 characters"
        ),
    ),
]
_Interval = Annotated[
    int, Meta(ge=0, le=86_400, description="a whole number of seconds from 0 to 86400")
]
_Silence = Annotated[
    int, Meta(ge=0, le=31_536_000, description="a whole number of seconds from 0 to 31536000")
]
_Ways = Annotated[
    tuple[Annotated[str, Meta(pattern=rf"\A({'|'.join(WAYS)})\Z")], ...],
    Meta(min_length=1, description='a list of "webhook", "poll" and "tail"'),
]
OPTION_RULE = (
    "written as options.NAME = VALUE, a NAME of a to z and _, a VALUE that is a text, a whole"
    " number,"
    " true, false, or a list of texts; at most 50 of them"
)
_Options = Annotated[
    # Without patterns for the texts: with one in a union beside a tuple, msgspec 0.22 frees its
    # memory twice, and aborts. source_toml.py checks them.
    dict[Annotated[str, Meta(pattern=r"\A[a-z_]{1,40}\Z")], str | int | bool | tuple[str, ...]],
    Meta(max_length=50, description=OPTION_RULE),
]


class GitSource(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True, tag_field="is"
):
    """A repository that git is asked for. `interval` in seconds, 0 for the default."""

    name: str
    type: str = "git"
    url: _Text = ""
    branches: _Branches = ()
    service: _Service = ""
    interval: _Interval = 0
    backfill: bool = False

    @property
    def where(self) -> str:
        """Name for a person."""
        return self.url


class RemoteSource(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True, tag_field="is"
):
    """A service that posts to us, is asked by us, or both. `type` names its collector."""

    name: str
    type: str
    ways: _Ways = (WEBHOOK,)
    branches: _Branches = ()
    service: _Service = ""
    environment: _Environment = ""
    url: _Text = ""
    """The service's address, for polling and links; empty for the collector's own."""
    silent_after: _Silence = 0
    """Seconds without a delivery until it counts as silent (0: silence is normal)."""
    interval: _Interval = 0
    """Seconds between polls, 0 for the collector's own."""
    secret_path: bool = False
    """Its proof is part of the address it posts to."""
    token_env: _Text = ""
    """The environment variable with the token; empty: the vault has it, or there is none."""
    token_file: _Text = ""
    """The file that holds it, read each time."""
    options: _Options = {}
    """The options that its collector declares."""

    @property
    def takes_webhooks(self) -> bool:
        return WEBHOOK in self.ways

    @property
    def polls(self) -> bool:
        return POLL in self.ways

    @property
    def tails(self) -> bool:
        return TAIL in self.ways

    @property
    def path(self) -> str:
        """URL path it posts to, without the secret that may follow. Empty when it does not post."""
        return f"/in/{self.name}" if self.takes_webhooks else ""

    @property
    def where(self) -> str:
        """Name for a person.

        It is the path it posts to, the file that is read, or the service's address.
        """
        return self.path or str(self.options.get("path", "") if self.tails else self.url)


Source = GitSource | RemoteSource


class AddSource(Request[Done], frozen=True, tag=True, kw_only=True):
    """Add a source; answered with `Done`: the URL path it posts to, else empty.

    `secret` and `token` are sealed, never stored plain.
    """

    source: Source
    secret: bytes = b""
    token: bytes = b""


class RemoveSource(Request[Done], frozen=True, tag=True, kw_only=True):
    """Answered with `Done`."""

    name: str


class UnmatchedBody(msgspec.Struct, frozen=True, kw_only=True):
    """A body that made no line because nothing knew it; secrets are masked."""

    source: str
    received: int
    """UTC milliseconds."""
    reason: str
    detail: str = ""
    form: str
    """The same for bodies with the same names in them."""
    headers: dict[str, str] = {}
    """Its headers `x-...`."""
    body: str
    """JSON; long lists and texts are cut."""


class UnmatchedBodies(Reply, frozen=True, tag=True, kw_only=True):
    """The newest first."""

    bodies: list[UnmatchedBody]


class GetUnmatched(Request[UnmatchedBodies], frozen=True, tag=True, kw_only=True):
    """Ask for the bodies that nothing knew.

    Those of one source, or of all when `name` is empty.
    """

    name: str = ""


class ProbeSource(Request[Done], frozen=True, tag=True, kw_only=True):
    """Send a test event end to end; answered with `Done` (how far it got)."""

    name: str
