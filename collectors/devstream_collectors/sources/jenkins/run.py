"""Jenkins' builds as runs: where a job is, what a result means.

The Notification plugin and the API speak of the same builds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from devstream_collectors.kit.decoding import person, sha
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.place import Place, page_scope
from devstream_collectors.kit.run import UNDER_WAY, Run, run_event
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.text import short_ref

_RESULTS = {
    "SUCCESS": "succeeded",
    "UNSTABLE": "failed",
    "FAILURE": "failed",
    "FAILED": "failed",
    "ABORTED": "cancelled",
    "NOT_BUILT": "cancelled",
}
"""Results, of https://javadoc.jenkins.io/hudson/model/Result.html; old plugins say `FAILED`."""
_PULL_REQUEST = re.compile(r"(?:PR|MR)-\d+(?:-head|-merge)?")
"""The names of pull and merge requests' jobs in multibranch projects."""
_REQUEST = re.compile(
    r"ghprb(?:pull|target)\w*|change_(?:id|target)|gerrit_change_(?:id|number)|pull_id|(?:pr|mr)_i?id"
    r"|\w*(?:pull|merge)_?request_?(?:i?id|number)|(?:github_)?(?:pr|mr)_number",
    re.IGNORECASE,
)
"""The parameters of plugins that build pull or merge requests."""
_JOB = re.compile(r"(?:^|/)job/([^/]+)")
_REMOTE = re.compile(r"^(?:refs/)?(?:remotes/)?origin/")
_MAX_CULPRITS = 3
_NOTHING = frozenset({"", "0", "null", "none", "false", "n/a"})


def state_of(result: str | None) -> str:
    """Return the state of a finished build.

    Raises:
        Dropped: the result is none that Jenkins has.

    """
    said = (result or "").upper()
    if said not in _RESULTS:
        raise Dropped("no-result", result or "")
    return _RESULTS[said]


def is_void(result: str | None) -> bool:
    """Tell whether a build ended without being run."""
    return (result or "").upper() == "NOT_BUILT"


def check_parameters(parameters: Mapping[str, str]) -> None:
    """Drop the build of a pull or merge request.

    Raises:
        Dropped: a parameter names the request.

    """
    for name, value in parameters.items():
        if _REQUEST.fullmatch(name) and value.strip().lower() not in _NOTHING:
            raise Dropped("run-of-a-pull-request", f"{name} {value}")


def job_path(url: str | None) -> tuple[str, ...]:
    """Return the names of a job's folders and its own; they may hold `%2F` for a slash.

    Args:
        url: of the job or of a build of it.

    """
    try:
        path = urlsplit(url or "").path
    except ValueError:
        return ()
    return tuple(unquote(name) for name in _JOB.findall(path))


def branch_name(ref: str | None) -> str:
    """Return `main` for `origin/main`, as Jenkins' Git plugin writes it."""
    plain = short_ref(ref or "")
    return "" if plain == "detached" else _REMOTE.sub("", plain)


def culprits(names: list[str]) -> str:
    """Name the people who committed to a build: at most three."""
    found = dict.fromkeys(name for name in map(person, names) if name)
    return ", ".join(list(found)[:_MAX_CULPRITS])


def build_event(run: Run, path: tuple[str, ...], place: Place, *, multibranch: bool) -> Event:
    """Make the event of a build.

    Args:
        run: of a job; `url` is the build's page, `pipeline` the job's name when there is no `path`.
        path: the job's folders and its own name.
        place: for whom.
        multibranch: the last part of `path` is a branch.

    Raises:
        Dropped: of a pull request, or not on a branch that counts.
        InvalidEventError: as `make_event`.

    """
    names = tuple(unquote(name) for name in path) or (run.pipeline,)
    if len(names) > 1 and _PULL_REQUEST.fullmatch(names[-1]):
        raise Dropped("run-of-a-pull-request", names[-1])
    branch = run.branch or (names[-1] if multibranch and len(names) > 1 else "")
    if not branch and place.branches and run.state in UNDER_WAY:
        # A plain job tells its branch when it has checked it out: a row begun here would never end
        # if the branch is another one.
        raise Dropped("branch-not-known-yet", "/".join(names))
    # The job's own page, not the build's: Jenkins says its address the same way in both.
    page = page_scope(run.url).rpartition(f"/{run.run}")[0]
    known = replace(
        run,
        pipeline="/".join(names[-2:]),
        pipeline_id="/".join(path) or run.pipeline,
        # Its scope is its own page.
        file="/".join(names[-2:]),
        branch=branch,
        revision=sha(run.revision),
        row_by_branch=False,
    )
    scope = page or f"jenkins/{place.source.name}/{'/'.join(path)}"
    return run_event(known, place.at(scope, names[-2] if len(names) > 1 else names[-1]))
