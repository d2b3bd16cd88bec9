"""GitLab: pushes, merged merge requests, pipelines, deployments and issues.

Sources: https://docs.gitlab.com/user/project/integrations/webhook_events/,
https://docs.gitlab.com/administration/system_hooks/, the pages of https://docs.gitlab.com/api/ and,
for the proof, https://docs.gitlab.com/user/project/integrations/webhooks/ (a secret token, or since
2026 a signing token after Standard Webhooks). Servers of ten years send them, so every field may be
missing or null.
"""

from __future__ import annotations

from devstream_collectors.contract import (
    Collector,
    Option,
    Poll,
    SignatureScheme,
    SourceInfo,
    Token,
    Webhook,
)
from devstream_collectors.kit.place import check_repository
from devstream_collectors.sources.gitlab.poll import parse, requests
from devstream_collectors.sources.gitlab.webhook import EVENT, normalise, sample
from devstream_desktop.stream.words import Kind

__all__ = ["COLLECTOR", "check", "normalise", "parse", "requests", "sample"]

_SETUP = """\
Webhook: in the project's or group's Settings, Webhooks, Add new webhook:
  URL            the address of your receiver with the path that is printed behind it
  Secret token   the text in the file that you give with --secret-file (or a signing token, \
whsec_..., there and in the file)
  Trigger        Push events, Merge request events, Pipeline events, Deployment events, Issues \
events
GitLab sends nothing to a private address until an administrator allows it: Admin, Settings, \
Network, Outbound requests. It says nothing of a push that moves more than three branches, and \
stops a hook that failed often: polling as well loses nothing.
Polling, where GitLab cannot reach this machine: --poll --repository GROUP/NAME and, for a \
private project, --token-file with a project access token of scope read_api and role Reporter. A \
GitLab of your own: add --url https://HOST."""

COLLECTOR = Collector(
    title="GitLab's webhooks, or its API polled",
    setup=_SETUP,
    kinds=(Kind.CHANGE, Kind.BUILD, Kind.TEST, Kind.DEPLOY, Kind.TICKET),
    options=(Option("repository", "GROUP/NAME of the project, for polling", needed="poll"),),
    webhook=Webhook(
        auth=(
            Token(header="x-gitlab-token", prefix=""),
            SignatureScheme(
                header="webhook-signature",
                form="words",
                label="v1",
                encoding="base64",
                key="whsec",
                signed="{id}.{timestamp}.{body}",
                id_header="webhook-id",
                timestamp_header="webhook-timestamp",
            ),
        ),
        headers=(EVENT,),
        delivery_header="idempotency-key",
    ),
    poll=Poll(url="https://gitlab.com"),
)


def check(source: SourceInfo) -> None:
    """Check the option `repository`.

    Raises:
        ValueError: it is not a project's path.

    """
    form = "GROUP/NAME, such as acme/shop or acme/web/shop"
    check_repository(source.text("repository"), form, deep=True)
