"""The request for a new source, from what a person typed."""

from __future__ import annotations

import argparse
from pathlib import Path

from devstream_collectors.contract import Collector
from devstream_desktop.cli.given_file import read_bytes
from devstream_desktop.cli.source.type_parser import posts_to_secret_path
from devstream_desktop.control.messages.sources import AddSource, GitSource, RemoteSource, Source
from devstream_desktop.errors import DevstreamError
from devstream_desktop.shared_files import shared


def request_of(
    parser: argparse.ArgumentParser, kind: str, about: Collector, given: argparse.Namespace
) -> AddSource:
    """Return the request; end with a usage error when an option is missing.

    Raises:
        DevstreamError: a file or a repository that was named cannot be read.

    """
    secret_file = _text(given, "secret_file")
    ways = _ways(about, given)
    by_path = "webhook" in ways and not secret_file
    if by_path and not posts_to_secret_path(about):
        _report_missing(parser, "secret_file")
    # An option may be needed only to poll, or only for a webhook.
    for option in about.options:
        if option.needed in ways and not getattr(given, f"option_{option.name}"):
            _report_missing(parser, option.name)
    source: Source
    if about.git:
        source = _repository(kind, given)
    else:
        source = _service(kind, about, given, ways, secret_path=by_path)
    return AddSource(
        source=source,
        secret=_content(secret_file),
        token=_content(_text(given, "token_file")),
    )


def _repository(kind: str, given: argparse.Namespace) -> GitSource:
    return GitSource(
        name=given.name,
        type=kind,
        url=_address(given.location),
        branches=tuple(given.branch),
        service=given.service,
        interval=given.interval,
    )


def _service(
    kind: str,
    about: Collector,
    given: argparse.Namespace,
    ways: tuple[str, ...],
    *,
    secret_path: bool,
) -> RemoteSource:
    token_path = _text(given, "token_path")
    return RemoteSource(
        name=given.name,
        type=kind,
        ways=ways,
        branches=tuple(given.branch),
        service=given.service,
        environment=given.environment,
        url=_text(given, "url"),
        silent_after=getattr(given, "silent_after", 0),
        interval=getattr(given, "interval", 0),
        secret_path=secret_path,
        token_env=_text(given, "token_env"),
        token_file=_absolute(token_path) if token_path else "",
        options=_options(about, given),
    )


def _text(given: argparse.Namespace, name: str) -> str:
    # Not every type has every option; one that it lacks is as good as empty.
    value: str = getattr(given, name, "")
    return value


def _report_missing(parser: argparse.ArgumentParser, name: str) -> None:
    parser.error(f"the following arguments are required: --{name.replace('_', '-')}")


def _ways(about: Collector, given: argparse.Namespace) -> tuple[str, ...]:
    """Return the ways by which events come: `tail`, `poll`, `webhook`; none for git."""
    if about.tail is not None:
        return ("tail",)
    if about.git is not None:
        return ()
    if about.webhook is None:
        return ("poll",)
    if about.poll is None or not given.poll:
        return ("webhook",)
    # A secret is of use only to a webhook, so with one a person wants both.
    return ("webhook", "poll") if given.webhook or given.secret_file else ("poll",)


def _options(
    about: Collector, given: argparse.Namespace
) -> dict[str, str | int | bool | tuple[str, ...]]:
    found: dict[str, str | int | bool | tuple[str, ...]] = {}
    for option in about.options:
        value: object = getattr(given, f"option_{option.name}")
        if not value:
            continue
        if isinstance(value, list):
            found[option.name] = tuple(str(item) for item in value)
        elif option.kind == "file":
            found[option.name] = _shipped(option.name, str(value)) or _absolute(str(value))
        elif isinstance(value, bool | int | str):
            found[option.name] = value
    return found


def _shipped(kind: str, name: str) -> str:
    """Return the file that ships under a bare name, as rules do; empty for a file of one's own."""
    if Path(name).name != name or Path(name).exists():
        return ""
    shipped = shared(kind, f"{name.removesuffix('.toml')}.toml")
    return str(shipped) if shipped.is_file() else ""


def _absolute(path: str) -> str:
    # The node runs in another folder.
    return str(Path(path).expanduser().absolute())


def _address(typed: str) -> str:
    """Return a repository's path or URL as the node will find it."""
    from devstream_desktop.node import source_list

    location = source_list.absolute_location(typed)
    if location.startswith("/") and not Path(location).exists():
        raise DevstreamError(f"there is no {location}; give the path or URL of a git repository")
    return location


def _content(path: str) -> bytes:
    # Editors end a file with a newline, which is not part of a secret.
    return read_bytes(path).strip() if path else b""
