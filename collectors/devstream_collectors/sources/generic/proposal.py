"""A rules file proposed from one body: a start that its author reads and corrects.

Names of fields decide: `repository.name` is a service, `status` a state. The nearest to the top
wins. What a body does not have is left out, and every field stands beside the sample's value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from devstream_collectors.kit import alert, ticket
from devstream_collectors.kit.decoding import word
from devstream_collectors.kit.run import run_kind
from devstream_desktop.stream.text import clean
from devstream_desktop.stream.words import STATES, Kind

MAX_FIELDS, MAX_DEPTH = 2_000, 8
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TEXT, _TIME, _URL = "text", "time", "url"
_IS = {
    _TIME: re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:|^1\d{9}(?:\d{3})?(?:\.\d+)?$"),
    _URL: re.compile(r"^https?://\S+$"),
    "revision": re.compile(r"^[0-9a-f]{7,64}$"),
    "number": re.compile(r"^[\w./:#-]{1,60}$"),
}
_WORDS = {
    # From the most telling name to the least; a path's end counts.
    "service": "service service_name service.name app.name application.name application app "
    "repository.name repo.name repository repo project.name project monitor.name site.name "
    "organization.name team.name component",
    "state": "state status result conclusion outcome new_state current_state current_status "
    "build_status alert_status alertstate transition event_type eventtype event action type",
    "subject": "pipeline.name pipeline workflow.name workflow job.name job check.name check_name "
    "alert_name alertname rule.name rule monitor.name monitor_name name",
    "number": "number build_number run_number build.number iid key identifier incident_id "
    "alert_id issue_id ticket_id deployment_id run_id build_id id uuid",
    "title": "title subject summary alert_title message.title name headline message",
    "actor": "actor.name actor.login actor user.name user.login user.username username user "
    "author.name author.login author sender.login sender.name sender triggered_by created_by "
    "owner by.name committer",
    "reason": "reason error_message error description details detail message",
    "url": "html_url web_url permalink url link href",
    "environment": "environment.name environment env stage target deployment.environment",
    "ref": "ref branch.name branch branch_name source_branch head_branch git_branch",
    "revision": "sha commit.sha commit.id commit_id commit_sha revision commit head_sha after",
    "previous": "before previous_sha",
    "severity": "severity priority.name priority level urgency",
    "started": "started_at started start_time created_at created starts_at startsat",
    "time": "finished_at finished completed_at ended_at end_time resolved_at updated_at updated "
    "occurred_at timestamp date time created_at",
    "seconds": "duration duration_seconds elapsed",
}
_SORTS = {"time": _TIME, "started": _TIME, "url": _URL, "revision": "revision", "number": "number"}
_FIELDS = {
    Kind.CHANGE: "service state subject number title actor url ref revision previous time",
    Kind.BUILD: "service state subject number title actor reason url ref revision seconds started "
    "time",
    Kind.TEST: "service state subject number title actor reason url ref revision seconds started "
    "time",
    Kind.DEPLOY: "service state number title actor reason url environment ref revision started "
    "time",
    Kind.INCIDENT: "service state subject number title actor reason url environment severity "
    "started time",
    Kind.TICKET: "service state number title actor url severity time",
}
_HINTS = {
    Kind.DEPLOY: ("deploy", "release", "rollout", "environment"),
    Kind.TICKET: ("ticket", "issue", "priority", "assignee", "reporter", "story", "card"),
    Kind.INCIDENT: ("alert", "incident", "severity", "monitor", "firing", "error", "threshold"),
    Kind.BUILD: ("build", "pipeline", "workflow", "job", "commit", "branch", "conclusion"),
    Kind.CHANGE: ("before", "after", "commits", "pusher", "push"),
}
_STATE_WORDS = {
    "succeeded": "success succeeded successful passed pass ok green completed complete done "
    "finished",
    "failed": "failure failed fail broken red error errored",
    "cancelled": "cancelled canceled aborted stopped skipped",
    "running": "running started in_progress building pending queued created",
    "firing": "firing triggered alert alerting critical problem open opened down warning new "
    "active",
    "resolved": "resolved recovered ok normal closed up cleared",
    "opened": "opened open new created create",
    "closed": "closed close done resolved fixed completed solved",
    "reopened": "reopened reopen",
    "pushed": "pushed push",
}
_DEPLOY_WORDS = {
    "succeeded": "success",
    "failed": "failure",
    "cancelled": "cancelled",
    "running": "in_progress",
}


@dataclass(frozen=True)
class Leaf:
    """A value of a body and its JMESPath expression."""

    expression: str
    names: tuple[str, ...]
    """Lower-case names on the way to it, without list places."""
    value: str


def propose(document: object) -> str:
    """Return a rules file for bodies like this one.

    Raises:
        ValueError: the body has no field that could be a state; the message is a sentence.

    """
    leaves = [leaf for leaf in _leaves(document) if leaf.names[:1] != ("_headers",)]
    if not leaves:
        raise ValueError("there is no named field in it; a rule needs an object with names")
    kind = _kind(leaves)
    fields = {field: leaf for field in _FIELDS[kind].split() if (leaf := _best(leaves, field))}
    return "\n".join(_lines(document, kind, fields)) + "\n"


def _lines(document: object, kind: Kind, fields: dict[str, Leaf]) -> Iterator[str]:
    yield "# Proposed from one body: read each line, and correct it."
    yield f"# Then: devstream rules test THIS.toml SAMPLE.json. States of {kind}:"
    yield f"# {', '.join(STATES[kind])}"
    yield ""
    yield "[[rule]]"
    yield f'name = "{kind}"'
    yield f"match = {_quoted(_match(document, fields))}"
    yield f'kind = "{kind}"           # or {", ".join(k for k in _FIELDS if k is not kind)}'
    yield f"id = {_quoted(_identity(kind, fields))} # what makes this fact one, and no other"
    yield ""
    yield "[rule.fields]"
    if "state" not in fields:
        usual = "firing" if kind is Kind.INCIDENT else STATES[kind][0]
        yield f"state = {_quoted(_literal(usual))} # no field of the body says it"
    for field, leaf in fields.items():
        if field in ("subject", "title") and leaf == fields.get("service") and _runs(kind, fields):
            number = fields["number"].expression
            text = "'build'" if field == "subject" else _numbered(number)
            yield f"{field} = {_quoted(text)}"
            continue
        shown = clean(leaf.value, 60)
        yield f"{field} = {_quoted(_made(field, leaf))} # {shown}"
    said = fields["state"].value if "state" in fields else ""
    if said and said not in STATES[kind]:
        known = _state(kind, said)
        yield ""
        yield "[rule.states]              # the sender's words, and the stream's"
        # A guess would be a false line: where the word is not a usual one, its author says it.
        yield f"{'' if known else '# '}{_quoted(said)} = {_quoted(known or STATES[kind][-1])}"
    severity = fields["severity"].value if "severity" in fields else ""
    if severity and (ticket.urgency if kind is Kind.TICKET else alert.severity)(severity) is None:
        yield ""
        yield "[rule.severities]          # info, notice, warning, error or critical"
        yield f'{_quoted(severity)} = "warning"'


def _runs(kind: Kind, fields: dict[str, Leaf]) -> bool:
    """Tell whether it is a run with a number."""
    return kind in (Kind.BUILD, Kind.TEST) and "number" in fields


def _numbered(number: str) -> str:
    return f"join('', ['build #', to_string({number})])"


def _leaves(document: object) -> list[Leaf]:
    """Take the values with a name, the nearest to the top first."""
    found: list[Leaf] = []
    waiting: list[tuple[str, tuple[str, ...], object]] = [("", (), document)]
    while waiting and len(found) < MAX_FIELDS:
        expression, names, value = waiting.pop(0)
        if isinstance(value, dict) and len(names) < MAX_DEPTH:
            for name, inner in list(value.items())[:200]:
                key = name if _NAME.fullmatch(name) else msgspec.json.encode(name).decode()
                path = f"{expression}.{key}" if expression else key
                waiting.append((path, (*names, name.lower()), inner))
        elif isinstance(value, list) and value and len(names) < MAX_DEPTH:
            waiting.append((f"{expression or '@'}[0]", names, value[0]))
        elif names and isinstance(value, str | int | float) and word(value):
            found.append(Leaf(expression, names, word(value)))
    return found


def _best(leaves: list[Leaf], field: str) -> Leaf | None:
    for wanted in _WORDS[field].split():
        ends = tuple(wanted.split("."))
        for leaf in leaves:
            plain = tuple(name.replace("-", "_") for name in leaf.names)
            fits = plain[-len(ends) :] == ends and _is_a(leaf.value, field)
            if fits and not (field == "state" and len(leaf.value) > 40):
                return leaf
    return None


def _is_a(value: str, field: str) -> bool:
    sort = _IS.get(_SORTS.get(field, _TEXT))
    # The address of a project is not its name.
    return _IS[_URL].search(value) is None if sort is None else sort.search(value) is not None


def _kind(leaves: list[Leaf]) -> Kind:
    text = " ".join(
        f"{' '.join(leaf.names)} {leaf.value if len(leaf.value) < 40 else ''}" for leaf in leaves
    ).lower()
    scores = {
        kind: sum(len(re.findall(rf"(?<![a-z]){hint}", text)) for hint in hints)
        for kind, hints in _HINTS.items()
    }
    names = {leaf.names[-1] for leaf in leaves}
    if {"before", "after", "ref"} <= names:
        return Kind.CHANGE
    scores.pop(Kind.CHANGE)
    best = max(scores, key=lambda kind: scores[kind])
    if not scores[best]:
        return Kind.INCIDENT
    title = _best(leaves, "subject")
    return run_kind(title.value) if best is Kind.BUILD and title else best


def _match(document: object, fields: dict[str, Leaf]) -> str:
    """Match bodies with these fields and the same event name."""
    wanted = [fields[name].expression for name in ("state", "number", "title") if name in fields]
    if isinstance(document, dict):
        for name in ("event", "event_type", "eventType", "type", "action", "kind", "hook"):
            value = document.get(name)
            if isinstance(value, str) and len(value) < 60 and name not in wanted:
                return f"{name} == {_literal(value)}"
    return " && ".join(wanted[:2]) or "@"


def _identity(kind: Kind, fields: dict[str, Leaf]) -> str:
    """Name the happening itself: its number, and its time where it can happen again."""
    parts = [fields[name].expression for name in ("service", "number") if name in fields]
    if kind in (Kind.INCIDENT, Kind.TICKET) or len(parts) < 2:
        # Of an alert the beginning is the same when it fires and when it is over.
        when = "started" if kind is Kind.INCIDENT and "started" in fields else "time"
        parts += [fields[name].expression for name in (when,) if name in fields]
    return f"path({', '.join(dict.fromkeys(parts))})" if parts else ""


def _made(field: str, leaf: Leaf) -> str:
    if field == "title" or (field == "reason" and "\n" in leaf.value):
        return f"first_line({leaf.expression})"
    if field == "state":
        return f"to_string({leaf.expression})"
    return leaf.expression


def _state(kind: Kind, said: str) -> str:
    """Return the stream's word for a usual one; else nothing."""
    plain = said.lower().replace(" ", "_")
    for one in (plain, re.split(r"[._:/-]", plain)[-1]):
        for ours, words in _STATE_WORDS.items():
            state = _DEPLOY_WORDS.get(ours, ours) if kind is Kind.DEPLOY else ours
            if state in STATES[kind] and one in words.split():
                return state
    return ""


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _quoted(text: str) -> str:
    # A JSON text is a TOML text too, but for the one character that TOML wants escaped.
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")
