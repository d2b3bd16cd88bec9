"""TeamCity: builds, by its own webhooks, by those of a plugin, or from its REST API.

Sources: https://www.jetbrains.com/help/teamcity/teamcity-webhooks.html,
https://www.jetbrains.com/help/teamcity/rest/build.html and, for the plugin,
`WebHookPayloadContent.java` and `BuildStateEnum.java` of https://github.com/tcplugins/tcWebHooks. A
team can choose the fields of a webhook, so any may be missing or null.
"""

from __future__ import annotations

import re

from devstream_collectors.contract import (
    Basic,
    Collector,
    Option,
    Poll,
    SecretPath,
    SourceInfo,
    Token,
    Webhook,
)
from devstream_collectors.sources.teamcity.poll import parse, requests
from devstream_collectors.sources.teamcity.webhook import normalise, sample
from devstream_desktop.stream.words import Kind

__all__ = ["COLLECTOR", "check", "normalise", "parse", "requests", "sample"]

_SETUP = """\
Webhook: as parameters of the project whose builds count (or of the <Root project>), in its \
Settings, Parameters:
  teamcity.internal.webhooks.enable      true
  teamcity.internal.webhooks.url         the address of your receiver with the path that is \
printed behind it
  teamcity.internal.webhooks.events      BUILD_STARTED;BUILD_FINISHED;BUILD_INTERRUPTED
  teamcity.internal.webhooks.username    devstream
  teamcity.internal.webhooks.password    the text in the file that you give with --secret-file \
(type: Password)
  teamcity.internal.webhooks.retry_count 3
Without a secret file the path is the secret. The tcWebHooks plugin's format JSON is understood \
as well.
Polling, without webhooks: --poll --url https://HOST and --token-file with an access token (the \
user's profile, Access Tokens) that may view the project. --project ID or --build-type ID follow \
only that part of the server."""

COLLECTOR = Collector(
    title="TeamCity's webhooks, or its API polled",
    setup=_SETUP,
    kinds=(Kind.BUILD, Kind.TEST),
    # TeamCity sends the password in a header of its own; the plugin can do Basic.
    webhook=Webhook(auth=(Token(header="php-auth-pw", prefix=""), Basic(), SecretPath())),
    options=(
        Option(
            "project",
            "the id of the project to poll, with all below it; the whole server when left out",
        ),
        Option("build_type", "the id of the only build configuration to poll"),
    ),
    poll=Poll(auth=(Token(), Basic()), needs_token=True),
)
_ID = re.compile(r"\w+")


def check(source: SourceInfo) -> None:
    """Check the options `project` and `build_type`.

    Raises:
        ValueError: one is no id.

    """
    for option in ("project", "build_type"):
        name = source.text(option)
        if name and not _ID.fullmatch(name):
            raise ValueError(
                f"{option} is an id as TeamCity's addresses show it, Acme_Shop; {name!r} is none"
            )
