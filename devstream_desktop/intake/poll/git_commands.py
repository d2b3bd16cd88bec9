"""Commands of git: no prompt, no shell, bounded in time and output.

Every process that a command started ends with it.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from urllib.parse import quote, unquote

from devstream_desktop import git_address, machine
from devstream_desktop.control.messages.sources import GitSource
from devstream_desktop.errors import DevstreamError
from devstream_desktop.intake.config.names import is_local
from devstream_desktop.process_group import process_group
from devstream_desktop.stream.text import clean, without_escapes

MAX_OUTPUT = 16 * 1024 * 1024
LOOK_SECONDS = 30.0
FETCH_SECONDS = 120.0
FIRST_FETCH_SECONDS = 900.0
_SETTINGS = {
    "protocol.ext.allow": "never",
    "core.hooksPath": os.devnull,
    "gc.autoDetach": "false",  # no process outlives its command
    "log.showSignature": "false",
    "i18n.logOutputEncoding": "UTF-8",
    "fetch.writeCommitGraph": "false",
}
_OFFER_FILTER = "--upload-pack=git -c uploadpack.allowFilter=true upload-pack"
"""We serve local repositories ourselves, so we must allow partial clones."""


class GitError(DevstreamError):
    """A git command failed; the message is git's own reason, cleaned, or ours.

    `code` is 0 when it did not end by itself.
    """

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


def local_folder(source: GitSource) -> Path | None:
    """Return the folder of a repository on this machine; None for a remote."""
    if not is_local(source.url):
        return None
    path = (
        unquote(source.url.removeprefix("file://"))
        if source.url.startswith("file://")
        else source.url
    )
    return Path(path).expanduser().absolute()


def remote_of(source: GitSource) -> str:
    """Return the URL for git.

    A path becomes a file URL, so that git never takes it for an option or links its objects.
    """
    folder = local_folder(source)
    return source.url if folder is None else "file://" + quote(str(folder))


def transport_options(source: GitSource) -> list[str]:
    """Return the options of a command that reads the remote."""
    return [_OFFER_FILTER] if is_local(source.url) else []


async def git(*arguments: str, folder: Path | None = None, seconds: float = LOOK_SECONDS) -> str:
    """Run a git command; return its output.

    Raises:
        GitError: it failed, took too long, printed too much, or there is no git.

    """
    settings = [part for key, value in _SETTINGS.items() for part in ("-c", f"{key}={value}")]
    place = ["-C", str(folder)] if folder is not None else []
    try:
        async with (
            process_group(["git", *settings, *place, *arguments], _environment()) as process,
            asyncio.timeout(seconds),
        ):
            (output, overflow), (errors, _), code = await asyncio.gather(
                _read(process.stdout, MAX_OUTPUT), _read(process.stderr, 64 * 1024), process.wait()
            )
    # First, because it is an OSError too.
    except TimeoutError:
        raise GitError(f"git {arguments[0]} did not end within {seconds:.0f} s") from None
    except FileNotFoundError:
        raise GitError("there is no git command; install git") from None
    except OSError as error:
        raise GitError(f"git cannot be started: {machine.reason(error)}") from None
    if overflow:
        raise GitError(f"git {arguments[0]} printed more than {MAX_OUTPUT} bytes")
    if code != 0:
        raise GitError(
            _reason(errors.decode("utf-8", "replace")) or f"git {arguments[0]} failed with {code}",
            code,
        )
    return output.decode("utf-8", "replace")


async def is_ancestor(folder: Path, old: str, new: str) -> bool:
    """Tell whether `new`, with its whole history here, descends from `old`.

    Raises:
        GitError: git failed.

    """
    try:
        await git("merge-base", "--is-ancestor", old, new, folder=folder)
    except GitError as error:
        # 1: it does not. 128: `old` is not here, so it is not in the history of `new`.
        if error.code in (1, 128):
            return False
        raise
    return True


async def _read(stream: asyncio.StreamReader | None, limit: int) -> tuple[bytes, bool]:
    """Read a whole stream. Beyond `limit` it is dropped, so that the writer never waits."""
    kept = bytearray()
    overflow = False
    while stream is not None and (chunk := await stream.read(65_536)):
        if len(kept) + len(chunk) > limit:
            overflow = True
        else:
            kept += chunk
    return bytes(kept), overflow


def _environment() -> dict[str, str]:
    # A GIT_DIR or GIT_INDEX_FILE of the shell that started the node would redirect every command.
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("GIT_") or key in ("GIT_SSH_COMMAND", "GIT_SSL_CAINFO")
    }
    return kept | {
        "LC_ALL": "C.UTF-8",
        "LANGUAGE": "",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS_REQUIRE": "never",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
    }


def _reason(errors: str) -> str:
    return clean(git_address.complaint(without_escapes(errors)), 300)
