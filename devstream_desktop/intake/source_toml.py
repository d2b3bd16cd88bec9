"""What this collector takes in: the form of `sources.toml`, read into typed values and written back.

    [source.shop]                      the name: a to z, 0 to 9 and -, at most 40
    type = "github"                    the name of an installed collector
    branches = ["main", "release/*"]   exact names or globs; none: the default branch
    service = "shop"                   what its lines are about; none: the source's name, or what the sender calls it
    url = "/srv/git/shop.git"          git: a path or URL; others: the service's https address; never with a password in it
    interval = 20                      seconds between polls; none: 1 for a path, 20 for a git URL, the collector's for others

    backfill = true                    git only: fill the history with the newest commits, quietly, at first contact

    ways = ["webhook", "poll"]         all but git: it posts to us, we ask it, or both; none: it posts ("tail": we read its file)
    environment = "production"         for what says nothing of its environment
    silent_after = 86400               seconds without a delivery until the source counts as silent; none: never
    secret_path = true                 it posts to an address with a secret in it
    token_env = "CI_TOKEN"             where the token for polling is, when it is not sealed: a variable of the node,
    token_file = "/run/secrets/ci"     or a file, read each time
    options.repository = "acme/shop"   what `devstream source add TYPE --help` lists

The file is ours, so writing it keeps no comments. Secrets are not in it: the vault seals them (`secret_name`, `token_name`).
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeGuard
from urllib.parse import urlsplit

import msgspec

from devstream_desktop import git_address
from devstream_desktop.intake.adapter import is_repository
from devstream_desktop.intake.source_types import (
    WAYS,
    WEBHOOK,
    GitSource,
    RemoteSource,
    Source,
    SourcesError,
    is_local,
)
from devstream_desktop.toml_lines import line_of

MAX_NAME = 40
MAX_SOURCES = 200
_NAME = re.compile(r"[a-z0-9-]{1,40}")
_OPTION = re.compile(r"[a-z_]{1,40}")
_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


def parse_sources(text: str, where: str = "sources.toml") -> list[Source]:
    """The sources in a TOML text.

    Raises:
        SourcesError: as `load_sources`.

    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourcesError(f"{where}: not valid TOML: {error}") from None
    for key in document:
        if key != "source":
            raise SourcesError(
                f"{where}, line {line_of(text, (key,))}: {key!r} is unknown; allowed: [source.NAME] tables"
            )
    tables = document.get("source", {})
    if not _is_table(tables):
        raise SourcesError(
            f"{where}, line {line_of(text, ('source',))}: source is not a table; write [source.NAME]"
        )
    if len(tables) > MAX_SOURCES:
        raise SourcesError(f"{where}: {len(tables)} sources; at most {MAX_SOURCES} are allowed")
    found: list[Source] = []
    for name, table in tables.items():
        try:
            found.append(_source(name, table))
        except _FieldError as error:
            keys = ("source", name, error.field) if error.field else ("source", name)
            raise SourcesError(
                f"{where}, line {line_of(text, keys)}: source {name!r}: {error}"
            ) from None
    return found


def is_name(name: str) -> bool:
    """Whether a source can be called so."""
    return _NAME.fullmatch(name) is not None


def check_source(source: Source) -> Source:
    """`source` itself, once it is known to be one that the file may hold.

    Raises:
        SourcesError: reason and what is allowed.

    """
    try:
        return _source(source.name, {"type": source.type, **_fields(source)})
    except _FieldError as error:
        raise SourcesError(f"source {source.name!r}: {error}") from None


class _FieldError(Exception):
    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


_COMMON = ("type", "branches", "service", "url", "interval")
_GIT = (*_COMMON, "backfill")
_REMOTE = (
    *_COMMON,
    "ways",
    "environment",
    "silent_after",
    "secret_path",
    "token_env",
    "token_file",
    "options",
)


def _source(name: str, table: object) -> Source:
    if not _NAME.fullmatch(name):
        raise _FieldError("", f"the name must be 1 to {MAX_NAME} of a to z, 0 to 9 and -")
    if not _is_table(table):
        raise _FieldError("", "not a table; write [source.NAME]")
    kind = _text(table, "type")
    if not _NAME.fullmatch(kind):
        raise _FieldError(
            "type", 'type is missing; write the name of a collector, as in type = "github"'
        )
    is_git = is_repository(kind)
    allowed = _GIT if is_git else _REMOTE
    for field in table:
        if field not in allowed:
            raise _FieldError(
                field, f"{field!r} is unknown for type {kind!r}; allowed: {', '.join(allowed)}"
            )
    branches, service = _branches(table), _text(table, "service")
    if len(service) > 60:
        raise _FieldError("service", "service is longer than 60 characters")
    interval = _whole(table, "interval", 86_400)
    if is_git:
        return GitSource(
            name=name,
            type=kind,
            url=_url(table),
            branches=branches,
            service=service,
            interval=interval,
            backfill=_flag(table, "backfill"),
        )
    environment, token_env, token_file = (
        _text(table, "environment"),
        _text(table, "token_env"),
        _text(table, "token_file"),
    )
    if len(environment) > 40:
        raise _FieldError("environment", "environment is longer than 40 characters")
    if token_file and not Path(token_file).is_absolute():
        raise _FieldError(
            "token_file",
            "token_file must be an absolute path, for the node has another working folder",
        )
    return RemoteSource(
        name=name,
        type=kind,
        ways=_ways(table),
        branches=branches,
        service=service,
        environment=environment,
        url=_service_url(table),
        silent_after=_whole(table, "silent_after", 31_536_000),
        interval=interval,
        secret_path=_flag(table, "secret_path"),
        token_env=token_env,
        token_file=token_file,
        options=_options(table),
    )


def _url(table: Mapping[str, object]) -> str:
    url = _text(table, "url")
    if not url:
        raise _FieldError("url", "url is missing; give the path or URL of a git repository")
    if url.startswith("-"):
        raise _FieldError("url", "url may not start with '-'; give an absolute path")
    if is_local(url) and not url.startswith(("/", "~", "file://")) and not Path(url).is_absolute():
        raise _FieldError("url", "a path must be absolute, for the node has another working folder")
    scheme = url.split("://", 1)[0] if "://" in url else ""
    if scheme not in ("", "https", "http", "ssh", "git", "file") or "::" in url.split("/", 1)[0]:
        raise _FieldError(
            "url",
            "this kind of url is not allowed; allowed: a path, file, https, http, ssh, git, or user@host:path",
        )
    try:
        urlsplit(url)
    except ValueError:
        raise _FieldError("url", "url is not well formed") from None
    if secret := git_address.secret_in(url):
        raise _FieldError("url", f"url holds {secret}; {git_address.ADVICE}")
    return url


def _service_url(table: Mapping[str, object]) -> str:
    url = _text(table, "url").rstrip("/")
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        raise _FieldError("url", "url is not well formed") from None
    if parts.scheme not in ("https", "http") or not host:
        raise _FieldError("url", "url must be the service's https address")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise _FieldError(
            "url", "url holds a user name, password or query; leave it out and give a token"
        )
    return url


def _ways(table: Mapping[str, object]) -> tuple[str, ...]:
    value = table.get("ways", [WEBHOOK])
    if not isinstance(value, list | tuple) or not value or any(way not in WAYS for way in value):
        raise _FieldError("ways", 'ways must be a list of "webhook", "poll" and "tail"')
    return tuple(way for way in WAYS if way in value)


def _options(table: Mapping[str, object]) -> dict[str, str | int | bool | tuple[str, ...]]:
    values = table.get("options", {})
    if not _is_table(values) or len(values) > 50:
        raise _FieldError(
            "options", 'options are written as options.NAME = "value", at most 50 of them'
        )
    found: dict[str, str | int | bool | tuple[str, ...]] = {}
    for name, value in values.items():
        if not _OPTION.fullmatch(name):
            raise _FieldError("options", "the name of an option is of a to z and _")
        if isinstance(value, list | tuple):
            found[name] = tuple(_option_text(name, item) for item in value)
        elif isinstance(value, bool | int):
            found[name] = value
        else:
            found[name] = _option_text(name, value)
    return found


def _option_text(name: str, value: object) -> str:
    if not isinstance(value, str) or not _PRINTABLE.fullmatch(value) or len(value) > 1000:
        raise _FieldError(
            "options",
            f"options.{name} must be a text, a whole number, true, false, or a list of texts",
        )
    return value


def _flag(table: Mapping[str, object], field: str) -> bool:
    value = table.get(field, False)
    if not isinstance(value, bool):
        raise _FieldError(field, f"{field} must be true or false")
    return value


def _branches(table: Mapping[str, object]) -> tuple[str, ...]:
    value = table.get("branches", [])
    if not isinstance(value, list | tuple) or len(value) > 50:
        raise _FieldError(
            "branches",
            'branches must be a list of at most 50 names or globs, such as ["main", "release/*"]',
        )
    for pattern in value:
        if not isinstance(pattern, str) or not _PRINTABLE.fullmatch(pattern) or len(pattern) > 200:
            raise _FieldError(
                "branches", "each branch must be a name or glob of 1 to 200 characters"
            )
    return tuple(str(pattern) for pattern in value)


def _text(table: Mapping[str, object], field: str) -> str:
    value = table.get(field, "")
    if (
        not isinstance(value, str)
        or (value and not _PRINTABLE.fullmatch(value))
        or len(value) > 1000
    ):
        raise _FieldError(field, f"{field} must be a text in quotes, without control characters")
    return value


def _whole(table: Mapping[str, object], field: str, most: int) -> int:
    value = table.get(field, 0)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise _FieldError(field, f"{field} must be a whole number of seconds from 0 to {most}")
    return value


def _is_table(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict)


def _fields(source: Source) -> dict[str, object]:
    """What is worth writing: all but the name and what equals its default."""
    values: dict[str, object] = msgspec.structs.asdict(source)
    del values["name"]
    if values.get("ways") == (WEBHOOK,):
        del values["ways"]
    return {field: value for field, value in values.items() if value not in ("", 0, False, (), {})}


def table_of(source: Source) -> str:
    """The TOML table of a source that `check_source` has passed."""
    lines = [f"[source.{source.name}]"]
    fields = {"type": source.type, **_fields(source)}
    options = fields.pop("options", {})
    if _is_table(options):
        fields |= {f"options.{name}": value for name, value in options.items()}
    # Strings without control characters, whole numbers, booleans and lists of strings: JSON and TOML write these alike.
    lines += [
        f"{field} = {json.dumps(value, ensure_ascii=False)}" for field, value in fields.items()
    ]
    return "\n".join(lines) + "\n"
