"""Three hundred hostile texts through every place that shows text from outside.

Popup, list, details, tooltip, menu, terminal, log.
"""

from __future__ import annotations

import logging
import sys
import unicodedata

import pytest
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QLabel, QMenu

from devstream_desktop.cli.lines import print_line
from devstream_desktop.cli.status import describe
from devstream_desktop.control.messages.status import RefusedStatus, Status
from devstream_desktop.desktop.platform.web_links import safe_link
from devstream_desktop.desktop.popups.dbus import DBusNotifier
from devstream_desktop.desktop.popups.notifier import Notice
from devstream_desktop.desktop.popups.popups import line_notice
from devstream_desktop.desktop.tray.tray import Tray
from devstream_desktop.desktop.widgets.icons import Mark
from devstream_desktop.desktop.widgets.plain import menu_text, popup_text
from devstream_desktop.desktop.windows.history.details import About, Details
from devstream_desktop.desktop.windows.history.items import Pinned, Row
from devstream_desktop.desktop.windows.history.model import StreamModel
from devstream_desktop.desktop.windows.history.spoken import red_more, red_title
from devstream_desktop.home import Home
from devstream_desktop.node.log_file import start_logging
from devstream_desktop.stream.event import Event, fact_key
from devstream_desktop.stream.line import (
    BRIEF_WIDTH,
    LIST_WIDTH,
    POPUP_WIDTH,
    brief,
    headline,
    markdown,
)
from devstream_desktop.stream.subject import Line, Tone
from devstream_desktop.stream.thing import Thing
from devstream_desktop.stream.words import Kind, Severity, Transition

MARKUP = [
    "<b>x</b>", "<img src=/etc/passwd>", "<img src='http://evil.example/x'>",
    "<img src=//host/share>", "<a href='file:///'>x</a>",
    "<span style='font-size:40px'>PROD DEPLOY SUCCEEDED</span>", "<table><tr><td>x", "<!--", "]]>",
    "<script>alert(1)</script>", "<svg/onload=x>",
    "&lt;b&gt;", "&amp;", "&#x202e;", "&", "a & b", "&File", "<<<>>>", "<br/>line",
    "<qt>rich</qt>", "<html><body>", "<style>*{}</style>",
    "![x](http://evil.example)", "[x](javascript:alert(1))", "**bold**", "`x`", "{{7*7}}", "${jndi:ldap://x}",
    "%s%n%x", "{0.__class__}", "\\n\\x1b",
]  # fmt: skip
ESCAPES = [
    "\x1b[31mred", "\x1b[2J", "\x1b]0;title\x07", "\x1b]8;;http://evil.example\x1b\\link",
    "\x1b[1A\x1b[2K", "\x9b31m",
    "\x1b[?1049h", "\x1bc",
    "\x1b]52;c;cm0gLXJm\x07", "\x08\x08\x08ok", "\r overwritten", "a\rb", "x\x1b[8mhidden",
]  # fmt: skip
LINES = [
    "\n2024-01-01 00:00:00 INFO devstream ana approved it",
    "a\r\nb", "a\x0bb", "a\x0cb", "a\x85b", "a\u2028b",
    "a\u2029b", "\n\n\n", "a\n" * 50,
]  # fmt: skip
NAMES = [
    "user\u202egnp.exe",
    "аdmin",
    "admin\u200b",
    "ａｄｍｉｎ",
    "\u2066x\u2069",
    "ana\u034f",
    "İ",
    "ﬁx",
    "Ⅷ",
    "𝒶𝒹𝓂𝒾𝓃",
    "o\u0308" * 10,
]
PILES = [
    "e" + "\u0335" * 50,
    "".join(chr(0x300 + n) for n in range(100)),
    "x" + "\u20dd" * 9,
    "\u0e01" + "\u0e49" * 30,
]
URLS = [
    "file:///etc/passwd", "smb://h/s", "\\\\h\\s", "javascript:1", "data:text/html,x",
    "ms-settings:x", "http://a@b/",
    "https://", "vbscript:x",
    "https://xn--e1afmkfd.example/", "HTTPS://EXAMPLE.ORG", "http://[::1]/", "http:///x", "//x",
    "mailto:x", "tel:1",
    "ftp://x", "about:blank",
]  # fmt: skip
SIZES = [
    "x" * 1_000_000,
    "<b>" * 100_000,
    "\u202e" * 100_000,
    "e\u0301" * 50_000,
    "漢" * 10_000,
    " " * 100_000,
    "\t" * 1000,
    "",
]
CONTROLS = [f"a{chr(n)}b" for n in (*range(32), *range(0x7F, 0xA0))]
FORMATS = [
    f"a{chr(n)}b"
    for n in (
        0xAD, 0x61C, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x2030), *range(0x2060,
        0x2070), 0xFEFF, *range(0xFFF9, 0xFFFC),
        *range(0xE0020, 0xE0040), 0xE0001, 0xD800, 0xDFFF, 0xE000, 0xF8FF, 0x10FFFF, 0xFFFE,
        0x0378, 0xFDD0, 0xF0000,
    0x115F, 0x3164, 0xFE0F,
    )
]  # fmt: skip
TEXTS = [*MARKUP, *ESCAPES, *LINES, *NAMES, *PILES, *URLS, *SIZES, *CONTROLS, *FORMATS]
TEXTS += [f"{a}{b}" for a in MARKUP[:8] for b in (*ESCAPES[:5], *NAMES[:3], *PILES[:1])]
CORPUS = list(dict.fromkeys(TEXTS))
FORBIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def plain(text: str, limit: int) -> None:
    wrong = {unicodedata.category(character) for character in text} & FORBIDDEN
    assert not wrong, ascii(text[:80])
    assert len(text) <= limit


def stored(text: str, number: int = 1) -> Line:
    """A row as another version, or a spoilt database, may have it: nothing in it was cleaned."""
    event = Event(
        kind=Kind.BUILD, state="failed", service=f"s{text}", subject=f"x{text}",
        key=fact_key("t", Kind.BUILD, str(number)), time=1,
        severity=Severity.ERROR, environment=text, ref=f"refs/heads/{text}", actor=text,
        title=text, url=text, source=text, reason=text,
        number=text,
    )  # fmt: skip
    return Line(
        id=number, arrival=number, event=event, entry="e", received=1, device="d", author=text,
        transition=Transition.FAILED,
        superseded=False,
    )  # fmt: skip


def test_there_are_three_hundred() -> None:
    assert len(CORPUS) >= 300


class Bus(QObject):
    """A bus whose notification server keeps what it gets, and numbers it."""

    heard = Signal(str, str, object)
    calls = 0

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple] = []

    def listen(self, **_) -> None:
        """Nothing is heard here."""

    def call(self, _server, member, _signature="", body=(), *, answer, **_more) -> None:
        if member == "Notify":
            self.sent.append(body)
            answer((len(self.sent),))


def test_popups(qapp) -> None:
    bus = Bus()
    notifier = DBusNotifier(bus)
    for number, text in enumerate(CORPUS):
        notice = line_notice(stored(text, number), urgent=True)
        notifier.show_notice(notice)
        notifier.show_notice(Notice("digest", text, text))
        _, _, _, summary, body, *_ = bus.sent[-2]
        for shown in (summary, body, *bus.sent[-1][3:5]):
            plain(shown, 200)
            assert not set("<>&") & set(shown)
        assert len(body) <= 140 + 1
        names = [name for name, _ in notice.actions]
        assert ("open" in names) == bool(safe_link(text))


def test_the_list(qapp) -> None:
    class Rows:
        def page(self, *_: object, before=None, **__: object) -> list[Line]:
            return [] if before else [stored(text, number) for number, text in enumerate(CORPUS)]

        def ask(self, question, take, **_: object) -> None:
            take(question(self))

    model = StreamModel(Rows())
    model.reload()
    items = [model.item(row) for row in range(model.rowCount())]
    assert {line.id for line in model.lines} == set(range(len(CORPUS)))
    for row, item in enumerate(items):
        said = model.index(row).data(Qt.ItemDataRole.AccessibleTextRole)
        # Each step of a thing adds its few words.
        steps = len(item.lines) if isinstance(item, Row) else 0
        plain(said, 3 * LIST_WIDTH + steps * (BRIEF_WIDTH + 2))


def test_steps_and_what_is_red() -> None:
    for number, text in enumerate(CORPUS):
        line = stored(text, number)
        plain(brief(line.event, line.transition), BRIEF_WIDTH)
        plain(headline(line.event, line.transition), POPUP_WIDTH)
        plain(red_title(Thing(1, Tone.OPEN, line, line)), POPUP_WIDTH + LIST_WIDTH)
        plain(red_more(Pinned(Thing(1, Tone.OPEN, line, line, suspect=line))), 4 * LIST_WIDTH)


def test_markdown_of_a_row_is_only_its_text_and_its_link() -> None:
    for number, text in enumerate(CORPUS):
        said = markdown(stored(text, number))
        plain(said, 4 * LIST_WIDTH + 2000)
        assert "](" not in said.partition("](")[2]


def test_the_details(qtbot) -> None:
    details = Details()
    qtbot.addWidget(details)
    short = [
        text for text in CORPUS if len(text) < 1000
    ]  # the same characters are in them; Qt takes a second to lay out a long one
    for number, text in enumerate([*MARKUP, *short[:: len(short) // 60]]):
        details.show_line(
            stored(text, number), About(past=(stored(text, number + 1),), why="No popup: a test.")
        )
        for label in details.findChildren(QLabel):
            assert label.textFormat() is Qt.TextFormat.PlainText
            plain(label.text().replace("\n", " "), 520)


def test_tooltip_and_menu(qapp) -> None:
    menu = QMenu()
    tray = Tray(menu)
    action = menu.addAction("")
    for text in CORPUS:
        tray.show_state(Mark.ON_DUTY, text)
        assert tray.icon is not None
        plain(tray.icon.toolTip(), 200)
        assert not set("<>&") & set(tray.icon.toolTip())
        assert tray.icon.toolTip() == popup_text(text)
        action.setText(menu_text(text))
        plain(action.text().replace("  ", " "), 100_000)
        assert "\t" not in action.text()
        assert "&" not in action.text().replace("&&", "")
    tray.close()


def test_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    for number, text in enumerate(CORPUS):
        print_line(stored(text, number), as_json=False)
        (line,) = capsys.readouterr().out.splitlines()
        plain(line, LIST_WIDTH + 20)
        if not text.isascii() and "\ud800" <= max(text) <= "\udfff":
            continue  # a database holds no lone surrogate
        print_line(stored(text, number), as_json=True)
        out = capsys.readouterr().out
        assert out.count("\n") == 1
        assert all(character >= " " for character in out.rstrip("\n")), (
            "JSON for scripts: escaped, and not changed"
        )


def test_the_status_in_the_terminal() -> None:
    for text in CORPUS:
        refused = RefusedStatus(address=text, device=text, reason=text, count=1, seen=1)
        status = Status(
            version="1", device=text, person=text, team=text, team_id="t", solo=False, members=2,
            roles=(text,), on_duty=True, duty=(text,),
            mesh=text, intake=text, discovery=text, peers=(), refused=(refused,), sources=(),
            targets=0, events=0, oldest=0, newest=0,
            history_bytes=0, missing=0, can_invite=False, notices=(text,), advice=(text,),
        )  # fmt: skip
        for line in describe(status, 2):
            plain(line, 600)


def test_the_log(tmp_path) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    home = Home(tmp_path)
    try:
        start_logging(home, verbose=False)
        logger = logging.getLogger("devstream_desktop.hostile")
        for number, text in enumerate(CORPUS):
            # Each from a place of its own: of one place only some a second are written.
            logger.getChild(str(number)).warning("no link with %s: %s", "somebody", text)
        for text in CORPUS[:20]:
            try:
                int(f"x{text}")
            except ValueError:
                logger.exception("a request failed")
    finally:
        for handler in set(root.handlers) - set(before):
            handler.close()
        root.handlers[:] = before
        root.setLevel(level)
    content = home.log.read_text(encoding="utf-8")
    lines = content.split("\n")[:-1]
    warnings = [
        line
        for line in lines
        if " WARNING devstream_desktop.hostile." in line and " no link with somebody: " in line
    ]
    assert len(warnings) == len(CORPUS)
    for line in lines:
        plain(line, 3000)
    # What looks like a record of another is one of ours, or a traceback's line, which is set in.
    forged = [line for line in lines if line.startswith("2024-01-01")]
    assert forged == []
    assert sys.getsizeof(content) < 4_000_000
