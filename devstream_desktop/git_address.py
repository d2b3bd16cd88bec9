"""Addresses of git repositories: the secret part of one, and how it is shown without that.

A token in an address would be in a file, in the arguments of git that everybody on the machine can
list, in git's complaints and in the database. For a secret there are git's credential helpers and
SSH keys.
"""

from __future__ import annotations

import re
from shlex import quote
from typing import NamedTuple

ADVICE = (
    "leave it out, and let git ask its credential helper (git help credentials) or use an SSH key"
)
_IN_TEXT = re.compile(r"://([^\s'\"<>]+)")
_FOREIGN = re.compile(
    r"dubious ownership in repository at '(.+?)'|unsafe repository \('(.+?)' is owned"
)
"""As git 2.36 and later say it, and 2.35 before."""
_END_OF_HOST = re.compile(r"[/?#]")
_END_OF_PATH = re.compile(r"[?#]")


class _Parts(NamedTuple):
    scheme: str
    """Empty for git's short form, `user@host:path`."""
    user: str
    place: str
    """Host, port and path."""
    query: str
    """From the first ? or # on."""


def secret_in(address: str) -> str:
    """Name the secret part of an address; empty when it has none."""
    parts = _parts(address)
    if parts is None:
        return ""
    if ":" in parts.user or (parts.user and parts.scheme in ("http", "https")):
        return "a user name or password"
    return "a query, which is where tokens are put" if parts.query else ""


def without_secret(address: str) -> str:
    """Return the address without its secret part."""
    parts = _parts(address)
    if parts is None or not secret_in(address):
        return address
    user = "" if parts.scheme in ("http", "https") else parts.user.partition(":")[0]
    before = f"{user}@" if user else ""
    return f"{parts.scheme}://{before}{parts.place}" if parts.scheme else f"{before}{parts.place}"


def masked(text: str) -> str:
    """Return a text, such as git's complaint, without secrets in its addresses."""

    def plain(found: re.Match[str]) -> str:
        parts = _split("", found[1])
        return f"://{parts.place}{'?…' if parts.query else ''}"

    return _IN_TEXT.sub(plain, text)


def complaint(errors: str) -> str:
    """Return the reason in git's complaint, without secrets, not yet cleaned."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    for line in lines:
        if foreign := _FOREIGN.search(line):
            folder = (foreign[1] or foreign[2]).rstrip("/")
            # Short, for an event cuts its reason, and the command at its end is the point.
            return (
                "it is another user's; if you trust it, run as the node's user: "
                f"git config --global --add safe.directory {quote(folder)}"
            )
    telling = [line for line in lines if line.startswith(("fatal:", "error:", "ERROR:", "ssh:"))]
    # The user's own git settings may put a token into an address, and git repeats it.
    return masked((telling or lines or [""])[0].removeprefix("fatal: "))


def _parts(address: str) -> _Parts | None:
    """Take an address apart; None for a path on this machine, which has no secret part."""
    scheme, remote, rest = address.partition("://")
    if remote:
        return None if scheme == "file" else _split(scheme, rest)
    user, at, place = address.partition("@")
    # As git does: no slash before the colon that ends the host.
    if not at or "/" in user or ":" not in place.partition("/")[0]:
        return None
    return _Parts("", user, place, "")


def _split(scheme: str, rest: str) -> _Parts:
    end = _END_OF_HOST.search(rest)
    authority, after = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
    user, _, host = authority.rpartition("@")
    tail = _END_OF_PATH.search(after)
    path, query = (after[: tail.start()], after[tail.start() :]) if tail else (after, "")
    return _Parts(scheme, user, f"{host}{path}", query)
