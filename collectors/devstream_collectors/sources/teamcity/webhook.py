"""TeamCity: builds become events, by its own webhooks, by those of the tcWebHooks plugin, or from its REST API.

Sources: https://www.jetbrains.com/help/teamcity/teamcity-webhooks.html and, for the plugin, `WebHookPayloadContent.java` and
`BuildStateEnum.java` of https://github.com/tcplugins/tcWebHooks.
"""

from __future__ import annotations

import re

import msgspec

from devstream_collectors.before.branches import sample_branch
from devstream_collectors.before.outcome import Dropped, tolerant
from devstream_collectors.contract import (
    Basic,
    Collector,
    Delivery,
    Normalised,
    Option,
    Poll,
    SecretPath,
    SourceInfo,
    Token,
    Webhook,
)
from devstream_collectors.sources.teamcity.events import UNDER_WAY, build_event, state_of
from devstream_collectors.sources.teamcity.payloads import BuildBody, BuildType, Triggered, User
from devstream_collectors.sources.teamcity.poll import parse, requests

__all__ = ["COLLECTOR", "check", "normalise", "parse", "requests", "sample"]

_SETUP = """\
Webhook: as parameters of the project whose builds count (or of the <Root project>), in its Settings, Parameters:
  teamcity.internal.webhooks.enable      true
  teamcity.internal.webhooks.url         the address of your receiver with the path that is printed behind it
  teamcity.internal.webhooks.events      BUILD_STARTED;BUILD_FINISHED;BUILD_INTERRUPTED
  teamcity.internal.webhooks.username    devstream
  teamcity.internal.webhooks.password    the text in the file that you give with --secret-file (type: Password)
  teamcity.internal.webhooks.retry_count 3
Without a secret file the path is the secret. The tcWebHooks plugin's format JSON is understood as well.
Polling, without webhooks: --poll --url https://HOST and --token-file with an access token (the user's profile, Access Tokens) that may
view the project. --project ID or --build-type ID follow only that part of the server."""

COLLECTOR = Collector(
    title="TeamCity's webhooks, or its API polled",
    setup=_SETUP,
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
_EVENTS = {
    "BUILD_STARTED": "running",
    "BUILD_FINISHED": "",
    "BUILD_INTERRUPTED": "cancelled",
    "BUILD_TYPE_ADDED_TO_QUEUE": "queued",
}
"""The events that are news and the state they mean; after `BUILD_FINISHED` the build says it."""
_NOTICES = {
    "buildAddedToQueue": "queued",
    "buildStarted": "running",
    "buildInterrupted": "cancelled",
    "buildFinished": "",
    "buildSuccessful": "succeeded",
    "buildFixed": "succeeded",
    "buildFailed": "failed",
    "buildBroken": "failed",
}
"""The same of the plugin's `notifyType`."""
_RESULTS = {"success": "succeeded", "failure": "failed", "interrupted": "cancelled"}
_ID = re.compile(r"\w+")
_TRIGGERED_BY_NOBODY = re.compile(r"(?:Git|Subversion|Schedule Trigger|Snapshot dependency)\b")


class _PluginBuild(msgspec.Struct, frozen=True, rename="camel"):
    """What of the plugin's 40 fields counts. Its times are in the server's own format, so they are not read."""

    notify_type: str | None = ""
    build_result: str | None = ""
    build_status: str | None = ""
    build_id: str | int | None = ""
    build_type_id: str | None = ""
    build_name: str | None = ""
    build_number: str | int | None = ""
    build_status_url: str | None = ""
    project_name: str | None = ""
    branch_name: str | None = ""
    branch_display_name: str | None = ""
    branch_is_default: bool | None = None
    build_is_personal: bool | None = None
    triggered_by: str | None = ""


class _Payload(msgspec.Struct, frozen=True, rename="camel"):
    event_type: str | None = ""
    payload: BuildBody | None = None
    build: _PluginBuild | None = None


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Normalised:
    """The event of one delivery, or the name of why there is none."""
    try:
        body = msgspec.json.decode(delivery.body, type=_Payload, strict=False)
    except msgspec.ValidationError:
        # What is told of agents has other fields under the same names.
        name = msgspec.json.decode(delivery.body, type=_EventType).event_type or ""
        if name in _EVENTS or not name:
            raise
        raise Dropped("event-not-mapped", name) from None
    if body.build is not None:
        build, state = _from_plugin(body.build)
    else:
        name = body.event_type or ""
        if name not in _EVENTS:
            raise Dropped("event-not-mapped" if name else "not-a-build", name)
        if body.payload is None:
            raise Dropped("not-a-build", name)
        build = body.payload
        state = _EVENTS[name] or state_of(build)
        if state in UNDER_WAY and name == "BUILD_FINISHED":
            # The event is sent while the build is still being closed: its status is already the result.
            state = state_of(msgspec.structs.replace(build, state="finished"))
    return Normalised((build_event(build, state, source, delivery.received),))


class _EventType(msgspec.Struct, frozen=True, rename="camel"):
    event_type: str | None = ""


def _from_plugin(said: _PluginBuild) -> tuple[BuildBody, str]:
    notice = said.notify_type or ""
    if notice not in _NOTICES:
        raise Dropped("event-not-mapped" if notice else "not-a-build", notice)
    state = _NOTICES[notice] or _RESULTS.get((said.build_result or "").lower(), "")
    if not state:
        raise Dropped("state-not-mapped", said.build_result or "")
    by, number = said.triggered_by or "", str(said.build_id or "")
    user = User(name=by) if by and not _TRIGGERED_BY_NOBODY.match(by) else None
    build = BuildBody(
        id=int(number) if number.isdecimal() and len(number) < 19 else None,
        build_type_id=said.build_type_id,
        number=str(said.build_number or ""),
        status_text=said.build_status,
        branch_name=_unnull(said.branch_display_name) or _unnull(said.branch_name),
        default_branch=said.branch_is_default,
        personal=said.build_is_personal,
        web_url=said.build_status_url,
        build_type=BuildType(name=said.build_name, project_name=said.project_name),
        triggered=Triggered(user=user),
    )
    return build, state


def _unnull(text: str | None) -> str:
    return "" if text in (None, "null") else text


def check(source: SourceInfo) -> None:
    """Whether the options make sense together.

    Raises:
        ValueError: an id is none.

    """
    for option in ("project", "build_type"):
        if source.text(option) and not _ID.fullmatch(source.text(option)):
            raise ValueError(
                f"{option} is an id as TeamCity's addresses show it, Acme_Shop; {source.text(option)!r} is none"
            )


def sample(source: SourceInfo, now: int) -> Delivery:
    """A finished build as TeamCity posts it, on the first branch that counts."""
    build = {
        "id": 1,
        "buildTypeId": "DevstreamTest",
        "number": "1",
        "status": "SUCCESS",
        "state": "finished",
        "branchName": sample_branch(source),
        "defaultBranch": True,
    }
    return Delivery({}, msgspec.json.encode({"eventType": "BUILD_FINISHED", "payload": build}), now)
