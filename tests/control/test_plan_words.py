"""Sentences of a plan: a desk finds the message in each, and says it in its own language."""

from __future__ import annotations

import ast
import gettext
from pathlib import Path
from string import Formatter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devstream_desktop import language
from devstream_desktop.control import history_words, join_words, node_words, plan_words
from devstream_desktop.control.known_words import messages_of, span_text
from devstream_desktop.control.plan_words import translated
from devstream_desktop.history.repair import Mended
from devstream_desktop.home import MEANINGS, Home
from devstream_desktop.team.joining.errors import JoinError, Problem

ROOT = Path(__file__).resolve().parents[2]
PLAN = messages_of(vars(plan_words))
NODE = [*messages_of(vars(node_words)), *messages_of(vars(history_words))]


class Upper(gettext.NullTranslations):
    """A language whose words are in capitals; its places stay."""

    def gettext(self, message: str) -> str:
        parts = Formatter().parse(message)
        return "".join(
            literal.upper() + (f"{{{field}}}" if field else "") for literal, field, _, _ in parts
        )

    def ngettext(self, one: str, many: str, count: int) -> str:
        return self.gettext(one if count == 1 else many)

    def pgettext(self, context: str, message: str) -> str:
        return self.gettext(message)


@pytest.fixture
def upper(monkeypatch):
    monkeypatch.setattr(language, "_catalogue", Upper())


def places(message: str) -> list[str]:
    return [field for _, field, _, _ in Formatter().parse(message) if field]


@pytest.mark.parametrize("message", [*PLAN, *NODE])
def test_each_message_is_found_in_what_was_made_of_it(upper, message):
    values = {name: f"<{name} 1>" for name in places(message)}
    known = node_words if message in NODE else plan_words
    assert known.translated(message.format(**values)) == Upper().gettext(message).format(**values)


def test_no_notice_of_a_node_is_written_where_it_is_sent():
    """A desk could not say one that does not stand among the known messages."""
    found = []
    for path in sorted((ROOT / "devstream_desktop").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
                told = ast.unparse(node.targets[0].value)
                if told.endswith("notices") and isinstance(
                    node.value, (ast.JoinedStr, ast.Constant)
                ):
                    found.append(f"{path.name}:{node.lineno}")
    assert not found


@pytest.mark.parametrize("name", ["members.sqlite", *filter(None, MEANINGS)])
def test_a_file_that_was_set_aside_is_told_in_a_known_sentence(tmp_path, upper, name):
    home = Home(tmp_path)
    (tmp_path / f"{name}.unreadable").write_text("")
    with language.english():
        (told,) = home.set_aside()
    assert node_words.translated(told) == told.upper().replace(name.upper(), name).replace(
        ".UNREADABLE", ".unreadable"
    )


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize(
    ("mended", "values"),
    [
        (Mended(history_words.FAILED, 1_800, 2_300, "h.damaged"), ["h.damaged"]),
        (Mended(history_words.NOT_SIGNED.format(count=3), 5, 0, "h.damaged"), ["h.damaged"]),
        # SQLite's own words stay.
        (Mended("row 3, 4 missing", 5, 0, "h.damaged"), ["h.damaged", "row 3, 4 missing"]),
        (Mended(history_words.LACKS_OWN, lost=2), []),
    ],
)
def test_a_mended_history_is_told_in_known_sentences(upper, alone, mended, values):
    with language.english():
        told = mended.sentence(alone=alone)
    wanted = told.upper()
    for value in values:
        wanted = wanted.replace(value.upper(), value)
    assert node_words.translated(told) == wanted


def test_each_part_that_cannot_be_read_is_told_in_known_words(upper):
    parts = [
        history_words.ENTRY.format(number=5, device="1a2b3c4d"),
        history_words.PROOF.format(device="1a2b3c4d"),
        history_words.MORE_PARTS.format(count="1,200"),
    ]
    told = history_words.SET_ASIDE.format(parts=", ".join(parts))
    assert node_words.translated(told) == told.upper().replace("1A2B3C4D", "1a2b3c4d")


@pytest.mark.parametrize("problem", Problem)
@pytest.mark.parametrize("detail", ["", "host:1 (no answer; twice)"])
def test_each_problem_of_a_join_is_told_in_known_words(upper, problem, detail):
    told = str(JoinError(problem, detail))
    assert join_words.translated(told) == told.upper().replace(detail.upper(), detail)


def test_another_refusal_of_a_join_stays(upper):
    assert join_words.translated("this home cannot join another team today") == (
        "this home cannot join another team today"
    )


@settings(max_examples=60)
@given(st.sampled_from(PLAN), st.data())
def test_in_english_a_sentence_stays_as_it_is(message, data):
    some = st.text("ab, :;()'{}", max_size=12)
    text = message.format(**{name: data.draw(some) for name in places(message)})
    assert translated(text) == text


@pytest.mark.parametrize("text", ["", "something new", "open: ", "is locked by", "open", "{x}"])
def test_what_is_not_known_stays(upper, text):
    assert translated(text) == text


def test_a_name_with_braces_is_a_name(upper):
    assert translated("open: {person} %s {0}") == "OPEN: {person} %s {0}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "ana may not; ask chen",
            "ana MAY NOT; ASK chen",
        ),
        (
            "shop production is locked by bo for 2h05m now: release; devstream unlock shop",
            "shop production IS LOCKED BY bo FOR 2H05M NOW: release; devstream unlock shop",
        ),
        # Half of it would be in two languages.
        ("ana may not; something new", "ana may not; something new"),
    ],
)
def test_a_refusal_is_told_clause_by_clause(upper, text, told):
    assert translated(text) == told


@pytest.mark.parametrize("text", ["850 ms", "12 s", "3m12s", "2h05m", "3 d", "4 days", "1 minute"])
def test_a_span_of_time_is_said_again(upper, text):
    assert span_text(text) == text.upper()


def test_a_large_number_is_written_as_the_language_does(monkeypatch):
    monkeypatch.setattr(language, "spoken", lambda: "de")
    assert span_text("1,234,567") == "1.234.567"
    assert span_text("1,23") == "1,23"


@pytest.mark.parametrize("text", ["90 s", "0m05s", "1 days", "ana", "12 s later", "9999999999 s"])
def test_a_name_is_no_span_of_time(upper, text):
    assert span_text(text) == text
