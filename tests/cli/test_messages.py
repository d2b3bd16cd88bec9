"""Every command that a message of the product names exists, with the options that it names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import devstream_desktop
from devstream_desktop.cli.commands import subcommands
from devstream_desktop.cli.main import whole_parser

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


def texts(tree: ast.AST) -> Iterator[str]:
    """Every text in a module, with what is filled in left out."""
    inside: set[int] = set()
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
