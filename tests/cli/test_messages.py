"""Messages of the product: commands that they name exist, and their words are the field's."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import devstream_desktop
from devstream_desktop.cli.commands import subcommands
from devstream_desktop.cli.parser import whole_parser

PRODUCT = Path(devstream_desktop.__path__[0])
NAMED = re.compile(r"\bdevstream((?: (?:--)?[a-z][a-z-]*)+)")


parser_of_all = cache(whole_parser)


def unknown(words: list[str]) -> str:
    """The first word that should be a command or option and is none."""
    parser = parser_of_all()
    if words[0] not in subcommands(parser):
        return ""  # prose, as in "start devstream again"
    for word in words:
        below = subcommands(parser)
        if word.startswith("--"):
            known = {one for action in parser._actions for one in action.option_strings}
            if word not in known:
                return word
        elif below:
            if word not in below:
                return word
            parser = below[word]
    return ""


OWN_WORDS = re.compile(
    r"\bdoors?\b|\bput(ting|s)? (\w+ )?out\b|\bturn(s|ed|ing)? (\w+ )?away\b|\btake a role\b"
    r"|\blet(s|ting)? (\w+ )?in\b|\btaken in\b|\btold (once|late|before)\b",
    re.IGNORECASE,
)
"""Revoke, reject, accept, approve, grant and report are the words that people know."""


def texts(tree: ast.AST) -> Iterator[str]:
    """Every text in a module but its docstrings, with what is filled in left out."""
    inside: set[int] = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in node.values}
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values
            )
        elif isinstance(node, ast.Constant) and id(node) not in inside:
            yield str(node.value)


@pytest.mark.parametrize(
    ("message", "wrong"),
    [
        ("ask for one: devstream team invite --for bob", ""),
        ("devstream team leave ends that", ""),
        ("devstream starts anew", ""),
        ("see devstream team people", "people"),
        ("devstream team invite --to bob", "--to"),
    ],
)
def test_a_command_that_does_not_exist_is_noticed(message: str, wrong: str) -> None:
    (found,) = NAMED.findall(message)
    assert unknown(found.split()) == wrong


def test_every_command_in_a_message_exists() -> None:
    named, wrong = 0, []
    for path in sorted(PRODUCT.rglob("*.py")):
        for text in texts(ast.parse(path.read_text(encoding="utf-8"))):
            for found in NAMED.findall(text):
                named += 1
                if bad := unknown(found.split()):
                    wrong.append(f"{path.relative_to(PRODUCT)}: devstream{found}: {bad}")
    assert named > 50
    assert not wrong


def test_no_message_has_a_word_of_our_own() -> None:
    found = [
        f"{path.relative_to(PRODUCT)}: {text}"
        for path in sorted(PRODUCT.rglob("*.py"))
        for text in texts(ast.parse(path.read_text(encoding="utf-8")))
        if " " in text and OWN_WORDS.search(text)
    ]
    assert not found
