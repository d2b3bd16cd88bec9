"""Anything that posts JSON, by a team's own rules: for senders that no other type knows."""

from __future__ import annotations

from devstream_collectors.contract import (
    Basic,
    Collector,
    Option,
    SecretPath,
    SignatureScheme,
    SourceInfo,
    Token,
    Webhook,
)
from devstream_collectors.sources.generic.rules import parse_rules
from devstream_collectors.sources.generic.sender import HEADERS
from devstream_collectors.sources.generic.webhook import normalise, sample

__all__ = ["COLLECTOR", "check", "normalise", "sample"]

_SETUP = """\
Write a rules file and give it with --rules: begin with what `devstream rules new SAMPLE.json` \
proposes, or with one that ships (`devstream paths`), and try it with `devstream rules test \
RULES.toml SAMPLE.json`. What was posted and no rule knew is in `devstream source unmatched \
NAME`, without its secrets. In the sender, paste the address of \
your receiver with the path that is printed behind it. With --secret-file the sender must send \
that secret: as `Authorization: Bearer`, as HTTP Basic (user:password), or as the key of an \
HMAC-SHA256 in `X-Hub-Signature-256` or `X-Signature`. Without it the path itself is the secret."""

COLLECTOR = Collector(
    title="any JSON, by JMESPath rules of your own",
    setup=_SETUP,
    options=(Option("rules", "the TOML file with the rules", kind="file", needed="always"),),
    webhook=Webhook(
        auth=(
            SignatureScheme(header="x-hub-signature-256"),
            SignatureScheme(header="x-signature"),
            Token(),
            Basic(),
            SecretPath(),
        ),
        headers=HEADERS,
    ),
)


def check(source: SourceInfo) -> None:
    """Check the option `rules`.

    Raises:
        ValueError: the first mistake in the rules, with its line.

    """
    parse_rules(source.text("rules"))
