"""The team and the history of a home, opened for its node.

A first start founds a team of one. The history is whole when it is opened, and the team's own.
"""

from __future__ import annotations

import logging

from devstream_desktop.history.database import team_of
from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.log import History
from devstream_desktop.history.repair import open_sound
from devstream_desktop.home import Home
from devstream_desktop.keys import Vault, verify
from devstream_desktop.node import enrolment
from devstream_desktop.node.membership import Membership
from devstream_desktop.node.options import Options
from devstream_desktop.team import NoTeamError, Team, ends

_log = logging.getLogger(__name__)


def open_team(home: Home, vault: Vault, options: Options) -> Team:
    """Open the team of this home; found one of one device where `options` want it.

    Raises:
        NoTeamError: this home belongs to no team.

    """
    try:
        return Team.load(home, vault)
    except NoTeamError:
        if not options.solo:
            raise
    team = enrolment.found_solo(home, vault)
    if options.follow is not None:
        # The list of sources brings the collectors along; most nodes have none.
        from devstream_desktop.node import source_list

        source_list.follow_repository(home, options.follow)
    return team


def open_history(home: Home, team: Team) -> tuple[History, str]:
    """Open the history of this home, mended where it had to be.

    Returns a sentence then. The history of another team is set aside.

    Raises:
        HistoryError: it is from a newer version, or the disk is full.

    """
    earlier = team_of(home.history)
    if earlier and earlier != team.id:
        _set_history_aside(home, earlier)
    mirror = FeedMirror(home.feed_mirror)
    # Asked of what a damaged file holds.
    refusal = Membership(team).refusal
    history, mended = open_sound(home.history, mirror, team.device.public, team.id, verify, refusal)
    policy, told = team.chain.current, ""
    if mended is not None:
        told = mended.sentence(alone=len(policy.persons) == 1)
        _log.warning("%s", told)
    history.follow(policy.persons, ends(policy))
    return history, told


def _set_history_aside(home: Home, label: str) -> None:
    """Keep the history of a team that this home has left.

    Its events are signed for that team and mean nothing here.
    """
    for suffix in ("", "-wal", "-shm"):
        file = home.history.with_name(home.history.name + suffix)
        if file.exists():
            file.replace(home.root / f"history-{label}.sqlite{suffix}")
    home.feed_mirror.unlink(missing_ok=True)
