"""Sentences of a plan: the executor says them in English, a desk in the person's language.

A node speaks English, and its sentences cross the network as text. Each stands here once, with
its places: the reasons to look twice, and why there is no plan or why it is refused. `translated`
finds the one that a text was made of, among all the constants here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from devstream_desktop.control.known_words import KnownWords, messages_of
from devstream_desktop.language import N_

CHECK_ENDED: Mapping[str, str] = MappingProxyType(
    {
        "failed": N_("{name} failed at this commit"),
        "errored": N_("{name} errored at this commit"),
        "cancelled": N_("{name} cancelled at this commit"),
    }
)
"""By the state of the check."""
CHECK_UNDER_WAY: Mapping[str, str] = MappingProxyType(
    {"queued": N_("{name} is queued"), "running": N_("{name} is running")}
)
FORGE_ASKED = N_("{forge} was asked, for the stream does not tell all: {names}")
NO_CHECKS = N_("no build or test of this commit is known")
INCIDENT = N_("open: {line}")
BACKWARDS = (
    N_("this goes backwards: 1 commit goes away"),
    N_("this goes backwards: {count} commits go away"),
)
OLDER = N_("this commit is {age} older than what runs there")
OTHERS = (
    N_("others' work ships too, 1 commit: {people}"),
    N_("others' work ships too, {count} commits: {people}"),
)
UNKNOWN_THERE = N_("what runs on {environment} is not known")
UNKNOWN_COMMIT = N_("nothing is known of this commit but its hash")
EXECUTOR_AWAY = N_(
    "{person}'s device {device}, the executor of {target}, cannot be asked from here,"
    " so this is what the stream tells"
)
EXECUTOR_UNREACHED = N_(
    "{person}'s device {device}, the executor of {target}, cannot be asked from here: {reason}"
)
BY_ITS_HASH = N_("deploy the commit by its hash instead: {command}")
FROZEN = N_("frozen until {time} ({zone}): {reason}")
CLOSED_HOURS = N_("deploys are allowed {days_and_hours} ({zone}), and it is {time} there")
CLOSED_DAY = N_("deploys are allowed {days} at any hour ({zone}), and it is {time} there")
LOCKED = N_("{place} is locked by {person} for {age} now")
LOCKED_UNTIL = N_("{place} is locked by {person} for {age} now, {left} more")
LOCKED_WHY = N_("{place} is locked by {person} for {age} now: {reason}")
LOCKED_UNTIL_WHY = N_("{place} is locked by {person} for {age} now, {left} more: {reason}")
APPROVALS = N_("waits for the approval of {count} of {people}: {command}")
NEXT = N_("next, after {person}'s deploy of {commit}")
QUEUED = N_("number {number}, after {person}'s deploy of {commit}")

NOT_DEPLOYER = N_("{person} may not deploy {target} to {environment}")
NOT_GLASS = N_("{person} may not break the glass for {place}")
CAN_GRANT = N_("{people} (admin) can grant it: {command}")
MAY_NOT = N_("{person} may not")
ASK = N_("ask {people}")
MAY_BREAK_GLASS = N_("{people} may with {options}")
REF_REFUSED = N_("{ref} may not be deployed to {environment}")
REFS_ALLOWED = N_("allowed are {refs}")
NO_ROLLBACK = N_(
    "{commit} was never deployed to {environment} with success, so this is no rollback"
)
DEPLOY_IT = N_("deploy it")
OUT_OF_ORDER = N_(
    "{commit} was not deployed to {before} with success,"
    " which comes before {environment}: {command}"
)
TIP_UNKNOWN = N_("what {ref} is now cannot be checked: {reason}")
NO_TIP = N_("{commit} is not the newest commit of any branch or tag that may be deployed")
PUT_A_REF = N_("put a branch or tag on it and deploy that with {option}")
ON_NO_REF = N_("{commit} is on no branch or tag that may be deployed")
REF_FIRST = N_("merge it into one, or put a tag on it that may be deployed")
REF_GONE = N_("there is no {ref} in the repository any more")
CHECK_UNKNOWN = N_("the check {name} is not known for {commit}")
CHECK_UNKNOWN_FOR = N_("the check {name} is not known for {commit}, and {reason}")
CHECK_TO_COME = N_("wait until it has run, or see that its source tells this team")
CHECK_WAITS: Mapping[str, str] = MappingProxyType(
    {"queued": N_("the check {name} is queued"), "running": N_("the check {name} is running")}
)
CHECK_TO_PASS = N_("wait until it has passed")
CHECK_RED: Mapping[str, str] = MappingProxyType(
    {
        "failed": N_("the check {name} failed {age} ago"),
        "errored": N_("the check {name} errored {age} ago"),
        "cancelled": N_("the check {name} cancelled {age} ago"),
    }
)
"""By the state of the check."""
CHECK_TO_MEND = N_("mend it or run it again")
CHECK_OLD = N_("the check {name} passed {age} ago, and only {most} count")
CHECK_AGAIN = N_("run it again")
TOO_FEW = N_("it needs the approval of {count} beside {person}, and {people} may give one")
NOBODY_APPROVES = N_("it needs the approval of {count} beside {person}, and nobody may give one")
ADMIN_CAN_GRANT = N_("an admin can grant it: {command}")
QUEUE_FULL = N_("{count} deploys wait there already")
LATER = N_("ask again later")
NO_COMMIT_ON = N_("no commit on {ref} of {target} is known here")
COMMIT_TO_COME = N_("wait until it is in the stream, or give all its digits with {option}")
LOOK_UP_FAILED = N_("what {ref} is now cannot be looked up: {reason}")
NO_REF = N_("there is no {ref} in the repository of {target}")
ANOTHER_REF = N_("name another branch or tag with {option}")
NOTHING_BEFORE = N_(
    "no earlier deploy of {target} to {environment} from here succeeded,"
    " so there is nothing to go back to"
)
NAME_A_COMMIT = N_("name a commit with {option}")
NOTHING_TO_PROMOTE = N_("nothing was deployed to {environment} from here with success yet")
DEPLOY_THERE = N_("deploy it there first")
NO_SINGLE_COMMIT = N_("no single commit of {target} that begins with {digits} is known here")
MORE_DIGITS = N_("give more of its digits, or all")
OFFLINE = N_(
    "{person}'s device {device}, the executor of {target}, is offline,"
    " last heard of {age} ago ({reason})"
)
NOTHING_RUNS = N_("nothing runs until it is back")

_KNOWN = KnownWords(messages_of(globals()))


def translated(text: str) -> str:
    """Say a sentence of a plan in this program's language; one that is not known stays."""
    return _KNOWN.translated(text)
