"""Flux: what its Kustomizations and HelmReleases brought into a cluster, or could not, as deploys.

Sources: https://fluxcd.io/flux/components/notification/events/ (the body) and
https://fluxcd.io/flux/components/notification/providers/ (`generic` and `generic-hmac`). Flux has
no deployment of its own: a revision of an object is deployed, and said again while it fails. A
Kustomization says after every interval that it is reconciled, and only before a change that it
progresses.
"""

from __future__ import annotations

import re

import msgspec

from devstream_collectors.contract import (
    Collector,
    Delivery,
    SecretPath,
    SignatureScheme,
    SourceInfo,
    Token,
    Webhook,
)
from devstream_collectors.kit.decoding import Part, Text, Texts, Time, decode, iso
from devstream_collectors.kit.deploy import Deploy, deploy_event
from devstream_collectors.kit.outcome import Dropped, tolerant
from devstream_collectors.kit.place import Place
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.text import first_line
from devstream_desktop.stream.words import Kind

_SETUP = """\
Make a Provider of type generic-hmac and an Alert that uses it, in the namespace of what it tells \
of:
  Provider  spec.address: the address of your receiver with the path that is printed behind it; \
spec.secretRef: a Secret whose `token` is the text of the file that you give with --secret-file. \
With type generic and a Secret whose `headers` is `Authorization: Bearer <text>` it works too; \
without a secret the path itself is the secret.
  Alert     spec.eventSeverity: info; spec.eventSources: kind Kustomization and HelmRelease, name \
'*';
            spec.eventMetadata: env: production
Without an env in the metadata give --environment; else it is the object's namespace."""

COLLECTOR = Collector(
    title="Flux' notifications (generic, generic-hmac)",
    setup=_SETUP,
    kinds=(Kind.DEPLOY,),
    webhook=Webhook(
        # Its digest names its algorithm; sha256 is what `generic-hmac` uses.
        auth=(
            SignatureScheme(header="x-signature", form="prefix", label="sha256"),
            Token(),
            SecretPath(),
        ),
    ),
)
HOUR = 3_600_000
_SOURCES = frozenset(
    (
        "gitrepository",
        "ocirepository",
        "helmrepository",
        "helmchart",
        "bucket",
        "externalartifact",
        "artifactgenerator",
    )
)
_IMAGES = frozenset({"imagerepository", "imagepolicy", "imageupdateautomation"})
_WAITS = frozenset({"dependencynotready", "progressingwithretry", "retryable"})
_REVISION = re.compile(r"(?:(?P<ref>.*?)[@/])?(?:sha1:|sha256:)?(?P<sha>[0-9a-f]{40}|[0-9a-f]{64})")
_ENVIRONMENTS = ("env", "environment", "stage", "cluster", "cluster_name")


class _Object(msgspec.Struct, frozen=True):
    kind: Text = ""
    namespace: Text = ""
    name: Text = ""
    uid: Text = ""


class _Event(msgspec.Struct, frozen=True, rename="camel"):
    involved_object: Part[_Object] = _Object()
    severity: Text = ""
    timestamp: Time = 0
    message: Text = ""
    reason: Text = ""
    metadata: Texts = {}


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Event:
    """Make the event of one notification."""
    event = decode(delivery.body, _Event)
    about, kind = event.involved_object, event.involved_object.kind.lower()
    if not about.name:
        raise Dropped("not-of-an-object", kind)
    state = _state(event, kind)
    # Its keys begin with the API group of who says it, in some versions.
    said = {key.rsplit("/", 1)[-1].lower(): value for key, value in event.metadata.items()}
    revision = said.get("revision", "")
    ref, commit = _parts(revision)
    at = event.timestamp or delivery.received
    reason = "rolled back" if "rollback" in event.reason.lower() else ""
    deploy = Deploy(
        id=revision or iso(at)[:13],
        state=state,
        environment=next((said[key] for key in _ENVIRONMENTS if said.get(key)), ""),
        target=about.namespace,
        # A failure is said again at each try: of an hour it is one fact. An upgrade with other
        # values has the chart's revision again.
        once="" if state == "success" and _is_routine(event) else str(at // HOUR),
        ref=ref,
        revision=commit,
        actor="Flux",
        title=said.get("summary", ""),
        reason=first_line(event.message) if state in ("failure", "error") else reason,
        changed=event.timestamp,
    )
    identity = about.uid or f"{source.name}/{about.namespace}/{kind}/{about.name}"
    return deploy_event(deploy, Place(source, delivery.received, f"flux/{identity}", about.name))


def sample(source: SourceInfo, now: int) -> Delivery:
    """Make the notification of an applied revision."""
    about = {
        "kind": "Kustomization",
        "namespace": "devstream",
        "name": "devstream-test",
        "uid": "devstream-test",
    }
    body = {
        "involvedObject": about,
        "severity": "info",
        "timestamp": iso(now),
        "message": "Reconciliation finished",
        "reason": "ReconciliationSucceeded",
        "metadata": {"kustomize.toolkit.fluxcd.io/revision": f"main@sha1:{'2' * 40}"},
    }
    return Delivery({}, msgspec.json.encode(body), now)


def _state(event: _Event, kind: str) -> str:
    """Return the deploy's state, by an event.

    Raises:
        Dropped: it tells of none.

    """
    reason, message = event.reason.lower(), event.message.lower()
    detail = f"{kind} {event.reason}"
    if kind in _IMAGES:
        raise Dropped("image-update", detail)
    if reason in _WAITS:
        raise Dropped("waits-and-tries-again", detail)
    if event.severity.lower() == "error":
        # What cannot be fetched is not deployed either; who looks after the cluster must know.
        return "failure" if kind not in _SOURCES and "artifact" not in reason else "error"
    if kind in _SOURCES:
        raise Dropped("source-fetched", detail)
    if reason.startswith("test"):
        raise Dropped("test-of-a-release", detail)
    if reason.startswith("uninstall") or "uninstall succeeded" in message:
        return "inactive"
    # The first controllers of Helm had no reasons, only `info`.
    if reason.endswith("succeeded") or _is_routine(event) or " succeeded" in message:
        return "success"
    if reason == "progressing" or "has started" in message:
        return "in_progress"
    raise Dropped("reconciliation-not-news", detail)


def _is_routine(event: _Event) -> bool:
    """Tell whether it is said after every interval, changed or not."""
    reason, message = event.reason.lower(), event.message.lower()
    return reason == "reconciliationsucceeded" or message.startswith("reconciliation finished")


def _parts(revision: str) -> tuple[str, str]:
    """Split a revision into branch or tag, and commit, digest or version.

    It is `main@sha1:<hash>`, `main/<hash>`, `sha256:<hash>` or `6.5.4`.
    """
    match = _REVISION.fullmatch(revision)
    return (match["ref"] or "", match["sha"]) if match else ("", revision)
