"""TeamCity's webhooks, and those of the tcWebHooks plugin."""

from __future__ import annotations

import re

import msgspec

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.kit.branches import sample_branch
from devstream_collectors.kit.decoding import Id, Needed, Text, decode
from devstream_collectors.kit.outcome import Dropped, tolerant
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.run import UNDER_WAY
from devstream_collectors.sources.teamcity.run import (
    Build,
    BuildType,
    Triggered,
    User,
    build_event,
    state_of,
)
from devstream_desktop.stream.event import Event

_EVENTS = {
    "BUILD_STARTED": "running",
    "BUILD_FINISHED": "",
    "BUILD_INTERRUPTED": "cancelled",
    "BUILD_TYPE_ADDED_TO_QUEUE": "queued",
}
"""Events that are news, and the state they mean; after `BUILD_FINISHED` the build says it."""
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
_BY_NOBODY = re.compile(
    r"(?:jetbrains\.)?(?:git|subversion|svn|perforce|mercurial|hg|tfs|team foundation server|cvs"
    r"|vault|clearcase|starteam|unknown)|.*\b(?:trigger|dependency|dependencies)",
    re.IGNORECASE,
)
"""The plugin's words for builds that a version control or trigger began."""
_IDE = re.compile(
    r"\b(?:intellij|idea|eclipse|visual studio|vs ?code|rider|pycharm|webstorm|phpstorm|rubymine"
    r"|clion|goland|appcode|android studio|xcode|netbeans|ide|command[ -]line|add-?in|plugin)\b",
    re.IGNORECASE,
)


class _PluginBuild(msgspec.Struct, frozen=True, rename="camel"):
    """The plugin's build, of 40 fields. Its times are in the server's own format, so not read."""

    notify_type: str | None = ""
    build_result: str | None = ""
    build_status: Text = ""
    build_id: Id = ""
    build_type_id: str | None = ""
    build_name: str | None = ""
    build_number: Text = ""
    build_status_url: str | None = ""
    project_name: Text = ""
    branch_name: str | None = ""
    branch_display_name: Needed[str | None] = ""
    branch_is_default: bool | None = None
    build_is_personal: Needed[bool | None] = None
    triggered_by: Text = ""


class _EventType(msgspec.Struct, frozen=True, rename="camel"):
    event_type: str | None = ""


class _Payload(_EventType, frozen=True, rename="camel"):
    payload: Build | None = None
    build: _PluginBuild | None = None


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Event:
    """Read the event of one delivery."""
    place = Place(source, delivery.received)
    try:
        body = decode(delivery.body, _Payload, strict=False)
    except msgspec.ValidationError:
        # What is told of agents has other fields under the same names.
        name = decode(delivery.body, _EventType).event_type or ""
        if name in _EVENTS or not name:
            raise
        raise Dropped("event-not-mapped", name) from None
    if body.build is not None:
        return build_event(*_from_plugin(body.build), place)
    name, build = body.event_type or "", body.payload
    if name not in _EVENTS:
        raise Dropped("event-not-mapped" if name else "not-a-build", name)
    if build is None:
        raise Dropped("not-a-build", name)
    state = _EVENTS[name] or state_of(build)
    if state in UNDER_WAY and name == "BUILD_FINISHED":
        # The event is sent while the build is still being closed: its status is already the result.
        state = state_of(msgspec.structs.replace(build, state="finished"))
    return build_event(build, state, place)


def sample(source: SourceInfo, now: int) -> Delivery:
    """Make the finished build of a test, on a branch that counts."""
    build = {
        "id": 1,
        "buildTypeId": "DevstreamTest",
        "number": "1",
        "status": "SUCCESS",
        "state": "finished",
        "branchName": sample_branch(source),
        "defaultBranch": True,
    }
    body = {"eventType": "BUILD_FINISHED", "payload": build}
    return Delivery({}, msgspec.json.encode(body), now)


def _from_plugin(said: _PluginBuild) -> tuple[Build, str]:
    """Read a build of the plugin, and its state."""
    notice = said.notify_type or ""
    if notice not in _NOTICES:
        raise Dropped("event-not-mapped" if notice else "not-a-build", notice)
    state = _NOTICES[notice] or _RESULTS.get((said.build_result or "").lower(), "")
    if not state:
        raise Dropped("state-not-mapped", said.build_result or "")
    by, _, how = (part.strip() for part in said.triggered_by.partition(";"))
    number = said.build_id
    # `dev1; IntelliJ IDEA` tries out what is on that person's machine, and in no branch.
    if _IDE.search(how) and not _BY_NOBODY.fullmatch(by):
        raise Dropped("personal-build", how)
    user = User(name=by) if by and not _BY_NOBODY.fullmatch(by) else User()
    build = Build(
        id=int(number) if number.isdecimal() and len(number) < 19 else None,
        build_type_id=said.build_type_id,
        number=said.build_number,
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
