"""`devstream install-desktop`: menu entry, icon, start at login, completion and manual pages."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from devstream_desktop import machine
from devstream_desktop.cli.completion import SHELLS, script
from devstream_desktop.cli.man import pages
from devstream_desktop.control.wording import count
from devstream_desktop.desk.autostart import autostart
from devstream_desktop.desk.user_files import UserFiles
from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `install-desktop`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "For this user only. Run it again after an update: it renews what is old, and\n"
        "leaves the start at login as you have set it since."
    )
    either = parser.add_mutually_exclusive_group()
    about = "take all of it away again; the home and its history stay"
    either.add_argument("--remove", action="store_true", help=about)
    about = "leave the start at login as it is"
    either.add_argument("--no-login", action="store_true", help=about)
    parser.set_defaults(command=install_desktop)


def install_desktop(home: Home, options: argparse.Namespace) -> int:
    """Write or remove this user's files, and say what changed."""
    if sys.platform in {"darwin", "win32"}:
        raise DevstreamError(
            "install-desktop knows the desktops of Linux; on this system the settings window"
            " turns the start at login on"
        )
    files = UserFiles.of_environment()
    if options.remove:
        _remove(home, files)
    else:
        _install(home, files, login=not options.no_login)
    return 0


def _install(home: Home, files: UserFiles, *, login: bool) -> None:
    first = not files.entry.exists()
    texts = files.contents(home)
    texts |= {files.completions[shell]: script(shell) for shell in SHELLS}
    manual = {files.manual / f"{name}.1": text for name, text in pages().items()}
    changed = [path for path, text in texts.items() if _write(path, text)]
    written = sum(_write(path, text) for path, text in manual.items())
    # A command that is gone has no page any more.
    for path in _pages(files) - set(manual):
        _unlink(path)
    # Icon caches are read again when the theme's folder is newer.
    if files.icon in changed:
        os.utime(files.icon.parents[2])
    for path in changed:
        print(f"written: {path}")
    if written:
        print(f"written: {count(written, 'manual page')} in {files.manual}")
    start = autostart(home)
    if start.enabled() or (login and first):
        # Also where it was on: it may have started another one.
        start.set_enabled(on=True)
        print("devstream starts at login; the settings window turns that off")
    else:
        print("devstream does not start at login; the settings window turns that on")
    if not changed and not written:
        print("all of it is there and of this version")
    if os.environ.get("SHELL", "").endswith("zsh") and files.completions["zsh"] in changed:
        folder = files.completions["zsh"].parent
        print(f"for zsh, before compinit in ~/.zshrc: fpath=({folder} $fpath)")


def _remove(home: Home, files: UserFiles) -> None:
    ours = {files.entry, files.icon, *files.completions.values()}
    removed = [path for path in sorted(ours) if _unlink(path)]
    gone = sum(_unlink(path) for path in _pages(files))
    for path in removed:
        print(f"removed: {path}")
    if gone:
        print(f"removed: {count(gone, 'manual page')} from {files.manual}")
    start = autostart(home)
    if start.enabled():
        start.set_enabled(on=False)
        print("devstream does not start at login any more")
    elif not removed and not gone:
        print("nothing of it was there")


def _pages(files: UserFiles) -> set[Path]:
    return {*files.manual.glob("devstream.1"), *files.manual.glob("devstream-*.1")}


def _write(path: Path, text: str) -> bool:
    """Write a file, and tell whether that changed it."""
    try:
        if path.exists() and path.read_bytes() == text.encode():
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        # A link into a package that is gone would be written through.
        path.unlink(missing_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DevstreamError(
            f"{path} cannot be written: {machine.reason(error)}; make its folder your own, then"
            " run this again"
        ) from None
    return True


def _unlink(path: Path) -> bool:
    if not path.is_symlink() and not path.exists():
        return False
    try:
        path.unlink()
    except OSError as error:
        raise DevstreamError(
            f"{path} cannot be removed: {machine.reason(error)}; remove it yourself"
        ) from None
    return True
