"""`devstream audit`: every signed event of deploys, verified offline, and what is missing."""

from __future__ import annotations

import argparse
import csv
import sys
from typing import TYPE_CHECKING

import msgspec

from devstream_desktop.cli.arguments import moment
from devstream_desktop.cli.output import print_json
from devstream_desktop.home import Home
from devstream_desktop.stream.text import clean, short_revision

if TYPE_CHECKING:
    from devstream_desktop.node.audit import AuditLine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `audit`."""
    about = "from this time on, such as 30d (ago) or 2026-11-01 (default: all that is kept)"
    parser.add_argument("--since", type=moment, default=0, metavar="TIME", help=about)
    parser.add_argument("--target", default="", metavar="TARGET", help="only this one")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one object a line")
    form.add_argument("--csv", action="store_true", help="a table for a spreadsheet")
    parser.set_defaults(command=print_audit)


def print_audit(home: Home, options: argparse.Namespace) -> int:
    """Print who did what; exit 1 when something is not proven."""
    # Late: other commands need neither the team's policies nor signatures.
    from devstream_desktop.node.audit import AuditLine, audit

    found = audit(home, options.since, options.target)
    if options.csv:
        names = list(AuditLine.__struct_fields__)
        table = csv.writer(sys.stdout)
        table.writerow(names)
        for line in found.lines:
            table.writerow([_cell(value) for value in msgspec.structs.astuple(line)])
    else:
        for line in found.lines:
            if options.json:
                print_json(line)
            else:
                print(_sentence(line))
    for one in found.missing:
        print(f"missing: {one}", file=sys.stderr)
    return 0 if all(line.proven for line in found.lines) else 1


def _sentence(line: AuditLine) -> str:
    place = " ".join(filter(None, (line.target, line.environment)))
    what = f"{line.action} {line.state} {place} {short_revision(line.revision)}".strip()
    about = f" about {line.about[:8]}" if line.about else ""
    glass = " BREAK-GLASS" if line.override else ""
    why = f" · {clean(line.reason, 200)}" if line.reason else ""
    mark = "✓" if line.proven else "✗"
    fault = f" · NOT PROVEN: {clean(line.fault, 200)}" if line.fault else ""
    who = f"{clean(line.person)} ({line.device[:8]}, policy {line.policy})"
    return f"{line.time} {mark} {line.request[:8]} {who} {what}{about}{glass}{why}{fault}"


def _cell(value: object) -> object:
    # A spreadsheet runs what begins with these.
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t"):
        return f"'{value}"
    return value
