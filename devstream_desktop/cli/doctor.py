"""`devstream doctor`: everything that can be wrong on this machine, looked at; what is, and what to do."""

from __future__ import annotations

import argparse
import sys

from devstream_desktop.cli.asking import print_json
from devstream_desktop.control.wording import count
from devstream_desktop.home import Home

_SIGNS = {"ok": ("✓", "32"), "warning": ("!", "33"), "problem": ("✗", "31")}


def doctor(home: Home, options: argparse.Namespace) -> int:
    """Print each check as it ends; exit 1 when there is a problem."""
    # Late, because no other command needs these libraries.
    from devstream_desktop.node.checks import Check, Verdict
    from devstream_desktop.node.doctor import examine

    found: list[Check] = []
    for check in examine(home):
        found.append(check)
        if not options.json:
            _show(check.verdict.value, check.name, check.what, check.advice)
    problems = sum(check.verdict is Verdict.PROBLEM for check in found)
    if options.json:
        print_json({"problems": problems, "checks": found})
    elif not problems:
        warnings = sum(check.verdict is Verdict.WARNING for check in found)
        print(f"nothing is broken, {count(warnings, 'warning')}" if warnings else "nothing is broken")
    return 1 if problems else 0


def _show(verdict: str, name: str, what: str, advice: str) -> None:
    sign, colour = _SIGNS[verdict]
    if sys.stdout.isatty():
        sign = f"\x1b[{colour}m{sign}\x1b[0m"
    print(f"{sign} {name:<12} {what}", flush=True)
    if advice:
        print(f"  {'':<12} → {advice}", flush=True)
