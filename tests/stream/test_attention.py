"""The lines that interrupt a person, and the reasons."""

from __future__ import annotations

import gettext

import msgspec
import pytest
from one_line import NOW, a_line

from devstream_desktop import language
from devstream_desktop.stream.attention import (
    BURST_LIMIT,
    BURST_WINDOW,
    FRESH,
    WORDS_WINDOW,
    Desk,
    Known,
    Recent,
    Severities,
    decide,
    is_end,
    reason_text,
)
from devstream_desktop.stream.fact import NOTE
from devstream_desktop.stream.rules import DEFAULT, Attention, Rule
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.words import Kind, Severity, Transition

DUTY = Desk(person="ana", on_duty=True)


def attention(line: Line, desk: Desk = DUTY) -> Attention:
    decision = decide(line, desk, Recent(), NOW)
    assert decision.reason
    return decision.attention


def test_a_ticket_pops_up_on_duty_and_only_on_duty() -> None:
    assert attention(a_line(Kind.TICKET, "opened")) is Attention.POPUP
    off = Desk("ana", on_duty=False)
    assert attention(a_line(Kind.TICKET, "opened"), off) is Attention.QUIET


def test_snoozed_all_is_quiet_but_the_result_of_ones_own_deploy() -> None:
    asleep = Desk("ana", on_duty=True, snoozed=True)
    assert attention(a_line(Kind.TICKET, "opened"), asleep) is Attention.QUIET
    own = {"actor": "ana", "request": "ab" * 16, "environment": "production"}
    assert attention(a_line(Kind.DEPLOY, "success", **own), asleep) is Attention.POPUP


SHOWN = Known(shown_red=True)
FIXED = a_line(Kind.TEST, "succeeded", Transition.FIXED)


def known(line: Line, memory: Known, desk: Desk = DUTY) -> Attention:
    return decide(line, desk, Recent(), NOW, memory).attention


def test_whoever_was_shown_that_it_broke_is_told_that_it_is_over() -> None:
    none = Desk("ana", on_duty=True, rules=())
    assert known(FIXED, Known(), none) is Attention.QUIET
    assert known(FIXED, SHOWN, none) is Attention.POPUP
    overnight = msgspec.structs.replace(FIXED, received=NOW - 10 * FRESH)
    assert known(overnight, SHOWN, none) is Attention.POPUP
    burst = Recent(shown=[NOW] * BURST_LIMIT)
    assert decide(FIXED, DUTY, burst, NOW, SHOWN).attention is Attention.POPUP


@pytest.mark.parametrize(
    "line",
    [
        msgspec.structs.replace(FIXED, struck=True),
        msgspec.structs.replace(FIXED, transition=Transition.OUTDATED),
    ],
)
def test_nobody_is_told_of_an_end_that_is_not_believed(line: Line) -> None:
    assert known(line, SHOWN) is Attention.QUIET
    assert not is_end(line)


@pytest.mark.parametrize(
    "desk",
    [
        Desk("ana", on_duty=False),
        Desk("ana", on_duty=True, snoozed=True),
        Desk("ana", on_duty=True, watching=True),
    ],
)
def test_who_wants_no_popup_gets_none_of_an_end_either(desk: Desk) -> None:
    assert known(FIXED, SHOWN, desk) is Attention.QUIET


def test_muted_is_quiet_but_for_the_end_and_ones_own_deploy() -> None:
    muted = Known(muted=True)
    assert known(a_line(Kind.INCIDENT, "firing", Transition.NEW), muted) is Attention.QUIET
    assert known(FIXED, Known(shown_red=True, muted=True)) is Attention.POPUP
    own = {"actor": "ana", "request": "ab" * 16, "environment": "production"}
    assert known(a_line(Kind.DEPLOY, "failure", **own), muted) is Attention.POPUP


def test_a_warning_that_becomes_critical_is_no_repeat_and_urgent() -> None:
    firing = a_line(Kind.INCIDENT, "firing", severity=Severity.CRITICAL)
    decision = decide(firing, DUTY, Recent(), NOW, Known(worse=True))
    assert (decision.attention, decision.urgent) == (Attention.POPUP, True)
    assert known(firing, Known(worse=True, muted=True)) is Attention.QUIET


@pytest.mark.parametrize(
    ("lines", "worse"),
    [
        ((Severity.WARNING, Severity.CRITICAL), True),
        ((Severity.CRITICAL, Severity.CRITICAL), False),
        ((Severity.CRITICAL, Severity.WARNING), False),
        ((Severity.WARNING, None, Severity.CRITICAL), False),
        ((Severity.CRITICAL,), False),
    ],
)
def test_worse_is_what_was_broken_less_severely(
    lines: tuple[Severity | None, ...], worse: bool
) -> None:
    memory = Severities()
    found = [
        memory.rises(a_line(Kind.INCIDENT, "resolved" if one is None else "firing", severity=one))
        for one in lines
    ]
    assert found == [False] * (len(lines) - 1) + [worse]


def test_a_line_that_is_not_believed_makes_nothing_worse() -> None:
    memory = Severities()
    warned = a_line(Kind.INCIDENT, "firing", severity=Severity.WARNING)
    critical = a_line(Kind.INCIDENT, "firing", severity=Severity.CRITICAL)
    memory.know([warned, critical])
    assert not memory.rises(msgspec.structs.replace(critical, struck=True))
    assert memory.rises(critical), "a thing that is known is not taken again"


def test_commits_are_quiet_until_a_rule_wants_them() -> None:
    assert attention(a_line()) is Attention.QUIET
    wanted = Rule(name="Mine to watch", then=Attention.POPUP, service=("sh*",), branch=("main",))
    desk = Desk("ana", on_duty=True, rules=(wanted, *DEFAULT))
    decision = decide(a_line(ref="main"), desk, Recent(), NOW)
    assert decision.attention is Attention.POPUP
    assert decision.reason == "rule 1, Mine to watch"
    assert attention(a_line(ref="other"), desk) is Attention.QUIET


def test_a_token_that_is_about_to_end_pops_up() -> None:
    assert attention(a_line(Kind.SOURCE, "active", expires=NOW + 1)) is Attention.POPUP
    assert attention(a_line(Kind.SOURCE, "active", count=40)) is Attention.QUIET


def test_history_never_pops_up() -> None:
    assert attention(a_line(age=FRESH + 1)) is Attention.QUIET
    assert attention(a_line(quiet=True)) is Attention.QUIET


def test_the_open_window_says_it_already() -> None:
    assert attention(a_line(), Desk("ana", on_duty=True, watching=True)) is Attention.QUIET


def test_ones_own_deploy_is_quiet_until_its_result_which_even_pops_up_off_duty() -> None:
    own = {"actor": "ana", "request": "ab" * 16, "environment": "production"}
    assert attention(a_line(Kind.DEPLOY, "in_progress", **own)) is Attention.QUIET
    assert (
        attention(a_line(Kind.DEPLOY, "success", **own), Desk("ana", on_duty=False))
        is Attention.POPUP
    )


@pytest.mark.parametrize(
    ("kind", "state", "transition", "expected"),
    [
        (Kind.BUILD, "failed", Transition.FAILED, Attention.POPUP),
        (Kind.BUILD, "failed", Transition.STILL_FAILING, Attention.QUIET),
        (Kind.BUILD, "succeeded", Transition.FIXED, Attention.POPUP),
        (Kind.BUILD, "succeeded", Transition.NONE, Attention.QUIET),
        (Kind.BUILD, "running", Transition.NONE, Attention.QUIET),
        (Kind.DEPLOY, "in_progress", Transition.NONE, Attention.POPUP),
        (Kind.DEPLOY, "requested", Transition.NONE, Attention.QUIET),
        (Kind.DEPLOY, "inactive", Transition.NONE, Attention.QUIET),
        (Kind.INCIDENT, "firing", Transition.NEW, Attention.POPUP),
        (Kind.INCIDENT, "firing", Transition.NONE, Attention.QUIET),
        (Kind.INCIDENT, "resolved", Transition.FIXED, Attention.POPUP),
        (Kind.TICKET, "opened", Transition.NEW, Attention.POPUP),
        (Kind.TICKET, "closed", Transition.FIXED, Attention.QUIET),
        (Kind.SOURCE, "silent", Transition.FAILED, Attention.POPUP),
        (Kind.TEAM, "joined", Transition.NONE, Attention.POPUP),
        (Kind.TEAM, "asked", Transition.NONE, Attention.POPUP),
        (Kind.TEAM, "rejected", Transition.NONE, Attention.POPUP),
        (Kind.TEAM, "revoked", Transition.NONE, Attention.POPUP),
        (Kind.TEAM, "policy", Transition.NONE, Attention.POPUP),
        (Kind.TEAM, "left", Transition.NONE, Attention.POPUP),
        (Kind.TEAM, "issuing", Transition.NONE, Attention.QUIET),
        (Kind.TEAM, "available", Transition.NONE, Attention.QUIET),
        (Kind.DUTY, "on", Transition.NONE, Attention.QUIET),
    ],
)
def test_kinds(kind: Kind, state: str, transition: Transition, expected: Attention) -> None:
    assert attention(a_line(kind, state, transition)) is expected


def test_a_burst_becomes_a_digest_until_the_window_is_over() -> None:
    recent = Recent()
    decided = [
        decide(a_line(Kind.TICKET, "opened"), DUTY, recent, NOW).attention
        for _ in range(BURST_LIMIT + 2)
    ]
    assert decided == [Attention.POPUP] * BURST_LIMIT + [Attention.DIGEST] * 2
    later = NOW + BURST_WINDOW
    opened = a_line(Kind.TICKET, "opened", age=-BURST_WINDOW)
    assert decide(opened, DUTY, recent, later).attention is Attention.POPUP


def test_a_member_who_says_much_silences_nothing_that_happens_and_nobody_else() -> None:
    recent = Recent()

    def claim(device: str, at: int) -> Attention:
        line = msgspec.structs.replace(a_line(Kind.CLAIM, "claimed", age=NOW - at), device=device)
        return decide(line, DUTY, recent, at).attention

    flood = [claim("mallory", NOW + 50 * n) for n in range(100)]
    assert flood == [Attention.POPUP] * BURST_LIMIT + [Attention.QUIET] * (100 - BURST_LIMIT)
    now = NOW + 5_000
    broken = a_line(Kind.BUILD, "failed", Transition.FAILED, age=NOW - now)
    assert [decide(broken, DUTY, recent, now).attention for _ in range(BURST_LIMIT)] == [
        Attention.POPUP
    ] * BURST_LIMIT
    assert claim("bo", NOW + BURST_WINDOW) is Attention.POPUP
    assert claim("mallory", NOW + BURST_WINDOW) is Attention.QUIET
    assert claim("mallory", NOW + WORDS_WINDOW + 5_000) is Attention.POPUP


def test_who_asks_one_person_to_take_over_forty_things_is_heard_three_times() -> None:
    recent = Recent()

    def ask(device: str, number: int) -> Attention:
        line = a_line(Kind.CLAIM, "released", subject=f"x{number}", action=NOTE, about="ana")
        said = msgspec.structs.replace(line, device=device)
        return decide(said, DUTY, recent, NOW).attention

    flood = [ask("mallory", number) for number in range(40)]
    assert flood == [Attention.POPUP] * BURST_LIMIT + [Attention.QUIET] * (40 - BURST_LIMIT)
    critical = a_line(Kind.INCIDENT, "firing", Transition.NEW, severity=Severity.CRITICAL)
    assert decide(critical, DUTY, recent, NOW).urgent
    assert ask("bo", 1) is Attention.POPUP


def test_many_members_who_speak_at_once_make_a_digest() -> None:
    recent = Recent()
    lines = [
        msgspec.structs.replace(a_line(Kind.CLAIM, "claimed"), device=f"d{n}")
        for n in range(BURST_LIMIT + 2)
    ]
    decided = [decide(line, DUTY, recent, NOW).attention for line in lines]
    assert decided == [Attention.POPUP] * BURST_LIMIT + [Attention.DIGEST] * 2


def test_a_failed_production_deploy_is_never_lost_in_a_digest() -> None:
    recent = Recent(shown=[NOW] * BURST_LIMIT)
    decision = decide(a_line(Kind.DEPLOY, "failure", environment="production"), DUTY, recent, NOW)
    assert decision.attention is Attention.POPUP
    assert decision.urgent


def test_k5_the_age_of_an_alert_is_not_the_age_of_its_news() -> None:
    hours = a_line(Kind.INCIDENT, "firing", Transition.NEW, time=NOW - 2 * 3_600_000)
    assert attention(msgspec.structs.replace(hours, received=NOW)) is Attention.POPUP


def test_a_device_that_others_add_in_ones_own_name_is_news() -> None:
    for state in ("asked", "joined", "revoked", "left"):
        assert attention(a_line(Kind.TEAM, state, actor="ana", count=2)) is Attention.POPUP
    assert attention(a_line(Kind.TEAM, "policy", actor="ana")) is Attention.QUIET
    for state in ("claimed", "released"):
        assert attention(a_line(Kind.CLAIM, state, actor="ana")) is Attention.QUIET


def test_k3_older_work_interrupts_nobody() -> None:
    assert attention(a_line(Kind.DEPLOY, "failure", Transition.OUTDATED)) is Attention.QUIET


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        ("queued", Attention.POPUP),
        ("in_progress", Attention.POPUP),
        ("requested", Attention.QUIET),
        ("refused", Attention.QUIET),
    ],
)
def test_everybody_is_told_that_the_glass_was_broken_as_soon_as_it_was(
    state: str, wanted: Attention
) -> None:
    off = Desk("bo", on_duty=False)
    about = {"actor": "ana", "request": "ab" * 16, "environment": "production", "override": True}
    assert attention(a_line(Kind.DEPLOY, state, **about), off) is wanted
    plain = about | {"override": False}
    assert attention(a_line(Kind.DEPLOY, state, **plain), off) is Attention.QUIET


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ("you muted it", "«you muted it»"),
        ("rule 7, Somebody is on it", "«rule 7, «Somebody is on it»»"),
        ("rule 2, Mine, and a comma", "«rule 2, Mine, and a comma»"),
        (
            "ana said more than 3 things within a minute",
            "«ana said more than 3 things within a minute»",
        ),
        (
            "more than 3 popups in 10 seconds, so it went into one digest",
            "«more than 3 popups in 10 seconds, so it went into one digest»",
        ),
    ],
)
def test_a_kept_reason_is_said_in_the_desks_language(
    kept: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert reason_text(kept) == kept
    marked = gettext.NullTranslations()
    marked.gettext = "«{}»".format  # type: ignore[method-assign]
    monkeypatch.setattr(language, "_catalogue", marked)
    assert reason_text(kept) == said
