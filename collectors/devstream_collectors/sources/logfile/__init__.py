"""A log file's lines, as they are written: what is severe, or what a pattern finds."""

from __future__ import annotations

from devstream_collectors.contract import Collector, Option, SourceInfo, Tail
from devstream_collectors.sources.logfile.lines import compiled
from devstream_collectors.sources.logfile.tail import read
from devstream_desktop.stream.words import Kind

__all__ = ["COLLECTOR", "check", "read"]

_SETUP = """\
The file is on the collector's own machine. It may be rotated (moved away and begun anew) and \
truncated. Without --pattern a line counts when it says a severity of --least or worse (ERROR, \
level=error, [error], "level":"error"), in text or JSON. A pattern is a regular expression (RE2: \
no backreferences, and it looks neither ahead nor behind); its named groups message, severity, \
service and environment say what the line is made of, as in
  --pattern 'payment (?P<message>refused: .*)' --ignore 'refused: test card'
What is found goes to the whole team: give a pattern whose message leaves out what they should \
not read."""

COLLECTOR = Collector(
    title="a log file, followed as it is written",
    setup=_SETUP,
    kinds=(Kind.INCIDENT,),
    options=(
        Option("path", "the file's absolute path, such as /var/log/shop/app.log", needed="always"),
        Option("pattern", "a regular expression: only lines that it finds count", kind="list"),
        Option("ignore", "a regular expression: lines that it finds never count", kind="list"),
        Option(
            "least", "the least severity that counts: notice, warning, error (default) or critical"
        ),
        Option(
            "resolved_after",
            "minutes without a message until it counts as resolved (default 60)",
            kind="whole",
        ),
    ),
    tail=Tail(),
)


def check(source: SourceInfo) -> None:
    """Check the options.

    Raises:
        ValueError: the path is not absolute, a pattern is no regular expression, or the severity is
            unknown.

    """
    compiled(source)
