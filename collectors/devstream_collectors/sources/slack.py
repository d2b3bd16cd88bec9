"""Bodies as Slack's incoming webhooks take them: hundreds of tools can post such a body.

`text`, `attachments` and `blocks`, as Mattermost, Rocket.Chat and others take them too. A message
is meant for people, so it is read by its words and its colour. One that says no state, or two that
contradict, makes no line. Sources: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/,
https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments/ and
https://docs.slack.dev/reference/block-kit/blocks/.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from devstream_collectors.contract import (
    Collector,
    Delivery,
    Option,
    SecretPath,
    SourceInfo,
    Token,
    Webhook,
)
from devstream_collectors.kit.alert import Alert, alert_event
from devstream_collectors.kit.branches import USUAL_BRANCHES
from devstream_collectors.kit.decoding import Many, Part, Text, Time, decode, word
from devstream_collectors.kit.deploy import Deploy, deploy_event
from devstream_collectors.kit.outcome import Dropped, tolerant
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.run import Run, run_event
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.words import Kind

KINDS = (Kind.BUILD, Kind.TEST, Kind.DEPLOY, Kind.INCIDENT)
COLLECTOR = Collector(
    title="messages for Slack, Mattermost or Rocket.Chat, of any tool that can post them",
    setup="""\
Where the tool asks for the address of a Slack webhook, paste the address of your receiver with \
the path that is printed. Its messages are read by their words (failed, passed, firing, resolved, \
deployed, is down, is up) and their colour. A message that says no state makes no line. With \
--kind all that it posts is of one kind, whatever its words are.
A field or a tag named Service, Project, Environment, Branch or Commit is read as that.""",
    kinds=KINDS,
    options=(Option("kind", "build, test, deploy or incident (default: by the message's words)"),),
    # Slack's own answer: Alertmanager and Grafana send a message again that has any other.
    webhook=Webhook(auth=(Token(), SecretPath()), answer=(200, "ok")),
)
_MINUTE = 60_000
_LONGEST = 4_000
_ALERT_RED = (
    r"\b(?:firing|triggered|alerting|critical|crash(?:ed|es)|offline|unreachable|unhealthy"
    r"|degraded|outage|(?:is|are|was|went|now) down|down for)\b|(?-i:^DOWN\b|\bDOWN$)|🔴|🚨|🔥"
    r"|:(?:red_circle|rotating_light|fire):"
)
_ALERT_GREEN = (
    r"\b(?:resolved|recovered|healthy|back to normal|(?:is|are|was|now|back) (?:up|ok|online))\b"
    r"|(?-i:^(?:UP|OK)\b|\b(?:UP|OK)$)|🟢|:large_green_circle:"
)
_RUN_RED = (
    r"\b(?:fail(?:ed|ure|s|ing)?|broken|error(?:ed|s)?|aborted|timed out)\b|❌|✗|✘|💥"
    r"|:(?:x|boom|no_entry|broken_heart):"
)
_RUN_GREEN = (
    r"\b(?:succe(?:ss|ssful|ssfully|eded|eds)|pass(?:ed|es)?|fixed|completed|finished|deployed"
    r"|released)\b|✅|✔|💚|:(?:white_check_mark|heavy_check_mark|green_heart|tada):"
)
_RED = re.compile(f"{_ALERT_RED}|{_RUN_RED}", re.IGNORECASE)
_GREEN = re.compile(f"{_ALERT_GREEN}|{_RUN_GREEN}", re.IGNORECASE)
_ALERT = re.compile(f"{_ALERT_RED}|{_ALERT_GREEN}", re.IGNORECASE)
_RUN = re.compile(f"{_RUN_RED}|{_RUN_GREEN}", re.IGNORECASE)
_BEGUN = re.compile(
    r"\b(?:started|starting|queued|pending|running|in progress|building|deploying|waiting)\b",
    re.IGNORECASE,
)
_DEPLOY = re.compile(
    r"\b(?:deploy(?:s|ed|ing|ment|ments)?|roll(?:ed)?[ -]?out|release[ds]?)\b", re.IGNORECASE
)
_TEST = re.compile(r"\b(?:tests?|e2e|specs?|quality gate|coverage)\b", re.IGNORECASE)
_BUILD = re.compile(r"\b(?:builds?|pipelines?|workflows?|jobs?|ci|compil\w+)\b", re.IGNORECASE)
_LINK = re.compile(r"<(https?://[^<|>\s]{1,500})(?:\|([^<>]{0,200}))?>")
_MENTION = re.compile(r"<[@!#][^<>]{0,80}>")
_EMOJI = re.compile(r":[a-z0-9_+-]{2,40}:|[\u2600-\u27bf\U0001f300-\U0001faff\ufe0f]")
_STATUS = re.compile(r"\[[^\]]{0,40}\]")
_TO = re.compile(r"\bto (?:the )?([A-Za-z][\w.-]{1,38})\b")
_PERCENT = re.compile(r"\b\d{1,6}(?:[.,]\d{1,6})? ?%")
_NUMBER = re.compile(r"#(\d{1,12})\b")
_EDGES = " \t.,;:!|–—-*_~`'\""
_AUXILIARY = re.compile(r"(?:^|\s)(?:is|has|was|are|have|been|now|with)\s*$", re.IGNORECASE)
_COLOURS = {"good": "green", "danger": "red", "warning": "amber"}
_FIELDS = {
    "service": ("service", "project", "repository", "repo", "app", "application", "job", "host"),
    "environment": ("environment", "env", "stage", "target"),
    "branch": ("branch", "ref"),
    "revision": ("commit", "revision", "sha", "version"),
    "actor": ("author", "user", "by", "started by", "triggered by", "requested by", "deployer"),
    "number": ("build", "build number", "run", "number"),
}


class Field(msgspec.Struct, frozen=True):
    """A small table's cell under a message."""

    title: Text = ""
    value: Text = ""


class Words(msgspec.Struct, frozen=True):
    """A text of Block Kit."""

    text: Text = ""


class Block(msgspec.Struct, frozen=True):
    """A block: a header, a section or a context."""

    type: Text = ""
    text: Part[Words] = Words()
    fields: Many[Words] = []


class Attachment(msgspec.Struct, frozen=True):
    """A message's coloured part."""

    color: Text = ""
    title: Text = ""
    title_link: Text = ""
    pretext: Text = ""
    text: Text = ""
    fallback: Text = ""
    fields: Many[Field] = []
    blocks: Many[Block] = []
    ts: Time = 0


class Message(msgspec.Struct, frozen=True):
    """The body."""

    text: Text = ""
    username: Text = ""
    attachments: Many[Attachment] = []
    blocks: Many[Block] = []


@dataclass(frozen=True)
class Said:
    """A message's plain words."""

    title: str
    rest: str
    colour: str
    url: str
    fields: dict[str, str]
    time: int

    def field(self, name: str) -> str:
        """Return the value of the first field of that sort."""
        return next((value for one in _FIELDS[name] if (value := self.fields.get(one))), "")


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Event:
    """Read the event of one message."""
    message = decode(delivery.body, Message)
    said = _said(message)
    if not said.title:
        raise Dropped("no-text")
    kind = _kind(said, source.text("kind"))
    state = _state(said)
    place = Place(
        source,
        delivery.received,
        f"slack/{source.name}",
        said.field("service") or message.username,
        USUAL_BRANCHES,
    )
    if state == "begun" and kind is not Kind.DEPLOY:
        raise Dropped("build-not-finished" if kind is not Kind.INCIDENT else "no-state", said.title)
    return _event(said, kind, state, place)


def check(source: SourceInfo) -> None:
    """Check the option `kind`.

    Raises:
        ValueError: it is none.

    """
    if source.text("kind") and source.text("kind") not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}")


def sample(source: SourceInfo, now: int) -> Delivery:
    """Make a message of a build that passed."""
    body = {"text": "devstream-test #1 passed", "attachments": [{"color": "good"}]}
    return Delivery({}, msgspec.json.encode(body), now)


def _event(said: Said, kind: Kind, state: str, place: Place) -> Event:
    name, why = _name(said.title)
    number = _NUMBER.search(said.title)
    # Without a number of its own a message is known by its time: to the minute, for one sent twice.
    run = number[1] if number else str((said.time or place.received) // _MINUTE)
    if kind is Kind.INCIDENT:
        alert = Alert(
            identity=_row(name),
            state={"red": "firing", "amber": "firing", "green": "resolved"}[state],
            name=name,
            environment=said.field("environment"),
            severity="warning" if state == "amber" else "",
            number=_row(name)[:60],
            once=str((said.time or place.received) // _MINUTE),
            changed=said.time,
            reason=why or said.rest,
            url=said.url,
        )
        return alert_event(alert, place)
    if kind is Kind.DEPLOY:
        to = _TO.search(said.title)
        deploy = Deploy(
            # The message of the end is for the row of the start, so that no time is in its id.
            id=number[1] if number else said.field("revision") or "latest",
            state={"begun": "in_progress", "green": "success"}.get(state, "failure"),
            environment=said.field("environment"),
            target=to[1] if to else "",
            once=str((said.time or place.received) // _MINUTE),
            ref=said.field("branch"),
            revision=said.field("revision"),
            actor=said.field("actor"),
            title=_EMOJI.sub("", said.title),
            url=said.url,
            changed=said.time,
        )
        return deploy_event(deploy, place)
    made = run_event(
        Run(
            pipeline=_NUMBER.sub("", name).strip(_EDGES) or "build",
            run=run,
            state="succeeded" if state == "green" else "failed",
            branch=said.field("branch"),
            revision=said.field("revision"),
            actor=said.field("actor"),
            reason=why or said.rest,
            url=said.url,
            changed=said.time,
            kind=kind,
        ),
        place,
    )
    # One webhook may tell of many projects, whose builds have one name.
    return msgspec.structs.replace(made, scope=f"{place.scope}/{place.service}".rstrip("/"))


def _said(message: Message) -> Said:
    texts = [plain for text in _texts(message) if (plain := _plain(text))]
    raw = "\n".join(_texts(message))[:_LONGEST]
    fields = {
        title.strip(_EDGES).lower(): _plain(value)
        for title, value in _fields(message)
        if _plain(value)
    }
    links = [attachment.title_link for attachment in message.attachments if attachment.title_link]
    links += [match[1] for match in _LINK.finditer(raw)]
    lines = [line.strip() for text in texts for line in text.splitlines() if line.strip()]
    colours = [attachment.color for attachment in message.attachments if attachment.color]
    return Said(
        title=lines[0] if lines else "",
        rest=next((line for line in lines[1:] if line != lines[0]), ""),
        colour=_colour(colours[0]) if colours else "",
        url=links[0] if links else "",
        fields=fields,
        time=next((part.ts for part in message.attachments if part.ts), 0),
    )


def _texts(message: Message) -> Iterator[str]:
    yield message.text[:_LONGEST]
    yield from _block_texts(message.blocks)
    for part in message.attachments[:20]:
        for text in (part.pretext, part.title, part.text):
            yield text[:_LONGEST]
        yield from _block_texts(part.blocks)
        # What a client without attachments would show: only where nothing else is said.
        if not (part.pretext or part.title or part.text or part.blocks or message.text):
            yield part.fallback[:_LONGEST]


def _block_texts(blocks: list[Block]) -> Iterator[str]:
    for block in blocks[:50]:
        if block.type in ("header", "section", "markdown"):
            yield block.text.text[:_LONGEST]


def _fields(message: Message) -> Iterator[tuple[str, str]]:
    blocks = [*message.blocks[:50], *(block for a in message.attachments for block in a.blocks)]
    for part in message.attachments[:20]:
        for field in part.fields[:30]:
            yield field.title, field.value
    for block in blocks[:50]:
        for one in block.fields[:30]:
            # `*Branch:*\nmain`, or `*Branch:* main`
            title, _, value = one.text.strip().partition("\n")
            if not value:
                title, _, value = one.text.strip().partition(":")
            yield title.replace("*", "").strip(": "), value.strip("* ")


def _plain(text: str) -> str:
    """Take Slack's markup out of a text."""
    text = _LINK.sub(lambda match: match[2] or "", text)
    text = _MENTION.sub("", text)
    text = re.sub(r"[*`~]", "", html.unescape(text))
    return "\n".join(" ".join(line.split()) for line in text.splitlines())


def _kind(said: Said, wanted: str) -> Kind:
    if wanted in KINDS:
        return Kind(wanted)
    for pattern, kind in ((_DEPLOY, Kind.DEPLOY), (_TEST, Kind.TEST), (_BUILD, Kind.BUILD)):
        if pattern.search(said.title):
            return kind
    if _ALERT.search(said.title):
        return Kind.INCIDENT
    # `nightly backup failed`, `shop #12 passed`: something ran.
    return Kind.BUILD if _RUN.search(said.title) else Kind.INCIDENT


def _state(said: Said) -> str:
    """Judge by the title's words, else the colour, else the rest: red, amber, green, begun.

    Raises:
        Dropped: nothing says so, or two things contradict.

    """
    red, green = bool(_RED.search(said.title)), bool(_GREEN.search(said.title))
    if red and green and said.colour not in ("red", "green"):
        raise Dropped("contradicts-itself", said.title)
    if red != green:
        if (said.colour, red) in (("red", False), ("green", True)):
            raise Dropped("contradicts-itself", f"{said.colour}: {said.title}")
        return ("amber" if said.colour == "amber" else "red") if red else "green"
    if _BEGUN.search(said.title):
        return "begun"
    if said.colour:
        return said.colour
    red, green = bool(_RED.search(said.rest)), bool(_GREEN.search(said.rest))
    if red != green:
        return "red" if red else "green"
    raise Dropped("no-state", said.title)


def _colour(text: str) -> str:
    """Name a colour: red, amber, green, or nothing for any other."""
    name = word(text).lower()
    if name in _COLOURS:
        return _COLOURS[name]
    digits = name.removeprefix("#")
    if not re.fullmatch(r"[0-9a-f]{6}", digits):
        return ""
    red, green, blue = (int(digits[at : at + 2], 16) for at in (0, 2, 4))
    if red > 150 and green > 90 and blue < 100 and red >= green:
        return "amber"
    if red > 120 and red > green + 60 and red > blue + 60:
        return "red"
    if green > 80 and green > red + 30 and green > blue:
        return "green"
    return ""


def _name(title: str) -> tuple[str, str]:
    """Take the words of a state out of a title: its subject, and the reason behind a colon."""
    text = " ".join(_EMOJI.sub(" ", _STATUS.sub(_kept, title)).split())
    head, colon, why = text.partition(": ")
    # `backup failed: disk full`, but not `error: disk full`.
    if colon and (_RED.search(head) or _GREEN.search(head)) and _without_state(head):
        return _without_state(head), why
    return _without_state(text) or title, ""


def _without_state(text: str) -> str:
    text = _BEGUN.sub(" ", _GREEN.sub(" ", _RED.sub(" ", text)))
    for _ in range(3):
        text = _AUXILIARY.sub("", " ".join(text.split()).strip(_EDGES))
    return text.strip(_EDGES)


def _kept(status: re.Match[str]) -> str:
    """Keep what stands in brackets, unless it is a state."""
    said = status[0]
    return " " if _RED.search(said) or _GREEN.search(said) or _BEGUN.search(said) else said


def _row(name: str) -> str:
    return _PERCENT.sub("", _NUMBER.sub("", name)).strip(_EDGES).lower()
