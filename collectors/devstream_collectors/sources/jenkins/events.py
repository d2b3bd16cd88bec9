"""Jenkins' builds as runs: where a job is, what a result means. The Notification plugin and the API speak of the same builds."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from devstream_collectors.before.branches import is_global
from devstream_collectors.before.decoding import person, sha
from devstream_collectors.before.outcome import Dropped
from devstream_collectors.before.place import page_scope
from devstream_collectors.before.run import Run, run_event
from devstream_collectors.contract import SourceInfo
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.text import short_ref

RESULTS = {
    "SUCCESS": "succeeded",
    "UNSTABLE": "failed",
    "FAILURE": "failed",
    "FAILED": "failed",
    "ABORTED": "cancelled",
}
"""Of https://javadoc.jenkins.io/hudson/model/Result.html those that are news: not `NOT_BUILT`. `FAILED` is what old plugins say."""
_PULL_REQUEST = re.compile(r"(?:PR|MR)-\d+(?:-head|-merge)?")
"""What multibranch projects call the job of a pull or merge request."""
_JOB = re.compile(r"(?:^|/)job/([^/]+)")
_REMOTE = re.compile(r"^(?:refs/)?(?:remotes/)?origin/")
_MAX_CULPRITS = 3


def state_of(result: str | None) -> str:
    """The state of a finished build.

    Raises:
        Dropped: it was not run, or the result is none that Jenkins has.

    """
    state = RESULTS.get((result or "").upper())
    if state is None:
        raise Dropped(
            "build-not-run" if (result or "").upper() == "NOT_BUILT" else "no-result", result or ""
        )
    return state


def job_path(url: str | None) -> tuple[str, ...]:
    """The names of a job's folders and its own, from the address of the job or of a build of it; they may hold `%2F` for a slash."""
    try:
        path = urlsplit(url or "").path
    except ValueError:
        return ()
    return tuple(unquote(name) for name in _JOB.findall(path))


def branch_name(ref: str | None) -> str:
    """`main` for `origin/main`, as Jenkins' Git plugin writes it."""
    plain = short_ref(ref or "")
    return "" if plain == "detached" else _REMOTE.sub("", plain)


def culprits(names: list[str | None]) -> str:
    """Who committed to a build: at most three names."""
    found = dict.fromkeys(name for name in map(person, names) if name)
    return ", ".join(list(found)[:_MAX_CULPRITS])


def build_event(
    run: Run, path: tuple[str, ...], source: SourceInfo, *, multibranch: bool, received: int
) -> Event:
    """The event of a build.

    Args:
        run: what is known of it; `url` is its page, `pipeline` the job's name for when there is no `path`.
        path: the job's folders and its own name.
        source: whose line it is.
        multibranch: the last part of `path` is a branch.
        received: when it came in, UTC milliseconds.

    Raises:
        Dropped: of a pull request, or not on a branch the team watches.
        InvalidEventError: as `make_event`.

    """
    names = tuple(unquote(name) for name in path) or (run.pipeline,)
    if len(names) > 1 and _PULL_REQUEST.fullmatch(names[-1]):
        raise Dropped("run-of-a-pull-request", names[-1])
    branch = run.branch or (names[-1] if multibranch and len(names) > 1 else "")
    if not branch and source.branches and run.state in ("queued", "running"):
        # A plain job tells its branch when it has checked it out: a row begun here would never end if the branch is another one.
        raise Dropped("branch-not-known-yet", "/".join(names))
    if branch and source.branches and not is_global(branch, source.branches, ""):
        raise Dropped("not-a-global-branch", branch)
    # The job's own page, not the build's: Jenkins says its address the same way in both.
    page = (
        page_scope(run.url).rpartition(f"/{run.run}")[0]
        or f"jenkins/{source.name}/{'/'.join(path)}"
    )
    known = Run(
        pipeline="/".join(names[-2:]),
        pipeline_id="/".join(path) or run.pipeline,
        run=run.run,
        state=run.state,
        branch=branch,
        revision=sha(run.revision),
        actor=run.actor,
        reason=run.reason,
        url=run.url,
        failed=run.failed,
        total=run.total,
        changed=run.changed,
        duration=run.duration,
        row_by_branch=False,
    )
    return run_event(
        known,
        source,
        scope=page,
        service=names[-2] if len(names) > 1 else names[-1],
        received=received,
    )
