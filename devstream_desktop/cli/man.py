"""`devstream man`: manual pages, made from the parser.

They are in the `man` macros of roff, which groff and mandoc read alike (groff_man(7)).
"""

from __future__ import annotations

import argparse
import difflib
import re
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from devstream_desktop import __version__, machine
from devstream_desktop.cli.arguments import UsageError
from devstream_desktop.cli.commands import COMMANDS, one_liners, subcommands
from devstream_desktop.cli.reference import arguments, usage
from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home
from devstream_desktop.shared_files import shared
from devstream_desktop.stream.text import clean

_COLUMNS = 68
"""Columns of text; what roff needs comes on top, within 80."""
_END = r"""
.SH EXIT STATUS
.TP
0
Done.
.TP
1
Refused or failed. One line on standard error says why and what to do.
.TP
2
Used wrongly.
.TP
3
Asked for, and the node went away before the end was seen.
.B devstream deploys
tells it; asking again may do it twice.
.TP
78
The settings are wrong.
A service is not to be started again before they are right.
.SH ENVIRONMENT
.TP
DEVSTREAM_HOME
The folder of this node, where
.B \-\-home
names none.
.TP
DEVSTREAM_KEY_FILE
A private file with the key that seals the secrets, instead of a keyring.
.TP
NO_COLOR
Not empty: no colours.
.TP
FORCE_COLOR
Not empty: colours in a pipe too.
.SH FILES
.B devstream paths
shows where they are.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `man`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "examples:\n  devstream man deploy | man -l -\n  devstream man ~/.local/share/man/man1"
    )
    about = "a command, to print its page; or a folder, such as ./man, to write all pages into it"
    parser.add_argument("about", nargs="?", default="", metavar="COMMAND|DIR", help=about)
    parser.set_defaults(command=man)


def man(home: Home, options: argparse.Namespace) -> int:
    """Print the page of a command, or write all pages."""
    del home
    found = pages()
    page = f"devstream-{options.about}".rstrip("-")
    if page in found:
        print(found[page], end="")
        return 0
    folder = Path(options.about)
    if _is_word(options.about) and not folder.is_dir():
        near = difflib.get_close_matches(options.about, COMMANDS, n=1)
        meant = f"do you mean devstream man {near[0]}? " if near else ""
        raise UsageError(
            f"there is no command {clean(options.about, 40)!r}; {meant}"
            f"For all pages in a new folder of that name: devstream man ./{clean(options.about)}"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in found.items():
            (folder / f"{name}.1").write_text(text, encoding="utf-8")
    except OSError as error:
        reason = machine.reason(error)
        raise DevstreamError(f"{folder} cannot be written: {reason}; choose another") from None
    print(f"{len(found)} pages are in {folder}")
    return 0


def _is_word(typed: str) -> bool:
    """Tell whether it is no path to see."""
    return typed not in ("", ".", "..") and Path(typed).name == typed


def pages() -> dict[str, str]:
    """Return each page by its name, such as `devstream-team`."""
    from devstream_desktop.cli.parser import whole_parser

    parser = whole_parser()
    made = {"devstream": "\n".join(_first_page(parser))}
    for name, command in subcommands(parser).items():
        made[f"devstream-{name}"] = "\n".join(_page(name, command))
    return made


def _first_page(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield from _head("devstream", "what a team ships and breaks, in one stream")
    yield from _usage(parser)
    yield ".SH DESCRIPTION"
    yield _text(parser.description or "")
    yield ".SH OPTIONS"
    yield from _arguments(parser)
    yield ".SH COMMANDS"
    for name, about in COMMANDS.items():
        yield f".TP\n.BR {_escaped(f'devstream-{name}')} (1)\n{_text(_sentence(about))}"
    yield _END.strip()
    yield ".SH SEE ALSO"
    yield ",\n".join(f".BR {_escaped(f'devstream-{name}')} (1)" for name in COMMANDS)
    yield ""


def _page(name: str, command: argparse.ArgumentParser) -> Iterator[str]:
    yield from _head(f"devstream-{name}", COMMANDS[name])
    yield from _usage(command)
    below = subcommands(command)
    yield ".SH DESCRIPTION"
    yield _text(_sentence(COMMANDS[name]))
    if not below:
        yield from _body(command, ".SH OPTIONS")
    else:
        yield ".SH COMMANDS"
    helps = {one.dest: one.help or "" for one in one_liners(command)}
    for each, parser in below.items():
        yield f'.SS "{_escaped(parser.prog)}"'
        yield _text(_sentence(helps[each]))
        yield from _usage(parser, head=".PP\n")
        yield from _body(parser)
    yield f".SH SEE ALSO\n.BR {_escaped('devstream')} (1)"
    yield ""


def _head(name: str, about: str) -> Iterator[str]:
    title = _escaped(name.upper())
    yield f'.TH {title} 1 {_released()} "devstream {__version__}" "User Commands"'
    yield f".SH NAME\n{_escaped(name)} \\-\n{_text(about)}"


@cache
def _released() -> str:
    """Return the day of the release: pages of one version are the same."""
    text = shared("org.devstream.Devstream.metainfo.xml").read_text(encoding="utf-8")
    # It has one; tests/packaging holds that.
    (day,) = re.findall(rf'version="{re.escape(__version__)}" date="([0-9-]+)"', text)
    return str(day)


def _usage(parser: argparse.ArgumentParser, head: str = ".SH SYNOPSIS\n") -> Iterator[str]:
    yield f"{head}.nf\n{_literal(usage(parser, _COLUMNS))}\n.fi"


def _body(parser: argparse.ArgumentParser, head: str = "") -> Iterator[str]:
    found = [*_arguments(parser)]
    if found and head:
        yield head
    yield from found
    # The types of a source, each of which has a help of its own.
    for one in one_liners(parser):
        yield f".TP\n.B {_escaped(one.dest)}\n{_text(one.help or '')}"
    if parser.epilog and "\n" in parser.epilog.strip():
        yield f".PP\n.nf\n{_literal(parser.epilog.strip())}\n.fi"
    elif parser.epilog:
        yield f".PP\n{_text(parser.epilog)}"


def _arguments(parser: argparse.ArgumentParser) -> Iterator[str]:
    for one in arguments(parser):
        # An operand without a word about it is in the synopsis.
        if not one.flags and not one.about:
            continue
        flags = ", ".join(f"\\fB{_escaped(flag)}\\fR" for flag in one.flags)
        value = f"\\fI{_escaped(one.value)}\\fR" if one.value else ""
        yield f".TP\n{' '.join(filter(None, (flags, value)))}"
        if one.about:
            yield _text(_sentence(one.about))


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith(".") else f"{text}."


def _text(text: str) -> str:
    """Return text that roff fills, in short lines."""
    lines = textwrap.wrap(text, _COLUMNS, break_long_words=False, break_on_hyphens=False)
    return "\n".join(map(_escaped, lines))


def _literal(text: str) -> str:
    """Return lines that stay as they are."""
    return "\n".join(map(_escaped, text.splitlines()))


def _escaped(line: str) -> str:
    """Return a line in which roff finds nothing to carry out (groff_char(7))."""
    line = line.replace("\\", "\\e").replace("-", "\\-")
    line = re.sub(r"[^\x00-\x7f]", lambda found: f"\\[u{ord(found[0]):04X}]", line)
    return f"\\&{line}" if line[:1] in {".", "'"} else line
