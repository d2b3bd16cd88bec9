"""Argo CD: what it syncs, and whether that is healthy.

Sources: https://argo-cd.readthedocs.io/en/stable/operator-manual/notifications/services/webhook/ (a
webhook's body is a template of the team's own, so the one to use is printed with the help) and
https://argo-cd.readthedocs.io/en/stable/developer-guide/api-docs/.
"""

from __future__ import annotations

from devstream_collectors.contract import (
    Basic,
    Collector,
    Option,
    Poll,
    SecretPath,
    Token,
    Webhook,
)
from devstream_collectors.sources.argocd.poll import parse, requests
from devstream_collectors.sources.argocd.webhook import normalise, sample
from devstream_desktop.stream.words import Kind

__all__ = ["COLLECTOR", "normalise", "parse", "requests", "sample"]

_SETUP = """\
Webhook: in the ConfigMap argocd-notifications-cm, with URL the address of your receiver and the \
path that is printed behind it, and TOKEN the text in the file that you give with --secret-file \
(leave the headers out without one: then the path is the secret):
  service.webhook.devstream: |
    url: URL
    headers:
      - {name: Authorization, value: Bearer TOKEN}
      - {name: Content-Type, value: application/json}
  template.devstream: |
    webhook:
      devstream:
        method: POST
        body: |
          {"app": {{toJson .app}}, "url":
          "{{.context.argocdUrl}}/applications/{{.app.metadata.namespace}}/{{.app.metadata.name}}"}
  trigger.devstream: |
    - when: app.status.operationState.phase in ['Running']
      send: [devstream]
    - when: app.status.operationState.phase in ['Error', 'Failed']
      send: [devstream]
    - when: app.status.operationState.phase in ['Succeeded'] and
        app.status.health.status == 'Healthy'
      send: [devstream]
    - when: app.status.health.status == 'Degraded'
      send: [devstream]
and on each application the annotation notifications.argoproj.io/subscribe.devstream.devstream: \
"".
Polling: --poll --url https://ARGOCD --token-file with the token of an account that may get \
applications; --project or --selector for some.
The environment is the application's label env or environment, else --environment, else the \
namespace it is deployed to."""

COLLECTOR = Collector(
    title="Argo CD's notifications, or its API polled",
    setup=_SETUP,
    kinds=(Kind.DEPLOY, Kind.INCIDENT),
    options=(
        Option("project", "only the applications of this project, for polling"),
        Option("selector", "only the applications with these labels, as team=shop, for polling"),
    ),
    webhook=Webhook(auth=(Token(), Basic(), SecretPath())),
    poll=Poll(needs_token=True),
)
