"""The documentation is true: it builds, links lead somewhere, commands exist."""

from __future__ import annotations

import argparse
import importlib.util
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import command_table
import pytest
import source_pages

from devstream_desktop.cli.commands import subcommands
from devstream_desktop.cli.parser import whole_parser

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^|\n)\n((?: {4}[^\n]*\n)+)")
LINK = re.compile(r"(?<!\\)\]\((<[^>]*>|[^()\s]*(?:\([^()]*\)[^()\s]*)*)\)")
OUTSIDE = re.compile(
    r"\bfield/[a-z]+\.md|\bDESIGN(?:\.md|\b)|\bfield notes?\b|\bhouse\.md|\bspikes/"
)
"""Papers of those who wrote the code; nobody else has them."""

CITED = re.compile(r"docs/(\w+\.md), ((?:[A-Z]\w+)(?: \w+)*)")
"""As in `docs/architecture.md, Goals`."""


def tracked(pattern: str = "") -> list[Path]:
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", pattern or "."],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for path in (ROOT / name for name in names.stdout.splitlines()) if path.is_file()]


PAGES = tracked("*.md")
page = pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    if (
        importlib.util.find_spec("sphinx") is None
        or importlib.util.find_spec("myst_parser") is None
    ):
        pytest.skip("Sphinx and MyST are not installed: pip install -e '.[docs]'")
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-q",
        "-d",
        str(tmp_path / "trees"),
        "docs",
        str(tmp_path / "site"),
    ]
    built = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False
    )
    assert (built.returncode, built.stderr) == (0, "")
    reference = (tmp_path / "site" / "commands.html").read_text(encoding="utf-8")
    assert all(
        name in reference
        for name in ("devstream team approve-join", "--no-discovery", "devstream source test")
    )


def test_pages_of_sources_are_what_the_collectors_declare() -> None:
    stale = [
        name
        for name, text in source_pages.pages().items()
        if _text(source_pages.FOLDER / name) != text
    ]
    assert not stale, "make docs brings them up to date"
    text = _text(source_pages.README)
    assert source_pages.readme(text) == text, "make docs brings its table up to date"
    assert {path.stem for path in source_pages.FOLDER.glob("*.md")} == {
        "index",
        *source_pages.types(),
    }


def test_the_table_of_commands_is_what_the_parser_has() -> None:
    text = _text(command_table.PAGE)
    assert command_table.page(text) == text, "make docs brings it up to date"


def test_readme_is_a_first_page() -> None:
    text = _text(ROOT / "README.md")
    assert len(text.split()) <= 900
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    content = (ROOT / picture).read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) <= 200_000
    linked = set(re.findall(r"\(docs/sources/(\w+)\.md\)", text))
    assert linked == {*source_pages.types()}, "each type of source has its link"


@page
def test_links_lead_somewhere(path: Path) -> None:
    for target in targets(path):
        address = urlsplit(target)
        if address.scheme:
            assert address.scheme == "https", f"{target}: https"
            assert re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", address.netloc), f"{target}: no host"
            continue
        file = (path.parent / address.path).resolve() if address.path else path
        assert file.exists(), f"{target}: there is no {file}"
        assert ROOT in (file, *file.parents), f"{target}: outside of the repository"
        if address.fragment:
            assert address.fragment in anchors(file), f"{target}: no such heading"


@page
def test_commands_exist(path: Path) -> None:
    text = _text(path)
    for line in code_lines(text):
        for words in commands_in(line):
            problem = complaint(words)
            assert not problem, f"{line}: {problem}"
    for span in re.findall(r"(?<!`)`(devstream [^`]+)`(?!`)", FENCE.sub("", text)):
        unknown = unknown_options(shlex.split(span.replace("\\|", "|")))
        assert not unknown, f"{span}: {unknown}"


@pytest.mark.parametrize(
    "line",
    [
        "devstream team frobnicate",
        "devstream deploy shop production --ref main --force",
        "devstream source add github hub --repository acme/shop --pull",
        "devstream source add nothing hub",
        "cat x | devstream tail --limit many",
    ],
)
def test_a_command_that_does_not_exist_is_noticed(line: str) -> None:
    (words,) = commands_in(line)
    assert complaint(words)


def test_nothing_cites_a_paper_that_is_not_here() -> None:
    cited = []
    for path in tracked():
        if path == Path(__file__) or path.suffix not in {".py", ".md", ".toml", ".in", ""}:
            continue
        cited += [
            f"{path.relative_to(ROOT)}: {line.strip()}"
            for line in _text(path).splitlines()
            if OUTSIDE.search(line)
        ]
    assert not cited


@page
def test_files_that_a_page_names_exist(path: Path) -> None:
    names = {str(one.relative_to(ROOT)) for one in tracked()}
    for span in re.findall(
        r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|md|toml|txt|svg|service))`", _text(path)
    ):
        assert any(f"/{name}".endswith(f"/{span.removeprefix('../')}") for name in names), span


def test_the_map_of_rooms_is_whole() -> None:
    rooms = {
        one.relative_to(ROOT / "devstream_desktop").parts[0]
        for one in tracked("devstream_desktop/*.py")
    }
    named = {
        room
        for row in re.findall(r"^\| (`[^|]+) \|", _text(ROOT / "CONTRIBUTING.md"), re.MULTILINE)
        for room in re.findall(r"`(\w+)/?`", row)
    }
    assert named - {"collectors"} == {room.removesuffix(".py") for room in rooms} - {
        "__init__",
        "__main__",
    }


def test_code_that_cites_a_page_names_one_of_its_headings() -> None:
    cited = []
    for path in (one for one in tracked("*.py") if one != Path(__file__)):
        text = " ".join(_text(path).split())
        cited += [(path, *found) for found in CITED.findall(text)]
    assert cited
    for path, page, heading in cited:
        headings = re.findall(r"^#+ (.+)$", _text(ROOT / "docs" / page), re.MULTILINE)
        assert heading in headings, f"{path.relative_to(ROOT)}: {page} has no heading {heading}"


def targets(path: Path) -> Iterator[str]:
    text = re.sub(r"`[^`\n]*`", "", FENCE.sub("", _text(path)))
    yield from (found.strip("<>") for found in LINK.findall(text))


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", _text(path)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def code_lines(text: str) -> Iterator[str]:
    blocks = [
        block for _, language, block in FENCE.findall(text) if language in {"", "sh", "console"}
    ]
    for block in [*blocks, *INDENTED.findall(FENCE.sub("", text))]:
        yield from block.replace("\\\n", " ").splitlines()


def commands_in(line: str) -> Iterator[list[str]]:
    """The `devstream` commands of a line of shell, each as its words."""
    if "devstream" not in line:
        return
    try:
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words = list(lexer)
    except ValueError:
        return  # prose in a drawing
    while words:
        end = next(
            (place for place, word in enumerate(words) if word in {"|", "&", "&&", ";", ">", "<"}),
            len(words),
        )
        one, words = words[:end], words[end + 1 :]
        starts = [
            place
            for place, word in enumerate(one)
            if word == "devstream" or word.endswith("/bin/devstream")
        ]
        # The command itself, or what `sudo -u devstream env NAME=VALUE …` runs.
        if starts and (starts[-1] == 0 or one[0] in {"sudo", "systemd-run", "DEVSTREAM_KEY_FILE"}):
            yield one[starts[-1] :]


class Complaint(Exception):  # noqa: N818 - it ends a parser that would end the test
    pass


def complaint(words: list[str]) -> str:
    """The reason why the command does not take these words; empty when it does."""
    if "--help" in words:
        return unknown_options(words)
    try:
        complaining_parser().parse_args(words[1:])
    except Complaint as error:
        return str(error)
    return ""


def unknown_options(words: list[str]) -> str:
    """The first command or option that is unknown; prose may leave out what is needed."""
    parser = complaining_parser()
    for word in words[1:]:
        below = subcommands(parser)
        if word.startswith("-"):
            if word.split("=")[0] not in {
                "-h",
                "--help",
                *(one for action in parser._actions for one in action.option_strings),
            }:
                return word
        elif below:
            if word not in below and not word.isupper() and word != "…":
                return word
            parser = below.get(word, parser)
    return ""


@cache
def complaining_parser() -> argparse.ArgumentParser:
    """Every command's; a wrong use raises Complaint."""
    parser = whole_parser()
    for each in every(parser):
        each.error = _complain  # type: ignore[method-assign]
    return parser


def every(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for below in subcommands(parser).values():
        yield from every(below)


def _complain(message: str) -> None:
    raise Complaint(message)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
