"""Names of the home's person, for what is theirs."""

from __future__ import annotations

from devstream_desktop.desk.preferences import load_preferences
from devstream_desktop.home import Home
from devstream_desktop.team_file import read_team_file


def own_names(home: Home) -> frozenset[str]:
    """Return the person's names of team and `desk.toml`, folded.

    The window has the same. Without a team, as in a copy of a history, it is the latter alone.

    Raises:
        PreferencesError: `desk.toml` has a mistake.
    """
    names = (_person(home), *load_preferences(home.preferences).names)
    return frozenset(name.casefold() for name in names if name)


def _person(home: Home) -> str:
    try:
        return read_team_file(home).person
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, RecursionError):
        # Late, because it takes the team's libraries: its policy names the person as well.
        from devstream_desktop.node.home_status import status_of_files

        return status_of_files(home).person
