"""The actions of the deploy dialog, and the words of each."""

from __future__ import annotations

from devstream_desktop.control.messages.deploys import TargetStatus
from devstream_desktop.desktop.widgets.plain import button_text
from devstream_desktop.language import N_, _, ngettext

PROMOTE = "promote"
"""Action of a dialog: deploy the commit of the environment before."""
_VERBS = {"": N_("&Deploy"), "rollback": N_("&Roll back"), PROMOTE: N_("&Promote")}
_NAMES = {
    "": N_("Deploy {target} to {environment}"),
    "rollback": N_("Roll back {target} in {environment}"),
    PROMOTE: N_("Promote {target} to {environment}"),
}
_MEANT = {
    "": N_("a branch, a tag, or a commit's hash"),
    "rollback": N_("the last good commit"),
    PROMOTE: N_("what runs on the environment before"),
}


def name(place: TargetStatus, action: str) -> str:
    """Return the name of an action in a place, uncleaned."""
    return _(_NAMES[action]).format(target=place.target, environment=place.environment)


def verb(action: str) -> str:
    """Return the text of its button while there is no plan."""
    return _(_VERBS[action])


def counted_verb(place: TargetStatus, action: str, count: int) -> str:
    """Return the text of its button where `count` commits ship."""
    if not count:
        return f"&{button_text(name(place, action))}"
    if action == "rollback":
        text = ngettext("&Roll back {count} commit", "&Roll back {count} commits", count)
    elif action == PROMOTE:
        text = ngettext("&Promote {count} commit", "&Promote {count} commits", count)
    else:
        text = ngettext("&Deploy {count} commit", "&Deploy {count} commits", count)
    return text.format(count=count)


def meant(action: str) -> str:
    """Return the commit that is meant where none is named."""
    return _(_MEANT[action])
