"""Checks of a home's files: who may read them, and what they hold."""

from __future__ import annotations

import os
import shlex
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from devstream_desktop.control.check import Check
from devstream_desktop.deploy.targets import load_targets
from devstream_desktop.doctor.verdicts import ok, problem, warning
from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home
from devstream_desktop.intake.config.source_file import load_sources
from devstream_desktop.intake.registry import EXTRA, missing_libraries
from devstream_desktop.language import _
from devstream_desktop.mesh.carrier.config import carriers
from devstream_desktop.outlet.config import outlets
from devstream_desktop.settings import load_settings
from devstream_desktop.shared_files import shared

_OPERATORS = frozenset({"settings.toml", "targets.toml"})
"""Written by a person, and without a secret."""
_OURS = ("*.json", "*.sqlite*", "*.log*", "sources.toml", "key", "team/*", "secrets/**/*")


def modes(home: Home) -> Iterator[Check]:
    """Check that the home belongs to this user alone."""
    if sys.platform == "win32":
        yield ok("home", f"{home.root}")
        return
    root = shlex.quote(str(home.root))
    close = f"chmod -R go= {root}"
    for folder in (home.root, home.team, home.secrets):
        if not folder.exists():
            continue
        found = folder.stat()
        if found.st_uid != os.getuid():
            yield problem(
                "home",
                _("{folder} belongs to another user").format(folder=folder),
                _("{command}, or choose another with --home").format(
                    command=f"sudo chown -R $USER {root}"
                ),
            )
            return
        if mode := stat.S_IMODE(found.st_mode) & 0o077:
            said = _("{folder} is open to others ({mode}, should be 0700)").format(
                folder=folder, mode=f"{mode | 0o700:04o}"
            )
            yield problem("home", said, close)
            return
    if not os.access(home.root, os.W_OK):
        yield problem(
            "home",
            _("{folder} cannot be written to").format(folder=home.root),
            _("see that its disk is not mounted read-only, or choose another with --home"),
        )
        return
    # The folder is private; a copy of a file would not be.
    loose = [path for path in _files(home) if stat.S_IMODE(path.stat().st_mode) & 0o077]
    secret = [path for path in loose if path.name == "key" or home.secrets in path.parents]
    readable = _("{files} can be read by others once copied (should be 0600)")
    if secret:
        yield problem("home", readable.format(files=_named(home, secret)), close)
    elif loose:
        yield warning("home", readable.format(files=_named(home, loose)), close)
    else:
        yield ok("home", _("{folder}, private").format(folder=home.root))


def kept(home: Home) -> Iterator[Check]:
    """Check the JSON files of the node: no start ends for one."""
    broken = []
    for path in sorted(
        {*home.root.glob("*.json"), *home.team.glob("*.json")} - {home.outlets, home.carriers}
    ):
        try:
            msgspec.json.decode(path.read_bytes())
        except (OSError, ValueError, RecursionError):
            broken.append(path)
    if broken:
        yield warning(
            "home",
            _("{files} cannot be read").format(files=_named(home, broken)),
            _("nothing: it is set aside at the next start, and begun anew"),
        )
    for aside in home.set_aside():
        remove = _("remove the file that was set aside when you have seen to it")
        yield warning("home", aside, remove)


def configuration(home: Home) -> Iterator[Check]:
    """Check the files that a person or a command wrote."""
    yield _file("settings", home.settings, load_settings)
    yield _file("sources", home.sources, load_sources)
    yield from _libraries(home)
    yield _file("targets", home.targets, load_targets)
    if home.outlets.exists():
        yield _file("outlets", home.outlets, lambda _: outlets(home).load())
    if home.carriers.exists():
        yield _file("carriers", home.carriers, lambda _: carriers(home).load())


def _files(home: Home) -> list[Path]:
    return sorted(
        {
            path
            for pattern in _OURS
            for path in home.root.glob(pattern)
            if path.is_file() and path.name not in _OPERATORS
        }
    )


def _named(home: Home, paths: list[Path]) -> str:
    files = ", ".join(str(path.relative_to(home.root)) for path in paths[:3])
    if len(paths) <= 3:
        return files
    return _("{files} and {count} more").format(files=files, count=len(paths) - 3)


def _file(name: str, path: Path, load: Callable[[Path], object]) -> Check:
    try:
        load(path)
    except DevstreamError as error:
        return problem(name, str(error), _correct(path))
    said = _("{file} is valid") if path.exists() else _("no {file}; the defaults hold")
    return ok(name, said.format(file=path.name))


def _correct(path: Path) -> str:
    example = shared("examples", path.name)
    # What is written by commands has no example.
    if not example.exists():
        out = "devstream carrier add" if path.stem == "carriers" else "devstream out add"
        add = out if path.suffix == ".json" else "devstream source add"
        return _("correct {file}, or remove it and add what was in it again: {command}").format(
            file=path, command=add
        )
    return _("correct {file}; {example} shows what it may hold").format(file=path, example=example)


def _libraries(home: Home) -> Iterator[Check]:
    """Check that the installation has what the home's sources need."""
    try:
        types = {source.type for source in load_sources(home.sources)} - {"git"}
    except DevstreamError:
        return  # said by the check of the file
    missing = missing_libraries() if types else ()
    if missing:
        named = ", ".join(missing)
        absent = _("sources need {libraries}, not installed").format(libraries=named)
        yield problem("libraries", absent, EXTRA)
