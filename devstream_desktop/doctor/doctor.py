"""Examination of a home and this machine for `devstream doctor`.

A node that runs is asked; else the files are read.

Nothing is changed or made, and nothing can hang: a locked keyring and a stuck node have their
time-outs.
"""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from devstream_desktop import __version__
from devstream_desktop import address as addresses
from devstream_desktop.control.check import Check
from devstream_desktop.control.client import Client
from devstream_desktop.control.errors import ControlError, NoNodeError
from devstream_desktop.control.messages.status import GetStatus, Status
from devstream_desktop.control.node_words import translated
from devstream_desktop.deploy.targets import load_targets
from devstream_desktop.doctor import checks, files
from devstream_desktop.doctor.checks import ok, problem, warning
from devstream_desktop.doctor.installation import installation
from devstream_desktop.doctor.menu import menu
from devstream_desktop.doctor.popups import popups, tray
from devstream_desktop.doctor.transport import transport
from devstream_desktop.errors import DevstreamError
from devstream_desktop.history.integrity import problems
from devstream_desktop.history.reader import HistoryUnavailableError, Reader
from devstream_desktop.home import Home
from devstream_desktop.intake.config.source_file import load_sources
from devstream_desktop.intake.registry import EXTRA, missing_libraries
from devstream_desktop.keys import (
    DeviceKey,
    ExposedKeyError,
    KeyringError,
    Vault,
    VaultError,
    VaultLockedError,
    key_file,
)
from devstream_desktop.language import _, english, number
from devstream_desktop.mesh.carrier.config import carriers
from devstream_desktop.outlet.config import outlets
from devstream_desktop.settings import load_settings
from devstream_desktop.shared_files import shared
from devstream_desktop.team import PolicyError, Standing, membership, standing_of

KEYRING_S = 6.0
"""Seconds for a keyring. One that waits for a password counts as locked."""
NODE_MS = 8_000
READ_S = 5.0
"""Seconds for reading entries of the history, the newest first."""
DISK_LOW, DISK_OUT = 1_000_000_000, 100_000_000
_OPERATORS = frozenset({"settings.toml", "targets.toml"})
"""Written by a person, and without a secret."""
_OURS = ("*.json", "*.sqlite*", "*.log*", "sources.toml", "key", "team/*", "secrets/**/*")


def examine(home: Home, *, test_popup: bool = False) -> Iterator[Check]:
    """Every check of a home, in the order a person would look.

    `test_popup`: a popup is shown.
    """
    # One moment for all checks.
    now = time.time_ns() // 1_000_000
    yield installation()
    # Nothing else can be looked at, and nothing is made.
    if not home.root.is_dir():
        yield problem(
            "home",
            _("{folder} does not exist").format(folder=home.root),
            _("{devstream}, or {join}, makes it").format(
                devstream="devstream", join="devstream team join INVITE --person YOU"
            ),
        )
        yield _transport()
        yield from menu(home)
        yield from tray()
        yield from popups(test=test_popup)
        return
    yield from _modes(home)
    kept = [*_kept(home)]
    yield from kept
    yield _file("settings", home.settings, load_settings)
    yield _file("sources", home.sources, load_sources)
    yield from _libraries(home)
    yield _file("targets", home.targets, load_targets)
    if home.outlets.exists():
        yield _file("outlets", home.outlets, lambda _: outlets(home).load())
    if home.carriers.exists():
        yield _file("carriers", home.carriers, lambda _: carriers(home).load())
    status, node = _node(home)
    yield node
    standing: Standing | None = None
    if (home.team / "team.json").exists():
        try:
            standing = standing_of(home)
        except (DevstreamError, PolicyError, ValueError, OSError) as error:
            yield problem(
                "team",
                _("the team's files cannot be used: {reason}").format(reason=error),
                _(
                    "restore {folder} from a backup, or join again with a fresh --home and an"
                    " invite that an admin makes: {command}"
                ).format(folder=home.team, command="devstream team invite --for PERSON"),
            )
    else:
        yield problem(
            "team",
            _("this home is in no team yet"),
            _("{create}, or {join}").format(
                create="devstream team create NAME --person YOU",
                join="devstream team join INVITE --person YOU",
            ),
        )
    if standing is not None:
        yield checks.membership(standing)
        yield from _keys(home, standing, status)
        yield checks.admins(standing)
        yield checks.policy(standing, now)
        yield checks.certificate(standing, now)
    yield from files.databases(home)
    history = [*_history(home)]
    yield from history
    yield _disk(home)
    yield checks.clock(now, _newest(home), status)
    if status is not None and not status.locked:
        # A team of one has nobody to find, so silence is no trouble.
        alone = status.members == 1 and not status.peers
        yield checks.discovery(status, alone=alone)
        listening = checks.listening(status, alone=alone, here=_is_here(status.mesh))
        yield listening
        yield from checks.peers(status, now, alone=alone)
        yield from checks.missing(status, now)
        yield from checks.outlets(status, now)
        yield from checks.carriers(status)
        yield from (
            # Each notice says itself what to do.
            problem("node", translated(notice), "")
            for notice in _further(home, status, [*kept, *history, listening])
        )
    yield _transport()
    yield from menu(home)
    yield from tray()
    yield from popups(test=test_popup)


def _further(home: Home, status: Status, checked: list[Check]) -> list[str]:
    """List the node's notices that have no check of their own."""
    said = {status.pruning_suspended, status.policy_trouble, *(check.what for check in checked)}
    # A node speaks English.
    with english():
        said |= {*home.set_aside()}
    return [text for text in status.notices if text not in said]


def _modes(home: Home) -> Iterator[Check]:
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


def _kept(home: Home) -> Iterator[Check]:
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


def _node(home: Home) -> tuple[Status | None, Check]:
    try:
        with Client(home.control_url(), timeout_ms=NODE_MS) as client:
            status = client.ask(GetStatus())
    except NoNodeError:
        return None, warning(
            "node",
            _("no node runs for this home, so nothing comes and nothing leaves"),
            _("{devstream}, or {node}").format(devstream="devstream", node="devstream node"),
        )
    except ControlError as error:
        return None, problem(
            "node",
            str(error),
            _("look at the end of {file}, end the node and start it again").format(file=home.log),
        )
    except DevstreamError as error:
        owner = _("run devstream as the user who owns {folder}").format(folder=home.root)
        return None, problem("node", str(error), owner)
    if status.version != __version__:
        return status, warning(
            "node",
            _("runs version {version}, this is {other}").format(
                version=status.version, other=__version__
            ),
            _("end the node and start it again"),
        )
    return status, ok("node", _("runs, version {version}").format(version=status.version))


def _keys(home: Home, standing: Standing, status: Status | None) -> Iterator[Check]:
    vault, check = _vault(home, standing, status)
    yield check
    if vault is not None:
        yield from files.secrets(vault)


def _vault(home: Home, standing: Standing, status: Status | None) -> tuple[Vault | None, Check]:
    """Open the vault where nobody holds it, and say how that is."""
    given = os.environ.get("DEVSTREAM_KEY_FILE")
    locked = _("locked: {reason}")
    if status is not None and status.locked:
        return None, problem(
            "keys",
            locked.format(reason=translated(status.locked)),
            _("unlock the keyring, and the node goes on by itself"),
        )
    try:
        # The node holds the keys; whether the next start can open them is another question.
        if given and status is not None:
            key_file.read(Path(given).expanduser())
        if status is not None:
            return None, ok("keys", _("open: the node holds them"))
        vault = Vault.look(home, timeout_s=KEYRING_S)
        device = DeviceKey.from_seed(vault.unseal(membership.DEVICE_KEY))
    except VaultLockedError as error:
        return None, problem(
            "keys",
            locked.format(reason=error),
            _("unlock the keyring, or set {variable} as the node has it").format(
                variable="DEVSTREAM_KEY_FILE"
            ),
        )
    except KeyringError as error:
        return None, problem(
            "keys",
            str(error),
            _("start the keyring, or set {variable} as the node has it").format(
                variable="DEVSTREAM_KEY_FILE"
            ),
        )
    except ExposedKeyError as error:
        path = shlex.quote(str(Path(given or home.root / "key").expanduser()))
        return None, problem("keys", str(error), f"chmod 600 {path}")
    except (VaultError, OSError, ValueError) as error:
        return None, problem(
            "keys",
            str(error),
            _restore_home(),
        )
    if device.id != standing.device:
        return None, problem(
            "keys",
            _("the device key is not the one the certificate is for"),
            _restore_home(),
        )
    if given:
        return vault, ok("keys", _("the key file {file} opens them").format(file=given))
    return vault, ok("keys", _("the keyring opens them"))


def _restore_home() -> str:
    return _(
        "restore the home with its key from a backup, or join again with a fresh --home and an"
        " invite that an admin makes: {command}"
    ).format(command="devstream team invite --for PERSON")


def _history(home: Home) -> Iterator[Check]:
    if not home.history.exists():
        yield ok("history", _("none yet"))
        return
    found = problems(home.history)
    for sentence in found:
        yield problem(
            "history",
            sentence,
            _("end the node and start it: it keeps what can be read, and peers give the rest"),
        )
    # A damaged file gives false answers to the checks below.
    if found:
        return
    try:
        with Reader(home.history) as reader:
            reader.span()
            troubles = reader.troubles(READ_S)
    except HistoryUnavailableError as error:
        yield problem(
            "history",
            str(error),
            _("start devstream of the version that wrote it, or of a later one"),
        )
    else:
        size = sum(path.stat().st_size for path in home.root.glob(f"{home.history.name}*"))
        yield ok("history", _("whole, {size} MB").format(size=number(size / 1e6, 1)))
        advice = _("nothing: a device that has it whole gives it again, once it is linked")
        yield from (warning("history", sentence, advice) for sentence in troubles)


def _newest(home: Home) -> int:
    try:
        with Reader(home.history) as reader:
            return reader.span()[1]
    except HistoryUnavailableError:
        return 0


def _disk(home: Home) -> Check:
    free = shutil.disk_usage(home.root).free
    size = number(free / 1e9, 1)
    what = _("{size} GB free").format(size=size)
    space = _("free some space where {folder} is").format(folder=home.root)
    if free < DISK_OUT:
        soon = _("{size} GB free: events cannot be stored soon").format(size=size)
        return problem("disk", soon, space)
    return warning("disk", what, space) if free < DISK_LOW else ok("disk", what)


def _is_here(address: str) -> bool:
    """Tell whether an address can be bound on this machine now."""
    host = addresses.split(address)[0]
    with socket.socket(
        socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM
    ) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
    return True


def _transport() -> Check:
    try:
        return ok("transport", transport())
    except DevstreamError as error:
        return problem(
            "transport",
            str(error),
            _("install devstream again: {command}").format(
                command="pip install --force-reinstall devstream"
            ),
        )
