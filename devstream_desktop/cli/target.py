"""`devstream target`: what this executor can deploy, written and checked."""

from __future__ import annotations

import argparse
from pathlib import Path

from devstream_desktop.cli.arguments import add_json, whole
from devstream_desktop.cli.node_client import ask
from devstream_desktop.cli.output import print_json
from devstream_desktop.control.messages.deploys import CheckTargets
from devstream_desktop.home import Home
from devstream_desktop.stream.text import clean


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands of `target`."""
    commands = parser.add_subparsers(title="target commands", metavar="COMMAND", required=True)
    add = commands.add_parser("add", help="write a target into this executor's targets.toml")
    add.add_argument("name", metavar="NAME")
    add.add_argument("environment", metavar="ENVIRONMENT")
    about = "where the program runs (default: here for a ./program that is here, else the home)"
    add.add_argument("--cwd", metavar="DIR", help=about)
    add.add_argument("--repository", metavar="PATH_OR_URL", help="where refs are looked up")
    add.add_argument("--ref", help="the branch that is offered first (default: main)")
    about = "a branch or tag that may be deployed, with *; may be given again"
    add.add_argument("--refs", action="append", default=[], metavar="GLOB", help=about)
    about = "a build or test that must have passed; may be given again"
    add.add_argument("--check", action="append", default=[], metavar="NAME", help=about)
    about = "an environment that a commit must have reached before; may be given again"
    add.add_argument("--after", action="append", default=[], metavar="ENVIRONMENT", help=about)
    about = "persons beside the asker who must approve"
    add.add_argument("--approvals", type=whole, default=0, metavar="N", help=about)
    add.add_argument("--description", default="")
    about = "the program and its fixed arguments: all that follows"
    add.add_argument("--run", nargs=argparse.REMAINDER, required=True, help=about)
    add.set_defaults(command=add_target)
    check = commands.add_parser("check", help="say what would keep each target from deploying now")
    check.add_argument("name", nargs="?", default="", metavar="NAME", help="only this one")
    add_json(check)
    check.set_defaults(command=check_targets)


def add_target(home: Home, options: argparse.Namespace) -> int:
    """Write a valid entry, or say what is wrong with it."""
    # Late, because `target check` writes none.
    from devstream_desktop.node import source_list, target_list

    settings: dict[str, object] = {
        "run": options.run,
        "cwd": _folder(options.cwd, options.run),
        "repository": source_list.absolute_location(options.repository or ""),
        "ref": options.ref,
        "refs": options.refs,
        "checks": options.check,
        "order": options.after,
        "approvals": options.approvals,
        "description": options.description,
    }
    given = {name: value for name, value in settings.items() if value}
    target_list.add_target(home, options.name, options.environment, given)
    place = f"{options.name}/{options.environment}"
    print(f"{place} is in {home.targets}; who may: devstream team grant PERSON deployer {place}")
    return 0


def _folder(typed: str | None, run: list[str]) -> str:
    """Return where the program runs, as the node will find it."""
    if typed:
        return str(Path(typed).expanduser().absolute())
    program = run[0] if run else ""
    # Whoever types ./deploy.sh means the one that is here.
    here = program.startswith(("./", "../")) and Path(program).is_file()
    return str(Path.cwd()) if here else ""


def check_targets(home: Home, options: argparse.Namespace) -> int:
    """Print what would refuse right now; exit 0 when nothing would."""
    found = ask(home, CheckTargets(name=options.name))
    if options.json:
        print_json(found)
    else:
        if found.mistake:
            print(f"✗ {clean(found.mistake, 300)}")
        for one in found.targets:
            print(f"{'✗' if one.problems else '✓'} {one.target} {one.environment}")
            for problem in one.problems:
                print(f"    {clean(problem, 300)}")
        if not found.targets and not found.mistake:
            print("this executor has no such target; devstream target add NAME ENVIRONMENT --run …")
    bad = bool(found.mistake) or any(one.problems for one in found.targets)
    return 1 if bad or not found.targets else 0
