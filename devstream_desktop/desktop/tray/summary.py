"""The app's state in one icon and one line, for the tray: how production is, then the node."""

from __future__ import annotations

import time
from collections.abc import Sequence

from devstream_desktop.control.messages.status import Status
from devstream_desktop.control.wording import catching_up
from devstream_desktop.desk.preferences import Icon
from devstream_desktop.desktop.client.state import AppState
from devstream_desktop.desktop.widgets.icons import Mark
from devstream_desktop.desktop.widgets.look import duty_text, since
from devstream_desktop.language import _, ngettext
from devstream_desktop.stream.environment import PRODUCTION, environment_name
from devstream_desktop.stream.line import headline
from devstream_desktop.stream.thing import Thing
from devstream_desktop.stream.words import Kind

_MOST = 99


def mark_and_tooltip(state: AppState, icon: Icon = Icon.WORST) -> tuple[Mark, str]:
    """Return the icon, and the tooltip.

    `Production: shop 5xx over 2 %, 16 min, chen is on it · 1 more red · on duty`, or where nothing
    is red `devstream: TEAM · PERSON: STATE`. `icon` says which things count.
    """
    mark, how = _mark_and_state(state)
    red = counted(state.red, icon)
    new = f" · {unseen_text(len(state.unseen))}" if state.unseen else ""
    # Trouble of the node comes second, unless what is red is out of date for it.
    if red and mark in (Mark.ON_DUTY, Mark.OFF_DUTY, Mark.FAILING):
        unclaimed = any(not thing.claimed_by for thing in red)
        mark = Mark.RED if unclaimed else Mark.RED_CLAIMED
        if not state.on_duty:
            mark = Mark.RED_OFF_DUTY
        return mark, f"{red_text(red)} · {how}{new}"
    if state.status is None:
        return mark, f"devstream: {how}"
    return mark, f"devstream: {header_text(state.status, connected=True)}: {how}{new}"


def _mark_and_state(state: AppState) -> tuple[Mark, str]:
    status = state.status
    # The worst first: what makes the rest of the status out of date or meaningless.
    if not state.connected:
        return Mark.OFFLINE, _("node is starting") if status is None else _("node is restarting")
    if state.locked:
        return Mark.LOCKED, state.locked
    if status is not None and status.notices:
        return Mark.FAILING, status.notices[0]
    mark, duty = (
        (Mark.ON_DUTY if state.on_duty else Mark.OFF_DUTY),
        duty_text(on=state.on_duty, until=state.duty_until),
    )
    if status is not None and status.missing:
        duty = f"{duty}, {catching_up(status)}"
    # Who is off duty wants none.
    if state.popup_trouble and state.on_duty:
        return mark, _("{duty}, but {trouble}").format(duty=duty, trouble=state.popup_trouble)
    return mark, duty


def unseen_text(count: int) -> str:
    """Say how many lines are unseen; nobody counts further than 99."""
    shown = f"{_MOST}+" if count > _MOST else str(count)
    return ngettext("{count} unseen", "{count} unseen", count).format(count=shown)


def more_red_text(count: int) -> str:
    """Say how many things are red beside those that are shown."""
    return ngettext("{count} more red", "{count} more red", count).format(count=count)


def counted(things: Sequence[Thing], icon: Icon) -> list[Thing]:
    """Return the red things that colour the icon; a silent source colours none."""
    red = [thing for thing in things if thing.kind is not Kind.SOURCE]
    if icon is Icon.UNCLAIMED:
        return [thing for thing in red if not thing.claimed_by]
    if icon is Icon.PRODUCTION:
        return [one for one in red if environment_name(one.environment) == PRODUCTION]
    return red


def red_text(red: Sequence[Thing]) -> str:
    """Say the worst of what is red, and count the rest."""
    more = f" · {more_red_text(len(red) - 1)}" if len(red) > 1 else ""
    return f"{thing_text(red[0])}{more}"


def thing_text(thing: Thing) -> str:
    """Say where, what, since when, and who is on it."""
    said = headline(thing.line.event, thing.line.transition)
    age = since(thing.since_ms, int(time.time() * 1000))
    if thing.claimed_by:
        claimed = _("{what}, {age}, {person} is on it")
        return claimed.format(what=said, age=age, person=thing.claimed_by)
    return f"{said}, {age}"


def header_text(status: Status | None, *, connected: bool) -> str:
    """Return `TEAM · PERSON`, and what is wrong with the node."""
    if status is None:
        return "devstream" if connected else " · ".join(("devstream", _("the node is starting")))
    team = _("a team of one") if status.solo else status.team
    how = _("locked") if status.locked else ""
    if not connected:
        how = _("the node is restarting")
    return " · ".join(filter(None, (team, status.person, how)))
