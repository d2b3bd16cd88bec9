"""Sources of a home: the file `sources.toml`, and their secrets in the vault.

`source_toml.py` has the form of the file.
"""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path
from typing import Protocol

from devstream_desktop import git_address, machine
from devstream_desktop.control.messages.sources import RemoteSource, Source
from devstream_desktop.home import Home
from devstream_desktop.intake.config.names import SourcesError, secret_name, token_name
from devstream_desktop.intake.config.source_toml import (
    check_source,
    is_name,
    parse_sources,
    table_of,
)
from devstream_desktop.private_file import write_private

MIN_SECRET = 8
_FIRST = "# Written by `devstream source` from here to the end; comments are not kept."
_LAST = "# The end: without this line sources are missing."
"""A file that is cut off would be TOML all the same; one that a person wrote has neither line."""
TAKEN_OUT = (
    "its url held a secret, which is taken out of sources.toml; it was in files and in the"
    " arguments of git, so have another made where it came from, and let git ask its credential"
    " helper (git help credentials) or use an SSH key"
)
_RESTORE = "restore it from a backup, or remove it and add the sources again (devstream source add)"


class Vault(Protocol):
    """The node's sealed store. Its methods may block, so they run in a worker thread."""

    def seal(self, name: str, secret: bytes) -> None:
        """Keep `secret`, encrypted, under `name`."""
        ...

    def unseal(self, name: str) -> bytes:
        """Return the secret under `name`."""
        ...

    def exists(self, name: str) -> bool:
        """Tell whether there is a secret under `name`."""
        ...

    def remove(self, name: str) -> None:
        """Forget it."""
        ...


def load_sources(path: Path) -> list[Source]:
    """Read the sources of a home; none when there is no file. Blocks.

    Raises:
        SourcesError: file, line, reason, what is allowed.

    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SourcesError(f"{path} cannot be read: {machine.reason(error)}") from None
    except UnicodeDecodeError:
        raise SourcesError(f"{path} is damaged: it is no text; {_RESTORE}") from None
    # A power cut can leave an empty file, or half of one that is still TOML.
    if not text.strip() or (text.startswith(_FIRST) and not text.rstrip().endswith(_LAST)):
        raise SourcesError(
            f"{path} is damaged: it ends too early, so sources are missing; {_RESTORE}"
        )
    return parse_sources(text, str(path))


def take_secrets_out(home: Home) -> list[str]:
    """Take the secrets out of the addresses of git repositories.

    Returns the names of the sources that lost one, whose status then shows `TAKEN_OUT`.
    Blocks.
    """
    try:
        text = home.sources.read_text(encoding="utf-8")
        tables = tomllib.loads(text).get("source", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return []  # `load_sources` says why
    found: list[str] = []
    for name, table in tables.items() if isinstance(tables, dict) else ():
        address = (
            table.get("url") if isinstance(table, dict) and table.get("type") == "git" else None
        )
        if isinstance(address, str) and git_address.secret_in(address) and is_name(str(name)):
            text = text.replace(address, git_address.without_secret(address))
            found.append(str(name))
            # The mirror's own configuration has a copy of the address.
            shutil.rmtree(home.mirrors / str(name), ignore_errors=True)
    if found:
        try:
            write_private(home.sources, text.encode())
        except OSError as error:
            # Late, as is `secrets`, because most that read the file need neither.
            import logging

            logging.getLogger(__name__).warning(
                "the secrets in %s stay: %s", home.sources, machine.reason(error)
            )
    return found


def save_sources(path: Path, sources: list[Source]) -> None:
    """Write the file whole or not at all. Blocks.

    Raises:
        OSError: as `private_file.write_private`.

    """
    tables = [table_of(source) for source in sources]
    write_private(path, "\n".join((_FIRST, "", *tables, _LAST, "")).encode())


def add_source(
    home: Home, vault: Vault, source: Source, secret: bytes = b"", token: bytes = b""
) -> str:
    """Seal the secrets of a source, then add it to the file. Blocks.

    A running node uses `Intake.add_source`. `secret` may have two lines, both valid, for the time
    of a rotation. Returns the URL path that the source posts to, with the secret where that is part
    of it: it is not shown again. Empty when the source does not post.

    Raises:
        SourcesError: the source is wrong, its name is taken, or its secret is missing or too short.

    """
    check_source(source)
    take_secrets_out(home)
    known = load_sources(home.sources)
    # The name is the key of its secrets, notes and mirror.
    if any(other.name == source.name for other in known):
        raise SourcesError(f"there is a source {source.name!r} already; choose another name")
    path = ""
    if isinstance(source, RemoteSource):
        if source.takes_webhooks:
            path = source.path
            # The sender can send nothing but an address, so the secret is ours to make.
            if source.secret_path:
                import secrets

                secret = secrets.token_urlsafe(32).encode()
                path = f"{path}/{secret.decode()}"
            given = split_secrets(secret)
            if not given or min(map(len, given)) < MIN_SECRET:
                raise SourcesError(
                    f"source {source.name!r} needs a secret of at least 8 characters; "
                    "write one to a file and give --secret-file"
                )
            vault.seal(secret_name(source.name), secret)
        if token.strip():
            vault.seal(token_name(source.name), token.strip())
    save_sources(home.sources, [*known, source])
    return path


def find_source(home: Home, name: str) -> Source:
    """Return a source of the file. Blocks.

    Raises:
        SourcesError: there is no such source.

    """
    known = load_sources(home.sources)
    for source in known:
        if source.name == name:
            return source
    names = ", ".join(source.name for source in known) or "none"
    raise SourcesError(f"there is no source {name!r}; known: {names}")


def remove_source(home: Home, vault: Vault, name: str) -> None:
    """Take a source out of the file and forget its secret. Blocks.

    Raises:
        SourcesError: there is no such source.

    """
    take_secrets_out(home)
    find_source(home, name)
    kept = [source for source in load_sources(home.sources) if source.name != name]
    # The file first: a source without its secret is broken, a secret without its source is not.
    save_sources(home.sources, kept)
    for sealed in (secret_name(name), token_name(name)):
        if vault.exists(sealed):
            vault.remove(sealed)


def split_secrets(secret: bytes) -> list[bytes]:
    """Read the secrets of a secret file: one a line, at most two."""
    return [line.strip() for line in secret.splitlines() if line.strip()][:2]
