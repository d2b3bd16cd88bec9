"""Azure DevOps, Services and Server: pushes, pull requests, builds, releases and work items.

Sources: https://learn.microsoft.com/azure/devops/service-hooks/events and
https://learn.microsoft.com/rest/api/azure/devops/. It signs nothing: a hook sends Basic credentials
or a header. Resource versions of ten years are in use, so every field may be missing or null.
"""

from __future__ import annotations

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
from devstream_collectors.kit.place import check_repository
from devstream_collectors.sources.azuredevops.poll import parse, requests
from devstream_collectors.sources.azuredevops.webhook import normalise, sample
from devstream_desktop.stream.words import Kind

__all__ = ["COLLECTOR", "check", "normalise", "parse", "requests", "sample"]

_SETUP = """\
Webhook: in the project's Project settings, Service hooks, Create subscription, Web Hooks; one \
for each of
  Code pushed, Pull request updated (status changed),
  Build completed or Run state changed,
  Release deployment started and completed,
  Work item created, Work item updated (field State)
  URL                                 the address of your receiver with the path that is printed \
behind it
  Basic authentication                user name and password, as USER:PASSWORD in the file that \
you give with --secret-file
  Resource details to send            All
Azure DevOps Services posts only to addresses that the internet reaches.
Polling, where it cannot reach this machine: --poll --url https://dev.azure.com/ORGANISATION \
--repository PROJECT/REPOSITORY and --token-file with a personal access token (Code, Build, Work \
Items, Release: read), written as :TOKEN. Classic releases of Services live at another address: a \
second source with --url https://vsrm.dev.azure.com/ORGANISATION."""

COLLECTOR = Collector(
    title="Azure DevOps' service hooks, or its API polled",
    setup=_SETUP,
    kinds=(Kind.CHANGE, Kind.BUILD, Kind.TEST, Kind.DEPLOY, Kind.TICKET),
    options=(Option("repository", "PROJECT/REPOSITORY, for polling", needed="poll"),),
    webhook=Webhook(auth=(Basic(), Token(), SecretPath())),
    poll=Poll(auth=(Token(), Basic()), needs_token=True),
)


def check(source: SourceInfo) -> None:
    """Check the option `repository`; names may have spaces in them.

    Raises:
        ValueError: it is not a project and a repository.

    """
    name = source.text("repository").replace(" ", "-")
    check_repository(name, "PROJECT/REPOSITORY, such as Web/shop")
