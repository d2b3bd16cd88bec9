"""Form of `sources.toml`: read into typed values and written back.

    [source.shop]                      the name: a to z, 0 to 9 and -, at most 40
    type = "github"                    the name of an installed collector
    branches = ["main", "release/*"]   exact names or globs; none: the default branch
    service = "shop"                   the subject of its lines; none: the source's name, or the
                                       sender's word
    url = "/srv/git/shop.git"          git: a path or URL; others: the service's https address;
                                       never with a password in it
    interval = 20                      seconds between polls; none: 1 for a path, 20 for a git URL,
                                       the collector's for others

    backfill = true                    git only: fill the history with the newest commits, quietly,
                                       at first contact

    ways = ["webhook", "poll"]         all but git: it posts to us, we ask it, or both; none: it
                                       posts ("tail": we read its file)
    environment = "production"         for deliveries that do not name theirs
    silent_after = 86400               seconds without a delivery until the source counts as silent;
                                       none: never
    secret_path = true                 it posts to an address with a secret in it
    token_env = "CI_TOKEN"             the token for polling, when it is not sealed: a variable of
    token_file = "/run/secrets/ci"     the node, or a file, read each time
    options.repository = "acme/shop"   as `devstream source add TYPE --help` lists them

The file is ours, so writing it keeps no comments. Secrets are not in it: the vault seals them
(`secret_name`, `token_name`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from devstream_desktop import git_address
from devstream_desktop.config import FieldError, TomlFile, as_table, typed
from devstream_desktop.control.messages.sources import (
    OPTION_RULE,
    PRINTABLE,
    WAYS,
    WEBHOOK,
    GitSource,
    RemoteSource,
    Source,
)
from devstream_desktop.intake.config.names import SourcesError, is_local
from devstream_desktop.intake.registry import is_repository
from devstream_desktop.stream.text import clean

MAX_SOURCES = 200
_FORM = "[source.NAME]"
_NAME = re.compile(r"[a-z0-9-]{1,40}")
_printable = re.compile(PRINTABLE).match
_SCHEMES = ("", "https", "http", "ssh", "git", "file")


def parse_sources(text: str, where: str = "sources.toml") -> list[Source]:
    """Read the sources in a TOML text.

    Raises:
        SourcesError: as `load_sources`.

    """
    file = TomlFile(text, where, SourcesError)
    found: list[Source] = []
    with file.table():
        for key in file.document:
            if key != "source":
                raise FieldError(f"{clean(key, 40)!r} is unknown; allowed: {_FORM} tables", key)
        tables = as_table(file.document.get("source", {}), _FORM, "source")
        if len(tables) > MAX_SOURCES:
            raise FieldError(f"{len(tables)} sources; at most {MAX_SOURCES} are allowed", "source")
        for name, value in tables.items():
            table = as_table(value, _FORM, "source", name)
            with file.table("source", name, name=f"source {name!r}"):
                found.append(_source(name, table))
    return found


def is_name(name: str) -> bool:
    """Tell whether a source can have this name."""
    return _NAME.fullmatch(name) is not None


def check_source(source: Source) -> Source:
    """Pass a source that the file may hold.

    Raises:
        SourcesError: reason and what is right.

    """
    try:
        return _source(source.name, {"type": source.type, **_fields(source)})
    except FieldError as error:
        raise SourcesError(f"source {source.name!r}: {error}") from None


def _source(name: str, table: Mapping[str, object]) -> Source:
    if not is_name(name):
        raise FieldError("the name must be 1 to 40 of a to z, 0 to 9 and -")
    kind = table.get("type")
    if not isinstance(kind, str) or not is_name(kind):
        right = 'write the name of a collector, as in type = "github"'
        raise FieldError(f"type is missing; {right}", "type")
    if is_repository(kind):
        repository = typed(table, GitSource, name=name)
        _check_repository(repository.url)
        return repository
    remote = typed(table, RemoteSource, name=name)
    if remote.token_file and not Path(remote.token_file).is_absolute():
        why = "token_file must be an absolute path: the node has another working folder"
        raise FieldError(why, "token_file")
    url = remote.url.rstrip("/")
    _check_address(url)
    _check_options(remote)
    # In one order and each once, so that the same choice is the same source.
    ways = tuple(way for way in WAYS if way in remote.ways)
    return msgspec.structs.replace(remote, url=url, ways=ways)


def _check_options(source: RemoteSource) -> None:
    for name, value in source.options.items():
        texts = value if isinstance(value, tuple) else (value,)
        for text in texts:
            if isinstance(text, str) and not (0 < len(text) <= 1000 and _printable(text)):
                raise FieldError(f"options.{name} must be {OPTION_RULE}", "options")


def _check_repository(url: str) -> None:
    """Check the address that git gets: git takes options and programs in its place.

    Raises:
        FieldError: it is none of the forms that are allowed, or has a secret in it.

    """
    if not url:
        raise FieldError("url is missing; give the path or URL of a git repository", "url")
    if url.startswith("-"):
        raise FieldError("url may not start with '-'; give an absolute path", "url")
    if is_local(url) and not url.startswith(("/", "~", "file://")) and not Path(url).is_absolute():
        why = "a path must be absolute: the node has another working folder"
        raise FieldError(why, "url")
    scheme = url.split("://", 1)[0] if "://" in url else ""
    # With two colons git would start a remote helper, a program of that name.
    if scheme not in _SCHEMES or "::" in url.split("/", 1)[0]:
        allowed = "a path, file, https, http, ssh, git, or user@host:path"
        raise FieldError(f"this kind of url is not allowed; allowed: {allowed}", "url")
    try:
        urlsplit(url)
    except ValueError:
        raise FieldError("url is not well formed", "url") from None
    if secret := git_address.secret_in(url):
        raise FieldError(f"url holds {secret}; {git_address.ADVICE}", "url")


def _check_address(url: str) -> None:
    if not url:
        return
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        raise FieldError("url is not well formed", "url") from None
    if parts.scheme not in ("https", "http") or not host:
        raise FieldError("url must be the service's https address", "url")
    # The address is shown, logged and kept: no secret may be in it.
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        why = "url holds a user name, password or query; leave it out and give a token"
        raise FieldError(why, "url")


def _fields(source: Source) -> dict[str, object]:
    """Give the fields worth writing: all but the name and those with their default."""
    values: dict[str, object] = msgspec.structs.asdict(source)
    del values["name"]
    if values.get("ways") == (WEBHOOK,):
        del values["ways"]
    return {field: value for field, value in values.items() if value not in ("", 0, False, (), {})}


def table_of(source: Source) -> str:
    """Write the TOML table of a source that `check_source` has passed."""
    lines = [f"[source.{source.name}]"]
    fields = {"type": source.type, **_fields(source)}
    options = fields.pop("options", {})
    if isinstance(options, dict):
        fields |= {f"options.{name}": value for name, value in options.items()}
    # JSON and TOML write strings without control characters, whole numbers, booleans and lists of
    # strings alike.
    lines += [
        f"{field} = {json.dumps(value, ensure_ascii=False)}" for field, value in fields.items()
    ]
    return "\n".join(lines) + "\n"
