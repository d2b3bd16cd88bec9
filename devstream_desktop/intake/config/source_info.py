"""A configured source, ready to run: options read and checked, token unsealed.

All of it may block.
"""

from __future__ import annotations

import os
from pathlib import Path

from devstream_collectors.contract import (
    Collector,
    Option,
    Poll,
    SourceInfo,
)
from devstream_desktop import machine
from devstream_desktop.control.messages.sources import RemoteSource
from devstream_desktop.intake.config.names import SourcesError, token_name
from devstream_desktop.intake.config.source_file import Vault
from devstream_desktop.intake.registry import check_options, collector_module

MAX_FILE = 256 * 1024
"""Bytes of a file that an option names."""
MAX_TOKEN = 8 * 1024
_KINDS = {"text": str, "file": str, "whole": int, "flag": bool, "list": tuple}


def source_info(source: RemoteSource) -> SourceInfo:
    """Make the collector's view of a source.

    Raises:
        NoCollectorError: its collector is not installed.
        SourcesError: an option is wrong; the message says which and why.

    """
    about = collector_module(source.type).COLLECTOR
    _check(source, about)
    options = dict(source.options)
    for option in about.options:
        if option.kind == "file" and option.name in options:
            options[option.name] = _file(source, option)
    url = source.url or (about.poll.url if about.poll else "")
    info = SourceInfo(
        source.name, source.branches, source.service, source.environment, url.rstrip("/"), options
    )
    try:
        check_options(source.type, info)
    except ValueError as error:
        raise SourcesError(f"source {source.name!r}: {error}") from None
    return info


def token_of(source: RemoteSource, vault: Vault) -> bytes:
    """Read the token that a source is polled with; empty without one.

    Raises:
        SourcesError: the variable or file that holds it cannot be read.
        Exception: the vault's own, when it cannot be unsealed.

    """
    if source.token_env:
        value = os.environ.get(source.token_env, "")
        if not value:
            raise SourcesError(
                f"source {source.name!r}: the environment variable {source.token_env} "
                "is not set for this node"
            )
        return value.strip().encode()
    if source.token_file:
        return _read(
            Path(source.token_file), MAX_TOKEN, f"source {source.name!r}: its token"
        ).strip()
    sealed = token_name(source.name)
    return vault.unseal(sealed).strip() if vault.exists(sealed) else b""


def _check(source: RemoteSource, about: Collector) -> None:
    known = {option.name: option for option in about.options}
    for name, value in source.options.items():
        if name not in known:
            allowed = ", ".join(known) or "none"
            raise SourcesError(
                f"source {source.name!r}: {source.type} has no option {name!r}; it has: {allowed}"
            )
        # Not isinstance: a bool is an int there.
        wanted = _KINDS[known[name].kind]
        if type(value) is not wanted:
            raise SourcesError(
                f"source {source.name!r}: options.{name} must be a {known[name].kind}"
            )
    for option in about.options:
        if (option.needed == "always" or option.needed in source.ways) and not source.options.get(
            option.name
        ):
            raise SourcesError(f"source {source.name!r} needs {option.name}: {option.help}")


def _file(source: RemoteSource, option: Option) -> str:
    path = Path(str(source.options[option.name])).expanduser()
    if not path.is_absolute():
        raise SourcesError(
            f"source {source.name!r}: {option.name} must be an absolute path, "
            "because the node has another working folder"
        )
    try:
        return _read(path, MAX_FILE, f"source {source.name!r}: {option.name}").decode()
    except UnicodeDecodeError:
        raise SourcesError(f"source {source.name!r}: {path} is not UTF-8 text") from None


def _read(path: Path, most: int, what: str) -> bytes:
    try:
        with path.open("rb") as file:
            # One byte more tells a file that is too large, without reading it whole.
            content = file.read(most + 1)
    except OSError as error:
        raise SourcesError(f"{what} cannot be read from {path}: {machine.reason(error)}") from None
    if len(content) > most:
        raise SourcesError(f"{what}: {path} is larger than {most} bytes")
    return content


def check_token(name: str, poll: Poll, token: bytes) -> None:
    """Pass a token that can be sent.

    Raises:
        SourcesError: it is missing where the service needs one, or not one line of plain text.

    """
    if not token and poll.needs_token:
        raise SourcesError(
            f"source {name!r} needs a token to be polled; "
            "remove it and add it again with --token-file"
        )
    # It becomes a header: a line break in it would begin another one.
    if len(token) > MAX_TOKEN or any(byte < 0x20 or byte > 0x7E for byte in token):
        raise SourcesError(f"source {name!r}: its token must be one line of plain characters")
