"""The cells of the board in words."""

from __future__ import annotations

import time

import msgspec

from devstream_desktop.desktop.widgets.look import StateLook, since, state_look
from devstream_desktop.desktop.widgets.marks import Shape
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.language import _, ngettext, pgettext
from devstream_desktop.stream.line import brief
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.text import clean, short_revision
from devstream_desktop.stream.thing import Cell, Thing, counted_changes
from devstream_desktop.stream.words import Kind


class Part(msgspec.Struct, frozen=True):
    """A piece of a line in a cell: a mark, text, or both."""

    text: str
    tone: Tone = Tone.MUTED
    bold: bool = False
    look: StateLook | None = None


class CellText(msgspec.Struct, frozen=True):
    """Two lines of a cell; `red` tints it."""

    first: tuple[Part, ...] = ()
    second: tuple[Part, ...] = ()
    red: bool = False

    @property
    def spoken(self) -> str:
        """The cell in one sentence."""
        parts = (*self.first, *self.second)
        words = (f"{one.look.word} {one.text}" if one.look else one.text for one in parts)
        return ", ".join(word.strip() for word in words if word.strip())


def cell_text(cell: Cell | None) -> CellText:
    """Return what runs in a place and how it is; empty for a place nothing is known of."""
    if cell is None:
        return CellText()
    first = _runs(cell)
    # What is red has the second line, where no revision takes its room.
    second: list[Part] = []
    if cell.deploy is not None and cell.deploy.red:
        second.append(_red(cell.deploy))
    second += [_red(thing) for thing in cell.red[:1]]
    if len(cell.red) > 1:
        more = _("and {count} more").format(count=len(cell.red) - 1)
        second.append(Part(more, Tone.RED))
    claimed = next((thing.claimed_by for thing in cell.red if thing.claimed_by), "")
    if claimed:
        said = pgettext("short", "{person} is on it").format(person=clean(claimed))
        second.append(Part(said, Tone.ACCENT))
    if cell.lock is not None:
        who, why = clean(cell.lock.event.actor), clean(cell.lock.event.reason, 40)
        locked = StateLook(Shape.LOCKED, _("locked"), Tone.AMBER)
        second.append(Part(f"{who}: {why}" if why else who, Tone.AMBER, look=locked))
    if cell.test is not None:
        look = state_look(cell.test)
        second.append(Part(brief(cell.test.event, cell.test.transition), look=look))
    red = bool(cell.red) or (cell.deploy is not None and cell.deploy.red)
    return CellText(tuple(first), tuple(second), red=red)


def _runs(cell: Cell) -> list[Part]:
    """Return what is being deployed there, and what runs."""
    parts: list[Part] = []
    moving = cell.deploy.moving if cell.deploy is not None else None
    if moving is not None:
        what = short_revision(moving.event.revision)
        parts.append(Part(what, Tone.BLUE, bold=True, look=state_look(moving)))
        said = _("{person} is deploying").format(person=clean(moving.event.actor))
        parts.append(Part(said))
    if cell.running is not None:
        running = short_revision(cell.running.revision) or "?"
        if moving is not None:
            return [*parts, Part(_("was {revision}").format(revision=running))]
        parts.append(Part(running, Tone.PLAIN, bold=True))
        parts.append(Part(_who_and_when(cell.running.deploy)))
    return parts


def waiting_text(cell: Cell | None) -> CellText:
    """Return how many changes wait for a place."""
    if cell is None or cell.running is None:
        return CellText()
    if not cell.waiting:
        return CellText((Part(_("nothing waits")),))
    some = ngettext("{count} change", "{count} changes", cell.waiting)
    some = some.format(count=counted_changes(cell.waiting))
    first = [Part(some, Tone.PLAIN, bold=True)]
    if cell.mine:
        first.append(Part(_("{count} yours").format(count=cell.mine), Tone.ACCENT))
    return CellText(tuple(first))


def service_text(name: str, cells: list[Cell]) -> CellText:
    """Return a service with the mark of its worst thing."""
    red = [thing for cell in cells for thing in cell.red]
    red += [cell.deploy for cell in cells if cell.deploy is not None and cell.deploy.red]
    worst = max(red, key=lambda thing: thing.severity, default=None)
    look = state_look(worst.line) if worst is not None else None
    return CellText((Part(clean(name), Tone.PLAIN, bold=True, look=look),))


def _red(thing: Thing) -> Part:
    event = thing.line.event
    said = clean(event.title, 40) if event.kind is Kind.INCIDENT else _("deploy failed")
    return Part(said, Tone.RED, bold=True, look=state_look(thing.line))


def _who_and_when(line: Line) -> str:
    age = since(line.event.time, int(time.time() * 1000))
    return f"{clean(line.event.actor)} · {age}" if line.event.actor else age
