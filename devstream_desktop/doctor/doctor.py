"""Examination of a home and this machine for `devstream doctor`.

A node that runs is asked; else the files are read.

Nothing is changed or made, and nothing can hang: a locked keyring and a stuck node have their
time-outs.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

from devstream_desktop import __version__
from devstream_desktop import address as addresses
from devstream_desktop.control.check import Check
from devstream_desktop.control.client import Client
from devstream_desktop.control.errors import ControlError, NoNodeError
from devstream_desktop.control.messages.status import GetStatus, Status
from devstream_desktop.control.node_words import translated
from devstream_desktop.doctor import home_files, keys, network, storage, team, traffic
from devstream_desktop.doctor.installation import installation
from devstream_desktop.doctor.menu import menu
from devstream_desktop.doctor.popups import popups, tray
from devstream_desktop.doctor.transport import transport
from devstream_desktop.doctor.verdicts import ok, problem, warning
from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home
from devstream_desktop.language import _, english
from devstream_desktop.team import PolicyError, Standing, standing_of

NODE_MS = 8_000


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
        yield from _machine(home, test_popup=test_popup)
        return
    yield from home_files.modes(home)
    kept = [*home_files.kept(home)]
    yield from kept
    yield from home_files.configuration(home)
    status, node = _node(home)
    yield node
    standing, trouble = _standing(home)
    if trouble is not None:
        yield trouble
    if standing is not None:
        yield team.membership(standing)
        yield from keys.vault(home, standing, status)
        yield team.admins(standing)
        yield team.policy(standing, now)
        yield team.certificate(standing, now)
    yield from storage.databases(home)
    history = [*storage.history(home)]
    yield from history
    yield storage.disk(home)
    yield network.clock(now, storage.newest(home), status)
    if status is not None and not status.locked:
        # A team of one has nobody to find, so silence is no trouble.
        alone = status.members == 1 and not status.peers
        yield network.discovery(status, alone=alone)
        listening = network.listening(status, alone=alone, here=_is_here(status.mesh))
        yield listening
        yield from network.peers(status, now, alone=alone)
        yield from traffic.missing(status, now)
        yield from traffic.sources(status, now)
        yield from traffic.outlets(status, now)
        yield from traffic.carriers(status)
        yield from (
            # Each notice says itself what to do.
            problem("node", translated(notice), "")
            for notice in _further(home, status, [*kept, *history, listening])
        )
    yield from _machine(home, test_popup=test_popup)


def _machine(home: Home, *, test_popup: bool) -> Iterator[Check]:
    yield _transport()
    yield from menu(home)
    yield from tray()
    yield from popups(test=test_popup)


def _standing(home: Home) -> tuple[Standing | None, Check | None]:
    """Read who this home is in its team; else the check that says why not."""
    if not (home.team / "team.json").exists():
        return None, problem(
            "team",
            _("this home is in no team yet"),
            _("{create}, or {join}").format(
                create="devstream team create NAME --person YOU",
                join="devstream team join INVITE --person YOU",
            ),
        )
    try:
        return standing_of(home), None
    except (DevstreamError, PolicyError, ValueError, OSError) as error:
        return None, problem(
            "team",
            _("the team's files cannot be used: {reason}").format(reason=error),
            _(
                "restore {folder} from a backup, or join again with a fresh --home and an"
                " invite that an admin makes: {command}"
            ).format(folder=home.team, command="devstream team invite --for PERSON"),
        )


def _further(home: Home, status: Status, checked: list[Check]) -> list[str]:
    """List the node's notices that have no check of their own."""
    said = {status.pruning_suspended, status.policy_trouble, *(check.what for check in checked)}
    # A node speaks English.
    with english():
        said |= {*home.set_aside()}
    return [text for text in status.notices if text not in said]


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
