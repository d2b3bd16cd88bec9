"""Write the pages of the source types, and README's table of them: `make docs`.

Both come from what the collectors declare. They are committed, so that README's links work wherever
the repository is read; `tests/docs` fails when one is out of date.
"""

from __future__ import annotations

import os
import re
import textwrap
import tomllib
from collections.abc import Iterable
from importlib.metadata import EntryPoint
from itertools import groupby
from pathlib import Path
from types import ModuleType

from parser_tables import cell, escaped, options_table

from devstream_collectors.contract import Basic, Collector, SecretPath, SignatureScheme, Token
from devstream_desktop.cli.source.type_parser import parser_of
from devstream_desktop.stream.words import Kind

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "sources"
README = ROOT / "README.md"
_GROUP = "devstream.collectors"
_WIDTH = 88
_MARKS = ("<!-- sources: made by `make docs` -->", "<!-- end of sources -->")
_ABOUT = (
    ("commits", (Kind.CHANGE,)),
    ("builds and tests", (Kind.BUILD, Kind.TEST)),
    ("deploys", (Kind.DEPLOY,)),
    ("alerts and errors", (Kind.INCIDENT,)),
    ("tickets", (Kind.TICKET,)),
)
_MADE = "<!-- Made by `make docs` from the collector's declaration in {module}. -->"


def types() -> dict[str, ModuleType]:
    """Return the modules of this repository's types that declare themselves."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    points = project["entry-points"][_GROUP].items()
    found = {name: EntryPoint(name, path, _GROUP).load() for name, path in points}
    first = {}
    for name, module in sorted(
        found.items(), key=lambda item: (item[0] != _own_name(item[1]), item[0])
    ):
        # A type with a second name has one page, under the name of its module.
        if hasattr(module, "COLLECTOR") and module not in first.values():
            first[name] = module
    return dict(sorted(first.items()))


def pages() -> dict[str, str]:
    """Return every page by file name."""
    modules = types()
    made = {f"{name}.md": page(name, module) for name, module in modules.items()}
    made["index.md"] = index(modules)
    return made


def page(name: str, module: ModuleType) -> str:
    """Return the page of one type."""
    about: Collector = module.COLLECTOR
    os.environ["COLUMNS"] = str(_WIDTH)
    parts = [
        _MADE.format(module=module.__name__),
        f"# {name}",
        f"{about.title[0].upper()}{about.title[1:]}.{_kinds(about)}",
        "## Add it",
        "\n".join(["```sh", *examples(name, about), "```"]),
        _ways(about),
        "## Set up the sender" if about.webhook or about.poll else "## How it works",
        _setup(about.setup),
        "## Options",
        options_table(parser_of(name, about)),
    ]
    return "\n\n".join(parts) + "\n"


def examples(name: str, about: Collector) -> list[str]:
    """Return the shortest commands that add a source, one for each way."""
    start = f"devstream source add {name} NAME"

    def needs(*ways: str) -> str:
        given = [option.name for option in about.options if option.needed in ways]
        return "".join(f" --{name.replace('_', '-')} {name.upper()}" for name in given)

    lines = []
    if about.webhook:
        paths = [isinstance(way, SecretPath) for way in about.webhook.auth]
        if not all(paths):
            lines.append(f"{start}{needs('always', 'webhook')} --secret-file FILE")
        if any(paths):
            comment = "    # the path that is printed is the secret"
            lines.append(f"{start}{needs('always', 'webhook')}{comment}")
    if about.poll:
        flag = " --poll" if about.webhook else ""
        url = "" if about.poll.url else " --url https://HOST"
        token = " --token-file FILE" if about.poll.needs_token else ""
        lines.append(f"{start}{flag}{url}{needs('always', 'poll')}{token}")
    if about.tail:
        lines.append(f"{start}{needs('always')}")
    if about.git:
        lines.append(f"{start} https://git.example.com/acme/shop.git")
        lines.append(f"{start} /srv/git/shop.git --branch main 'release/*'")
    return lines


def index(modules: dict[str, ModuleType]) -> str:
    """Return the page that lists the types."""
    names = "\n".join(modules)
    parts = [
        "<!-- Made by `make docs`; the text is in docs/_site/source_pages.py. -->",
        "# Sources",
        _INTRO,
        table(modules, ""),
        _SCRIPTS,
        f"```{{toctree}}\n:hidden:\n\n{names}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def table(modules: dict[str, ModuleType], folder: str) -> str:
    """Return the table of types, with links to their pages in `folder`."""
    rows = []
    for name, module in modules.items():
        about: Collector = module.COLLECTOR
        link, kinds = f"[{name}]({folder}{name}.md)", ", ".join(about.kinds)
        rows.append(f"| {link} | {cell(about.title)} | {_short(about)} | {kinds} |")
    return "\n".join(["| type | takes in | how | lines |", "|---|---|---|---|", *rows])


def readme(text: str) -> str:
    """Return README's text with its table of types by what they bring."""
    declared = {name: set(module.COLLECTOR.kinds) for name, module in types().items()}
    rows = [
        (what, [n for n in sorted(declared) if declared[n] & {*kinds}]) for what, kinds in _ABOUT
    ]
    rows.append(("what you say of it", [name for name in sorted(declared) if not declared[name]]))
    cells = [f"| {what} | {', '.join(map(_linked, names))} |" for what, names in rows if names]
    table = "\n".join(["| lines about | from |", "|---|---|", *cells])
    before, _, rest = text.partition(_MARKS[0])
    return f"{before}{_MARKS[0]}\n{table}\n{_MARKS[1]}{rest.partition(_MARKS[1])[2]}"


def write() -> list[Path]:
    """Bring the pages and README up to date; return those that were not."""
    FOLDER.mkdir(exist_ok=True)
    made, changed = pages(), []
    for path in FOLDER.glob("*.md"):
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        path = FOLDER / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    before = README.read_text(encoding="utf-8")
    if readme(before) != before:
        README.write_text(readme(before), encoding="utf-8")
        changed.append(README)
    return changed


_INTRO = """\
A source is a service, repository or file that a collector takes in. A node is a collector when the
policy gives its device that role; the founder's device has it from the start. Add sources there:

```sh
devstream source add --help           # every type that is installed
devstream source add github --help    # what a type needs, and what to paste where
devstream source list                 # each source, and how it is
devstream source test NAME            # a test event, all the way
devstream source remove NAME
```

Services that post (webhooks) need the node's `--intake HOST:PORT`; see
[Operate](../operate.md#webhooks). Services that are polled need nothing open. Where a type has
both ways, `--poll --secret-file FILE` uses both: the webhook is fast, the poll finds what a webhook
lost, and each fact is still one line.

No type for your service? If it can post to Slack, [slack](slack.md) takes that.
[generic](generic.md) takes any JSON with rules of your own: many types here are nothing but such a
file, as [zabbix.toml](../../resources/rules/zabbix.toml). [cctray](cctray.md) takes any build
server with a CCTray feed, and `devstream emit` puts an event in from
[any script](#from-a-script). A new type is one small Python module: see
[How to write a collector](../../collectors/README.md)."""
_SCRIPTS = r"""## Write rules from a post

What no rule knew is kept for this, the last 20 of each source, without secrets:

```sh
devstream source unmatched NAME                    # what came, and why it made no line
devstream source unmatched NAME 1 > sample.json    # one of them
devstream rules new sample.json > rules.toml       # a proposal; read and correct it
devstream rules test rules.toml sample.json        # each field, and the expression it is from
```

## From a script

`devstream emit` tells the node of the same user on the same machine. An alert is `firing`, then
`resolved`; the same `--subject` is the same row. The commands below run as the monitoring's user:
give that user the node (its `--home`), or put `sudo -u NODEUSER` in front.

**Nagios**: a command, named in the contact's `service_notification_commands`:

```text
define command {
  command_name devstream
  command_line devstream emit --kind incident --service "$HOSTNAME$" --title "$SERVICEDESC$" --subject "$HOSTNAME$/$SERVICEDESC$" --state "$$([ $SERVICESTATEID$ = 0 ] && echo resolved || echo firing)"
}
```

**Icinga 2**: a notification command:

```text
object NotificationCommand "devstream" {
  command = [ "sh", "-c", "devstream emit --kind incident --service \"$$1\" --title \"$$2\" --subject \"$$1/$$2\" --state \"$$([ $$3 = 0 ] && echo resolved || echo firing)\"", "devstream", "$host.name$", "$service.name$", "$service.state_id$" ]
}
```

**Checkmk**: a script `~/local/share/check_mk/notifications/devstream`, chosen as the method of a
notification rule:

```sh
#!/bin/sh
devstream emit --kind incident --service "$NOTIFY_HOSTNAME" --title "${NOTIFY_SERVICEDESC:-host}" --subject "$NOTIFY_HOSTNAME/${NOTIFY_SERVICEDESC:-host}" --state "$(case "${NOTIFY_SERVICESTATE:-$NOTIFY_HOSTSTATE}" in OK | UP) echo resolved ;; *) echo firing ;; esac)"
```

**Zabbix**, where its [webhook](zabbix.md) is not wanted: a media type Script with the parameters
`{HOST.NAME}`, `{TRIGGER.NAME}`, `{EVENT.ID}` and `{EVENT.VALUE}`:

```sh
#!/bin/sh
devstream emit --kind incident --service "$1" --title "$2" --subject "$1/$2" --key "zabbix/$3/$4" --state "$([ "$4" = 0 ] && echo resolved || echo firing)"
```"""  # noqa: E501 - commands are not cut


def _linked(name: str) -> str:
    return f"[{name}](docs/sources/{name}.md)"


def _kinds(about: Collector) -> str:
    names = ", ".join(f"`{kind}`" for kind in about.kinds)
    return (
        f" It makes lines of {'the kind' if len(about.kinds) == 1 else 'the kinds'} {names}."
        if names
        else ""
    )


def _setup(text: str) -> str:
    """Return a setup text in Markdown: each line is a paragraph, what is set in is code."""
    parts = []
    for is_code, lines in groupby(text.splitlines(), key=lambda line: line.startswith(" ")):
        if is_code:
            parts.append("\n".join(["```text", textwrap.dedent("\n".join(lines)), "```"]))
        else:
            parts += map(_paragraph, _sentences(lines))
    return "\n\n".join(parts)


def _sentences(lines: Iterable[str]) -> list[str]:
    """Return lines, one that ends within a sentence with the next."""
    joined: list[str] = []
    for line in lines:
        if joined and not joined[-1].endswith((".", ":")):
            joined[-1] += f" {line}"
        else:
            joined.append(line)
    return joined


def _paragraph(line: str) -> str:
    """Return a line as prose; what is typed is code, and a file of the repository is a link."""
    return "".join(
        map(_word, re.split(r"(`[^`]*`|(?<!\S)--[a-z-]+|(?<!\S)resources/[\w./-]*\w)", line))
    )


def _word(text: str) -> str:
    if text.startswith("`"):
        return text
    if text.startswith("--"):
        return f"`{text}`"
    if text.startswith("resources/"):
        return f"[{text}](../../{text})" if (ROOT / text).is_file() else f"`{text}`"
    return escaped(text)


def _own_name(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


def _short(about: Collector) -> str:
    ways = (("webhook", about.webhook), ("polled", about.poll or about.git), ("file", about.tail))
    return ", ".join(name for name, way in ways if way is not None)


def _ways(about: Collector) -> str:
    lines = []
    if about.webhook:
        proofs = "; ".join(_proof(way) for way in about.webhook.auth)
        lines.append(f"- **Webhook**: the sender proves itself by {proofs}.")
    if about.poll:
        address = (
            f"`{about.poll.url}` unless `--url` names another"
            if about.poll.url
            else "the address of `--url`"
        )
        token = (
            "a token is needed" if about.poll.needs_token else "a token where the service wants one"
        )
        lines.append(f"- **Polled**: {address}, every {_seconds(about.poll.interval)}; {token}.")
    if about.git:
        local, remote = _seconds(about.git.local_interval), _seconds(about.git.interval)
        looks = f"every {local} for a path, every {remote} for a URL"
        lines.append(f"- **Polled**: {looks}, unless `--interval` says otherwise.")
    if about.tail:
        lines.append(
            f"- **File**: on the collector's machine, read every {_seconds(about.tail.interval)}."
        )
    return "\n".join(lines)


def _seconds(count: int) -> str:
    return "second" if count == 1 else f"{count} seconds"


def _proof(way: SignatureScheme | Token | Basic | SecretPath) -> str:
    match way:
        case SignatureScheme():
            return f"an HMAC-{way.algorithm.upper()} in `{way.header}`"
        case Token():
            return f"the secret in `{way.header}`"
        case Basic():
            return "HTTP Basic (the secret is `user:password`)"
        case SecretPath():
            return "a secret path, when the source is added without `--secret-file`"


if __name__ == "__main__":
    for path in write():
        print(path.relative_to(ROOT))  # noqa: T201
