"""Checks of a home's databases, and of the disk under them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from devstream_desktop import sqlite_file
from devstream_desktop.control.check import Check
from devstream_desktop.control.node_words import translated
from devstream_desktop.deploy import database
from devstream_desktop.doctor.verdicts import ok, problem, warning
from devstream_desktop.history.integrity import problems
from devstream_desktop.history.reader import HistoryUnavailableError, Reader
from devstream_desktop.home import Home
from devstream_desktop.intake import store
from devstream_desktop.language import _, number

READ_S = 5.0
"""Seconds for reading entries of the history, the newest first."""
DISK_LOW, DISK_OUT = 1_000_000_000, 100_000_000
"""Free bytes below which it is said."""


def databases(home: Home) -> Iterator[Check]:
    """Check the executor's and the collector's databases."""
    aside = sqlite_file.asides(home.deploy)
    if aside:
        yield problem(
            "deploys",
            database.lost(aside[-1]),
            _("remove {file} when nothing of it runs any more").format(file=aside[-1]),
        )
    elif damage := sqlite_file.damage(home.deploy, database.VERSION, database.TABLES):
        yield problem(
            "deploys",
            _(
                "{file} is damaged ({damage}): the next start sets it aside, and deploys nothing"
                " until you have removed that file"
            ).format(file=home.deploy.name, damage=damage),
            _(
                "see that nothing still runs of what was deployed from here ({folder}), then start"
                " the node"
            ).format(folder=home.root / "deploy-logs"),
        )
    elif home.deploy.exists():
        yield ok("deploys", _("{file} is whole").format(file=home.deploy.name))
    if damage := sqlite_file.damage(home.intake, store.VERSION, store.TABLES):
        yield problem(
            "intake",
            _(
                "{file} is damaged ({damage}): the next start keeps what can be read; a delivery"
                " that waits in it may be lost"
            ).format(file=home.intake.name, damage=damage),
            _("start the node again"),
        )
    elif home.intake.exists():
        yield ok("intake", _("{file} is whole").format(file=home.intake.name))


def history(home: Home) -> Iterator[Check]:
    """Check that the history can be read, its newest entries first."""
    if not home.history.exists():
        yield ok("history", _("none yet"))
        return
    found = problems(home.history)
    for sentence in found:
        yield problem(
            "history",
            translated(sentence),
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
        yield from (warning("history", translated(sentence), advice) for sentence in troubles)


def newest(home: Home) -> int:
    """Return the time of the newest event, UTC milliseconds; 0 for none."""
    try:
        with Reader(home.history) as reader:
            return reader.span()[1]
    except HistoryUnavailableError:
        return 0


def disk(home: Home) -> Check:
    """Check that there is room for more."""
    free = shutil.disk_usage(home.root).free
    size = number(free / 1e9, 1)
    what = _("{size} GB free").format(size=size)
    space = _("free some space where {folder} is").format(folder=home.root)
    if free < DISK_OUT:
        soon = _("{size} GB free: events cannot be stored soon").format(size=size)
        return problem("disk", soon, space)
    return warning("disk", what, space) if free < DISK_LOW else ok("disk", what)
