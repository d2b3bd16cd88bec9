"""`devstream doctor`: look for everything that can be wrong on this machine."""

from __future__ import annotations

import argparse
import os

from devstream_desktop import language
from devstream_desktop.cli.arguments import add_json
from devstream_desktop.cli.output import GREEN, RED, YELLOW, coloured, print_json
from devstream_desktop.control.check import Check, Checks, Verdict
from devstream_desktop.control.wording import count
from devstream_desktop.home import Home

_SIGNS = {"ok": ("✓", GREEN), "warning": ("!", YELLOW), "problem": ("✗", RED)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `doctor`."""
    add_json(parser)
    about = "show a popup, to see whether this session can"
    parser.add_argument("--test-popup", action="store_true", help=about)
    parser.set_defaults(command=doctor)


def doctor(home: Home, options: argparse.Namespace) -> int:
    """Print each check as it ends; exit 1 when there is a problem."""
    # Late, because no other command needs these libraries.
    from devstream_desktop.doctor.doctor import examine

    # The desk shows the answer to a person; whoever types the command reads English.
    language.use([os.environ.get(language.VARIABLE, language.ENGLISH)])
    found: list[Check] = []
    for check in examine(home, test_popup=options.test_popup):
        found.append(check)
        # A check may take seconds, so each is shown at once.
        if not options.json:
            _show(check.verdict.value, check.name, check.what, check.advice)
    problems = sum(check.verdict is Verdict.PROBLEM for check in found)
    if options.json:
        print_json(Checks(problems, tuple(found)))
    elif not problems:
        warnings = sum(check.verdict is Verdict.WARNING for check in found)
        print(
            f"nothing is broken, {count(warnings, 'warning')}" if warnings else "nothing is broken"
        )
    return 1 if problems else 0


def _show(verdict: str, name: str, what: str, advice: str) -> None:
    sign, colour = _SIGNS[verdict]
    print(f"{coloured(sign, colour)} {name:<12} {what}", flush=True)
    if advice:
        print(f"  {'':<12} → {advice}", flush=True)
