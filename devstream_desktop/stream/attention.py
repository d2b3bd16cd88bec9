"""Attention: a line pops up, goes into a digest or stays quiet, and always why.

Pure: the desk passes in what it knows and the time. First comes what no rule can change, then the
desk's own rules (rules.py), each a reason a person can read. Bursts are counted over
`BURST_WINDOW`: what is over the limit goes into one digest instead of many popups.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime

import msgspec

from devstream_desktop.language import N_, _, places_in
from devstream_desktop.stream.fact import AuthorClass, author_class, is_note, topic_of
from devstream_desktop.stream.rules import (
    DEFAULT,
    Attention,
    Rule,
    first,
    is_mine,
    is_repeat,
    rule_title,
)
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.words import (
    DEPLOY_FINAL,
    GREEN_STATES,
    RED_STATES,
    Kind,
    Severity,
    Transition,
)

FRESH = 120_000
"""Milliseconds after which news is history.

Nothing older pops up, so a laptop that wakes up is not flooded.
"""
BURST_WINDOW = 10_000
BURST_LIMIT = 3
"""Popups in one window before the rest become a digest (docs/architecture.md, Attention)."""
_REMEMBERED = 2_000
"""Broken things whose severity is remembered; the oldest beyond them go."""
_ANSWERS = frozenset({"approved", "locked", "unlocked", "accepted"})
"""Answers to a command; whoever gave it sees them where it was given."""
_DAY = 86_400_000
_OWN_ACTS = frozenset({Kind.DEPLOY, Kind.DUTY, Kind.CLAIM})
_TALKATIVE = N_("{person} said more than {count} things within a minute")
_BURST = N_("more than {count} popups in {seconds} seconds, so it went into one digest")
_RULE = N_("rule {number}, {name}")
WORDS_WINDOW = 60_000
"""Window for one member's own words, which must not silence other news."""


class Desk(msgspec.Struct, frozen=True):
    """Facts about a desk that the rules need."""

    person: str
    on_duty: bool
    watching: bool = False
    """The history window is open and active: a popup would repeat it."""
    snoozed: bool = False
    """Popups wait; nothing that happens meanwhile pops up later."""
    rules: tuple[Rule, ...] = DEFAULT
    aliases: tuple[str, ...] = ()
    """Other names of the person: what git and the forges call them."""

    @property
    def names(self) -> frozenset[str]:
        return frozenset(name.casefold() for name in (self.person, *self.aliases) if name)


class Known(msgspec.Struct, frozen=True):
    """Memory of a desk about a line's thing."""

    shown_red: bool = False
    """A popup said that it broke, none that it is over."""
    muted: bool = False
    worse: bool = False
    """The thing was broken before, and less severely."""


_NOTHING = Known()


class Decision(msgspec.Struct, frozen=True):
    """Verdict on one line, and the reason in words."""

    attention: Attention
    reason: str
    """In English, as it is kept; `reason_text` says it in the desk's language."""
    urgent: bool = False
    rule: int | None = None
    """Place, from 0, of the rule that decided; None where no rule could."""


class Recent(msgspec.Struct):
    """The popups of the last moments; the only state, owned by the caller."""

    shown: list[int] = msgspec.field(default_factory=list)
    words: list[int] = msgspec.field(default_factory=list)
    """Popups of members' own words. They leave the limit of everything else untouched."""
    by_device: dict[str, list[int]] = msgspec.field(default_factory=dict)
    """The same, by who said it."""


def decide(line: Line, desk: Desk, recent: Recent, now: int, known: Known = _NOTHING) -> Decision:
    """Decide about `line` on `desk` at `now` (UTC milliseconds)."""
    decision = _wanted(line, desk, now, known)
    if decision.attention is not Attention.POPUP:
        return decision
    member = author_class(line.event.kind, line.event.state) is AuthorClass.MEMBER
    # Urgent words as well: a member chooses whom to ask to take over, and how often.
    if member and not _has_a_word(line.device, recent, now):
        return _quiet(_TALKATIVE.format(person=line.author, count=BURST_LIMIT))
    if decision.urgent:
        return decision
    # What one member says counts for itself, so that no talk hides a failed deploy.
    shown = recent.words if member else recent.shown
    # In place: the list belongs to the desk.
    shown[:] = [at for at in shown if now - at < BURST_WINDOW]
    if len(shown) >= BURST_LIMIT:
        return Decision(
            Attention.DIGEST,
            _BURST.format(count=BURST_LIMIT, seconds=BURST_WINDOW // 1000),
            rule=decision.rule,
        )
    shown.append(now)
    return decision


def _has_a_word(device: str, recent: Recent, now: int) -> bool:
    """Count a member's word, and tell whether it may still pop up."""
    fresh = {
        other: [at for at in said if now - at < WORDS_WINDOW]
        for other, said in recent.by_device.items()
    }
    recent.by_device = {other: said for other, said in fresh.items() if said}
    said = recent.by_device.setdefault(device, [])
    if len(said) < BURST_LIMIT:
        said.append(now)
        return True
    return False


def reason_text(reason: str) -> str:
    """Say a reason, which is kept in English, in the desk's language."""
    for form in (_TALKATIVE, _BURST, _RULE):
        if (places := places_in(form, reason)) is not None:
            if form is _RULE:
                places["name"] = rule_title(places["name"])
            return _(form).format(**places)
    return _(reason)


def popup_key(line: Line) -> str:
    """Return the key of the popup that a line replaces: the last one of its subject.

    A claim is about the subject of somebody else, and must not hide the alert that it claims.
    """
    event = line.event
    by = event.actor if author_class(event.kind, event.state) is AuthorClass.MEMBER else ""
    return f"{event.kind} {topic_of(event)} {by}".rstrip()


_GLASS = frozenset({(Kind.DEPLOY, "queued"), (Kind.DEPLOY, "in_progress")})


def is_believed(line: Line) -> bool:
    """Tell whether a line said how its thing was when it came."""
    return not line.struck and line.transition is not Transition.OUTDATED


def is_end(line: Line) -> bool:
    """Tell whether a line is a believed end of something broken."""
    return is_believed(line) and (line.event.kind, line.event.state) in GREEN_STATES


class Severities:
    """Severity of each broken thing, to notice one that gets worse."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Severity] = OrderedDict()

    def know(self, lines: Iterable[Line]) -> None:
        """Take the last lines of things of which nothing is known yet."""
        for line in lines:
            if popup_key(line) not in self._known:
                self.rises(line)

    def rises(self, line: Line) -> bool:
        """Take a thing's next line, and tell whether it got worse."""
        if not is_believed(line):
            return False
        key = popup_key(line)
        if is_end(line):
            self._known.pop(key, None)
        if (line.event.kind, line.event.state) not in RED_STATES:
            return False
        before = self._known.pop(key, None)
        self._known[key] = line.severity
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return before is not None and line.severity > before


def _wanted(line: Line, desk: Desk, now: int, known: Known) -> Decision:
    event = line.event
    # Who was told that it broke is told that it is over, however late and whatever the rules say.
    over = known.shown_red and is_end(line)
    own = is_mine(event, desk.names)
    own_result = (
        own
        and event.kind is Kind.DEPLOY
        and bool(event.request)
        and event.state in DEPLOY_FINAL - _ANSWERS
    )
    # Not by the time of the event: an alert that fired unheard for two hours is news.
    if now - line.received > FRESH and not over:
        return _quiet(N_("it was history when it came here"))
    # Anybody may have written it.
    if line.struck:
        return _quiet(N_("its device was revoked"))
    if line.transition is Transition.OUTDATED:
        return _quiet(N_("something newer was reported before"))
    if event.quiet and not over:
        return _quiet(N_("its source filled in history"))
    # Whoever deployed waits for this, on duty or not.
    if own_result:
        return Decision(Attention.POPUP, N_("it is the result of your own deploy"), urgent=True)
    # Rules that were set aside are told to everybody, once the executor has judged: when it begins,
    # and before, where it has to wait for its turn. What it refuses set no rule aside.
    if event.override and (event.kind, event.state) in _GLASS and not own:
        return Decision(Attention.POPUP, N_("somebody broke the glass to deploy"), urgent=True)
    if not desk.on_duty:
        return _quiet(N_("you are off duty"))
    if desk.snoozed:
        return _quiet(N_("you snoozed popups"))
    if desk.watching:
        return _quiet(N_("the history window shows it"))
    if over:
        return Decision(Attention.POPUP, N_("you were shown that it broke"), urgent=True)
    if known.muted:
        return _quiet(N_("you muted it"))
    if own and event.state == "locked" and event.duration:
        return Decision(Attention.POPUP, N_("your lock is old"))
    # A person needs no popup for what they have just done. A join or its end is about them, and
    # done by others: a device that was added in their name is news to them most of all.
    if own and (event.kind in _OWN_ACTS or (event.kind is Kind.TEAM and event.state == "policy")):
        return _quiet(N_("it is your own act"))
    if event.state == "locked" and 0 < event.duration < _DAY:
        return _quiet(N_("whoever holds an old lock is reminded"))
    # A person is told of a change once; what goes on is in the list. A warning that has become
    # critical is a change.
    if is_repeat(line) and not known.worse:
        return _quiet(N_("it changes nothing"))
    if is_note(event) and event.about.casefold() in desk.names:
        return Decision(Attention.POPUP, N_("you are asked to take over"), urgent=True)
    return _ruled(line, desk, now)


def _ruled(line: Line, desk: Desk, now: int) -> Decision:
    at = datetime.fromtimestamp(now / 1000).astimezone()
    rule = first(desk.rules, line, desk.names, at)
    if rule is None:
        return _quiet(N_("no rule speaks of it"))
    place = desk.rules.index(rule)
    return Decision(rule.then, _RULE.format(number=place + 1, name=rule.name), rule.urgent, place)


def _quiet(reason: str) -> Decision:
    return Decision(Attention.QUIET, reason)
