"""source add: one command for every type of source; what a type needs, and what to paste into its settings, its collector declares."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import textwrap
from pathlib import Path

from devstream_collectors.contract import Collector, Option, SecretPath
from devstream_desktop import machine
from devstream_desktop.cli.asking import ask
from devstream_desktop.control.errors import NoNodeError
from devstream_desktop.control.messages.sources import AddSource
from devstream_desktop.control.messages.status import GetStatus
from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home

_WATCHED = "the branches the team watches: names or globs (default: the default branch)"


class TypesHelp(argparse.Action):
    """`source add --help`: lists the installed types; only then are they imported."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print the help and end."""
        from devstream_desktop.node import offline

        types = offline.source_types()
        width = max(map(len, types))
        lines = [f"  {name:{width}}  {title}" for name, title in sorted(types.items())]
        parser.epilog = "\n".join(["types:", *lines, "", "`devstream source add TYPE --help` says what to paste into its settings."])
        parser.print_help()
        parser.exit()


def add(home: Home, options: argparse.Namespace) -> int:
    """Add a source of any type."""
    from devstream_desktop.node import offline

    about = offline.describe(options.type)
    parser = parser_of(options.type, about)
    given = parser.parse_args(options.rest)
    request = _request(parser, options.type, about, given)
    path = _send(home, request)
    print(path or f"source {request.name} is added", flush=True)
    if path:
        print(f"devstream: {_where(home, path)}", file=sys.stderr)
    return 0


def parser_of(kind: str, about: Collector) -> argparse.ArgumentParser:
    """The options of a type: those that all have, and those that its collector declares."""
    parser = argparse.ArgumentParser(
        prog=f"devstream source add {kind}",
        description=f"{about.title}; makes lines of: {', '.join(about.kinds)}" if about.kinds else about.title,
        epilog=fitted(about.setup, shutil.get_terminal_size().columns - 2),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="NAME", help="of a to z, 0 to 9 and -")
    if about.git:
        parser.add_argument("location", metavar="PATH_OR_URL", help="the repository")
    parser.add_argument("--branch", action="extend", nargs="+", default=[], metavar="GLOB", help=_WATCHED)
    named = "the name" if about.git else "what the sender calls it"
    parser.add_argument("--service", default="", help=f"what its lines are about (default: {named})")
    if about.git:
        looks = f"{about.git.local_interval} for a path, {about.git.interval} for a URL"
        parser.add_argument("--interval", type=_whole, default=0, metavar="SECONDS", help=f"between polls (default: {looks})")
    else:
        parser.add_argument("--environment", default="", help="for what says nothing of its environment")
    if about.webhook:
        without = "; without one the path that is printed is the secret" if _can_post_to_secret_path(about) else ""
        parser.add_argument("--secret-file", default="", metavar="F", help=f"a file with the webhook's secret{without}")
        parser.add_argument(
            "--silent-after", type=_whole, default=0, metavar="SECONDS", help="say so when nothing was posted for that long"
        )
    if about.webhook and about.poll:
        parser.add_argument("--poll", action="store_true", help="ask the service, instead of being posted to")
        parser.add_argument("--webhook", action="store_true", help="with --poll: both")
    if about.tail:
        parser.add_argument("--interval", type=_whole, default=0, metavar="SECONDS", help=f"between looks (default {about.tail.interval})")
    if about.poll:
        parser.add_argument("--url", default="", help=f"the service's address{f' (default {about.poll.url})' if about.poll.url else ''}")
        parser.add_argument("--interval", type=_whole, default=0, metavar="SECONDS", help=f"between polls (default {about.poll.interval})")
        parser.add_argument("--token-file", default="", metavar="F", help="a file with the token for polling; it is sealed")
        parser.add_argument("--token-env", default="", metavar="VARIABLE", help="or the node's environment variable that holds it")
        parser.add_argument("--token-path", default="", metavar="F", help="or a file that the node reads each time")
    for option in about.options:
        _add_option(parser, option)
    return parser


def fitted(text: str, width: int) -> str:
    """Wrap a collector's `setup`, in which each line is a paragraph, to `width`; what is set in stays so."""
    shown: list[str] = []
    for paragraph in text.splitlines():
        # Under the text behind `  URL      `, or a little further in.
        label = re.match(r" +\S+(?: \S+)*? {2,}(?=\S)", paragraph)
        indent = len(label[0]) if label else 2 + len(paragraph) - len(paragraph.lstrip()) if paragraph[:1] == " " else 0
        shown += textwrap.wrap(
            paragraph, max(width, 40), subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
        ) or [""]
    return "\n".join(shown)


def _where(home: Home, path: str) -> str:
    """What to paste, where the node takes deliveries in; what is missing, where it does not."""
    try:
        intake = ask(home, GetStatus()).intake
    except NoNodeError:
        return "start the node with --intake HOST:PORT, and give the sender that address with this path behind it"
    if not intake:
        return (
            "this node takes no deliveries in yet: start it again with --intake HOST:PORT, or write listen under [intake] in settings.toml"
        )
    return f"deliveries are taken in at {intake}{path}; give the sender this, or what your proxy makes of it"


def _add_option(parser: argparse.ArgumentParser, option: Option) -> None:
    flag, dest, required = f"--{option.name.replace('_', '-')}", f"option_{option.name}", option.needed == "always"
    metavar = "F" if option.kind == "file" else option.name.upper()
    match option.kind:
        case "flag":
            parser.add_argument(flag, dest=dest, action="store_true", help=option.help)
        case "list":
            parser.add_argument(
                flag, dest=dest, action="extend", nargs="+", default=[], metavar=metavar, required=required, help=option.help
            )
        case "whole":
            parser.add_argument(flag, dest=dest, type=_whole, default=0, metavar="N", required=required, help=option.help)
        case _:
            parser.add_argument(flag, dest=dest, default="", metavar=metavar, required=required, help=option.help)


def _request(parser: argparse.ArgumentParser, kind: str, about: Collector, given: argparse.Namespace) -> AddSource:
    text: dict[str, str] = {name: value for name, value in vars(given).items() if isinstance(value, str)}
    secret_file = text.get("secret_file", "")
    ways = _ways(about, given)
    posts = "webhook" in ways
    by_path = posts and not secret_file
    if by_path and not _can_post_to_secret_path(about):
        parser.error("the following arguments are required: --secret-file")
    for option in about.options:
        if option.needed in ways and not getattr(given, f"option_{option.name}"):
            parser.error(f"the following arguments are required: --{option.name.replace('_', '-')}")
    return AddSource(
        type=kind,
        name=given.name,
        location=_repository(text["location"]) if about.git else text.get("url", ""),
        branches=tuple(given.branch),
        secret=_content(secret_file),
        token=_content(text.get("token_file", "")),
        ways=ways,
        service=given.service,
        environment=text.get("environment", ""),
        interval=getattr(given, "interval", 0),
        silent_after=getattr(given, "silent_after", 0),
        secret_path=by_path,
        token_env=text.get("token_env", ""),
        token_file=str(Path(text["token_path"]).expanduser().absolute()) if text.get("token_path") else "",
        options=_options(about, given),
    )


def _can_post_to_secret_path(about: Collector) -> bool:
    return about.webhook is not None and any(isinstance(way, SecretPath) for way in about.webhook.auth)


def _ways(about: Collector, given: argparse.Namespace) -> tuple[str, ...]:
    if about.tail is not None:
        return ("tail",)
    if about.git is not None:
        return ()
    if about.webhook is None:
        return ("poll",)
    if about.poll is None or not given.poll:
        return ("webhook",)
    return ("webhook", "poll") if given.webhook or given.secret_file else ("poll",)


def _options(about: Collector, given: argparse.Namespace) -> dict[str, str | int | bool | tuple[str, ...]]:
    found: dict[str, str | int | bool | tuple[str, ...]] = {}
    for option in about.options:
        value: object = getattr(given, f"option_{option.name}")
        if not value:
            continue
        if isinstance(value, list):
            found[option.name] = tuple(str(item) for item in value)
        elif option.kind == "file":
            found[option.name] = str(Path(str(value)).expanduser().absolute())
        elif isinstance(value, bool | int | str):
            found[option.name] = value
    return found


def _send(home: Home, request: AddSource) -> str:
    try:
        return ask(home, request).text
    except NoNodeError:
        from devstream_desktop.node import offline

        home.create()
        return offline.add_source(home, request)


def _repository(typed: str) -> str:
    """Return the path or URL of a repository as the node, in another folder, will find it."""
    from devstream_desktop.node import offline

    location = offline.absolute_location(typed)
    if location.startswith("/") and not Path(location).exists():
        raise DevstreamError(f"there is no {location}; give the path or URL of a git repository")
    return location


def _content(path: str) -> bytes:
    if not path:
        return b""
    try:
        return Path(path).read_bytes().strip()
    except OSError as error:
        raise DevstreamError(f"{path} cannot be read: {machine.reason(error)}") from None


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 8):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)
