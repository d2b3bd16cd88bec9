"""Dialogs never act by accident, show each refusal, and send nothing twice."""

from __future__ import annotations

import msgspec
import pytest
from fake_data import PLAN
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QDialog

from devstream_desktop import language
from devstream_desktop.control.messages.base import Done
from devstream_desktop.control.messages.deploys import (
    DeployList,
    DeployLog,
    GetDeployLog,
    GetDeploys,
    LockState,
    ParameterForm,
    PendingDeploy,
    PlanDeploy,
    PlanWarning,
    RequestAnswer,
    RequestDeploy,
    RequestLock,
)
from devstream_desktop.control.messages.members import (
    Device,
    GetMembers,
    Invite,
    InviteRead,
    Join,
    Joining,
    Member,
    ReadInvite,
    Waiting,
)
from devstream_desktop.control.messages.status import PeerStatus
from devstream_desktop.control.messages.stream import SetDuty
from devstream_desktop.desktop.tray.contents import target_text
from devstream_desktop.desktop.windows.deploy.actions import PROMOTE
from devstream_desktop.desktop.windows.deploy.approve_dialog import ApproveDialog
from devstream_desktop.desktop.windows.deploy.dialog import DeployDialog
from devstream_desktop.desktop.windows.invite_dialog import InviteDialog
from devstream_desktop.desktop.windows.join_dialog import JoinDialog
from devstream_desktop.team.joining.errors import JoinError, Problem

STAGING = msgspec.structs.replace(PLAN, environment="staging", type_to_confirm=False)


@pytest.fixture
def open_deploy(show, asked, fake):
    def make(environment="production", **plan):
        place = next(
            place
            for place in fake.TARGETS
            if (place.target, place.environment) == ("shop", environment)
        )
        dialog = show(DeployDialog(place, fake.status()))
        typing = environment == "production"
        changes = {"environment": environment, "type_to_confirm": typing, **plan}
        asked.answer(msgspec.structs.replace(fake.PLAN, **changes), PlanDeploy)
        return dialog

    return make


def test_production_wants_its_name_typed(qtbot, open_deploy, asked):
    dialog = open_deploy()
    assert not dialog.request.go.isEnabled()
    qtbot.keyClicks(dialog.request.typed, "productio")
    assert not dialog.request.go.isEnabled()
    qtbot.keyClicks(dialog.request.typed, "n")
    assert dialog.request.go.isEnabled()
    qtbot.mouseClick(dialog.request.go, Qt.MouseButton.LeftButton)
    (request,) = asked.of(RequestDeploy)
    assert (request.target, request.environment, request.sha) == (
        "shop",
        "production",
        "5e55a1f00dcafe5e55a1f00dcafe5e55a1f00dca",
    )


def test_enter_and_escape_are_cancel(qtbot, open_deploy, asked):
    dialog = open_deploy("staging")
    assert dialog.request.go.isEnabled()
    assert dialog.request.cancel.isDefault()
    qtbot.keyClick(dialog, Qt.Key.Key_Return)
    assert dialog.result() == QDialog.DialogCode.Rejected
    assert asked.of(RequestDeploy) == []


def test_a_double_click_sends_once(qtbot, open_deploy, asked):
    dialog = open_deploy("staging")
    qtbot.mouseDClick(dialog.request.go, Qt.MouseButton.LeftButton)
    dialog.request.go.click()
    assert len(asked.of(RequestDeploy)) == 1
    with qtbot.waitSignal(dialog.sent, timeout=20_000):
        asked.answer(Done(text="ab" * 16))
    assert dialog.progress.isVisible()


def test_a_refusal_is_shown_and_can_be_tried_again(open_deploy, asked):
    dialog = open_deploy("staging")
    dialog.request.go.click()
    asked.refuse("the executor is not reachable; try again when it is")
    assert dialog.request.message.text() == "the executor is not reachable; try again when it is"
    assert dialog.request.go.isEnabled()
    assert dialog.isVisible()


def test_it_shows_what_ships(open_deploy):
    dialog = open_deploy("staging")
    said = dialog.request.plan_view.summary.text()
    assert said.startswith("686f746 (chen, 2 d) → 5e55a1f (dara) · 2 commits by 2 people")
    table = dialog.request.plan_view.table
    shown = [[table.item(row, place).text() for place in range(5)] for row in range(2)]
    assert shown[0][1:4] == ["Keep the basket when a session ends", "dara", "1 passed"]
    assert shown[1] == ["9ab3c41", "Show the delivery date in the basket", "you", "1 red", "3 h"]
    assert dialog.request.plan_view.warnings[0] == "open: 5xx over 2 %"
    assert dialog.request.go.text() == "&Deploy 2 commits"


def test_what_is_sent_is_what_the_plan_said(qtbot, open_deploy, asked):
    size = ParameterForm(name="size", type="choice", choices=("small", "large"), default="small")
    dialog = open_deploy("staging", parameters=(size,), own="cd" * 16)
    assert dialog.request.parameters.values() == {}
    (box,) = dialog.request.parameters.findChildren(QComboBox)
    box.setCurrentIndex(1)
    qtbot.waitUntil(lambda: len(asked.of(PlanDeploy)) == 2, timeout=20_000)
    assert asked.of(PlanDeploy)[1].parameters == {"size": "large"}
    asked.answer(msgspec.structs.replace(STAGING, parameters=(size,), own="cd" * 16))
    dialog.request.go.click()
    (request,) = asked.of(RequestDeploy)
    assert request.parameters == {"size": "large"}
    assert (request.expected, request.replaces) == ("686f7466" * 5, "cd" * 16)


def test_a_lock_is_ended_from_the_dialog_with_a_reason(qtbot, open_deploy, asked):
    lock = LockState(target="shop", environment="staging", person="dara", reason="month end")
    dialog = open_deploy("staging", allowed=False, reason="dara locked it", locks=(lock,))
    assert not dialog.request.go.isEnabled()
    dialog.request.unlock.click()
    assert asked.of(RequestLock) == []
    assert "Say why" in dialog.request.message.text()
    qtbot.keyClicks(dialog.request.reason, "month is over")
    dialog.request.unlock.click()
    (request,) = asked.of(RequestLock)
    assert (request.environment, request.unlock, request.reason) == (
        "staging",
        True,
        "month is over",
    )
    asked.answer(Done())
    qtbot.waitUntil(lambda: len(asked.of(PlanDeploy)) == 2, timeout=20_000)


def test_breaking_the_glass_needs_a_reason(qtbot, open_deploy, asked):
    closed = PlanWarning(severity="error", kind="hours", text="Outside the hours of production")
    dialog = open_deploy("staging", allowed=False, reason="outside hours", warnings=(closed,))
    assert dialog.request.glass.isVisible()
    dialog.request.glass.click()
    assert asked.of(PlanDeploy)[1].override
    asked.answer(msgspec.structs.replace(STAGING, warnings=(closed,)))
    assert not dialog.request.go.isEnabled()
    qtbot.keyClicks(dialog.request.reason, "the shop is down")
    assert dialog.request.go.isEnabled()
    dialog.request.go.click()
    assert asked.of(RequestDeploy)[0].override


def test_the_run_is_followed_hidden_and_ended(open_deploy, asked, story):
    dialog = open_deploy("staging")
    dialog.request.go.click()
    key = "ab" * 16
    asked.answer(Done(text=key))
    assert dialog.running
    dialog.close()
    assert not dialog.isVisible()
    assert dialog.running
    dialog.show()
    began = story.deploy("shop", 1, "in_progress", "cd" * 20, key, where="staging")
    dialog.follow([story.line_of(began)])
    assert dialog.progress.title.text() == "Deploying"
    dialog.progress.cancel.click()
    assert asked.of(RequestAnswer)[0].about == key
    asked.refuse("the executor is not there", RequestAnswer)
    assert dialog.progress.text.text() == "the executor is not there"
    assert dialog.progress.cancel.isEnabled()
    ended = story.deploy("shop", 2, "failure", "cd" * 20, key, where="staging", reason="exit 3")
    dialog.follow([story.line_of(ended)])
    assert dialog.progress.title.text() == "Deploy failed"
    assert "exit 3" in dialog.progress.text.text()
    dialog.follow([story.line_of(began)])
    assert not dialog.running
    dialog.close()
    assert dialog.result() == QDialog.DialogCode.Rejected


def test_a_cancel_that_the_executor_refuses_is_told_and_can_be_tried_again(
    open_deploy, asked, story
):
    dialog = open_deploy("staging")
    dialog.request.go.click()
    key, stop = "ab" * 16, "ef" * 16
    asked.answer(Done(text=key), RequestDeploy)
    dialog.follow([story.line_of(story.deploy("shop", 1, "in_progress", "cd" * 20, key))])
    dialog.progress.cancel.click()
    asked.answer(Done(text=stop), RequestAnswer)
    why = "GitHub ends no deployment; end what acts on it there"
    told = story.deploy(
        "shop", 2, "refused", "", stop, action="cancel", about=key, reason=why, executor="x"
    )
    # Nobody else can say so.
    dialog.follow([story.line_of(told)])
    assert not dialog.progress.cancel.isEnabled()
    dialog.follow([msgspec.structs.replace(story.line_of(told), device="x")])
    assert dialog.progress.cancel.isEnabled()
    assert dialog.progress.text.text() == why
    assert dialog.running


def test_the_end_of_another_deploy_is_not_its_own(open_deploy, asked, story):
    dialog = open_deploy("staging")
    told = story.deploy("billing", 1, "success", "ee" * 20, "", who="bo")
    dialog.follow([story.line_of(told)])
    dialog.request.go.click()
    asked.answer(Done(text="ab" * 16), RequestDeploy)
    dialog.follow([story.line_of(told)])
    assert dialog.running
    assert dialog.progress.cancel.isEnabled()
    assert dialog.progress.text.text() == ""
    ended = story.deploy(
        "shop", 2, "failure", "cd" * 20, "ab" * 16, where="staging", reason="exit 3"
    )
    dialog.follow([story.line_of(ended)])
    assert dialog.progress.title.text() == "Deploy failed"
    assert "exit 3" in dialog.progress.text.text()


def test_what_the_deploy_prints_is_read_on_until_it_is_over(qtbot, open_deploy, asked):
    dialog = open_deploy("staging")
    dialog.request.go.click()
    asked.answer(Done(text="ab" * 16))
    qtbot.waitUntil(lambda: len(asked.of(GetDeployLog)) == 1, timeout=20_000)
    asked.refuse("there is no output yet", GetDeployLog)
    qtbot.waitUntil(lambda: len(asked.of(GetDeployLog)) == 2, timeout=20_000)
    part = DeployLog(
        request="ab" * 16, state="in_progress", text="<b>one</b>\n", next=11, over=False
    )
    asked.answer(part, GetDeployLog)
    qtbot.waitUntil(lambda: len(asked.of(GetDeployLog)) == 3, timeout=20_000)
    assert asked.of(GetDeployLog)[2].start == 11
    last = msgspec.structs.replace(part, text="two\n", next=15, over=True)
    asked.answer(last, GetDeployLog)
    assert dialog.progress.log.toPlainText() == "<b>one</b>\ntwo\n"


def test_a_deploy_that_ends_out_of_sight_leaves_nothing_behind(open_deploy, asked, story):
    dialog = open_deploy("staging")
    gone = []
    dialog.finished.connect(gone.append)
    dialog.request.go.click()
    asked.answer(Done(text="ab" * 16))
    dialog.close()
    assert gone == []
    ended = story.deploy("shop", 2, "success", "cd" * 20, "ab" * 16, where="staging")
    dialog.follow([story.line_of(ended)])
    assert gone == [QDialog.DialogCode.Rejected]


def test_a_rollback_that_waits_is_reviewed_as_one(show, asked, story):
    event = story.deploy(
        "shop", 1, "waiting", "cd" * 20, "ab" * 16, action="rollback", parameters="size=large"
    )
    show(ApproveDialog(story.line_of(event)))
    (request,) = asked.of(PlanDeploy)
    assert (request.action, request.parameters) == ("rollback", {"size": "large"})


def waiting(story):
    sha = "5e55a1f00dcafe5e55a1f00dcafe5e55a1f00dca"
    return story.line_of(
        story.deploy("shop", 1, "waiting", sha, "ab" * 16, where="staging", who="bo")
    )


def test_the_second_person_sees_what_ships_and_approves_it(qtbot, show, asked, story):
    dialog = show(ApproveDialog(waiting(story)))
    assert not dialog.go.isEnabled()
    asked.answer(STAGING, PlanDeploy)
    assert dialog.plan_view.table.rowCount() == 2
    qtbot.keyClicks(dialog.reason, "go ahead")
    dialog.go.click()
    dialog.go.click()
    (request,) = asked.of(RequestAnswer)
    assert (request.action, request.about, request.reason) == ("approve", "ab" * 16, "go ahead")
    asked.refuse("you asked for it yourself", RequestAnswer)
    assert dialog.message.text() == "you asked for it yourself"
    dialog.go.click()
    asked.answer(Done(), RequestAnswer)
    assert dialog.result() == QDialog.DialogCode.Accepted


def test_the_second_person_reads_parameters_ref_and_reason_as_they_are(show, asked, story):
    event = story.deploy(
        "shop",
        1,
        "waiting",
        "5e55a1f00dcafe5e55a1f00dcafe5e55a1f00dca",
        "ab" * 16,
        where="staging",
        who="bo",
        parameters="migrate=true&note=%3Cb%3Edrop%3C%2Fb%3E%0Amigrate%3Dfalse",
    )
    dialog = show(ApproveDialog(story.line_of(event)))
    (request,) = asked.of(PlanDeploy)
    assert (request.about, request.ref) == ("ab" * 16, "main")
    shown = ["Branch or tag: main", "Parameter migrate: true"]
    shown.append("Parameter note: <b>drop</b> migrate=false")
    assert dialog.asked_for.text().split("\n") == shown
    why = "the old\nschema \x1b[31mis full"
    mine = PendingDeploy(
        request="ab" * 16,
        target="shop",
        environment="staging",
        person="bo",
        sha="",
        state="waiting",
        why=why,
    )
    other = msgspec.structs.replace(mine, request="cd" * 16, why="another")
    asked.answer(DeployList(pending=(other, mine), locks=(), last=()), GetDeploys)
    assert dialog.asked_for.text().split("\n") == [*shown, "bo says: the old schema is full"]
    assert dialog.asked_for.textFormat() is Qt.TextFormat.PlainText


def test_an_approval_is_for_the_very_commit_that_waits(show, asked, story):
    dialog = show(ApproveDialog(waiting(story)))
    asked.answer(msgspec.structs.replace(STAGING, sha="cd" * 20), PlanDeploy)
    assert not dialog.go.isEnabled()
    assert dialog.message.text().startswith("Another commit would ship now")


def test_enter_and_escape_approve_nothing(qtbot, show, asked, story):
    dialog = show(ApproveDialog(waiting(story)))
    asked.answer(STAGING, PlanDeploy)
    qtbot.keyClick(dialog, Qt.Key.Key_Return)
    assert asked.of(RequestAnswer) == []
    assert dialog.result() == QDialog.DialogCode.Rejected


def test_a_promotion_asks_for_what_runs_before_and_is_a_deploy(show, asked, fake, story):
    dialog = show(DeployDialog(fake.TARGETS[0], fake.status(), action=PROMOTE))
    (request,) = asked.of(PlanDeploy)
    assert (request.action, request.promote, request.ref, request.sha) == ("", "*", "", "")
    asked.answer(fake.PLAN)
    assert dialog.windowTitle() == "Promote shop to production"
    dialog.request.typed.setText("production")
    dialog.request.go.click()
    (sent,) = asked.of(RequestDeploy)
    assert (sent.action, sent.sha) == ("", fake.PLAN.sha)


def test_a_commit_that_is_named_is_no_promotion(qtbot, show, asked, fake):
    dialog = show(DeployDialog(fake.TARGETS[0], fake.status(), action=PROMOTE))
    dialog.request.commit.setText("v2")
    dialog.begin()
    assert (asked.of(PlanDeploy)[-1].promote, asked.of(PlanDeploy)[-1].ref) == ("", "v2")


def test_a_rollback_asks_for_the_last_good_commit(show, asked, fake):
    show(DeployDialog(fake.TARGETS[0], fake.status(), action="rollback"))
    (request,) = asked.of(PlanDeploy)
    assert (request.action, request.ref, request.sha) == ("rollback", "", "")


def test_another_commit_is_planned_anew_and_an_old_plan_does_not_count(
    qtbot, open_deploy, asked, fake
):
    dialog = open_deploy("staging")
    dialog.request.commit.clear()
    qtbot.keyClicks(dialog.request.commit, "AB" * 20)
    assert not dialog.request.go.isEnabled()
    qtbot.waitUntil(lambda: len(asked.of(PlanDeploy)) == 2, timeout=20_000)
    assert (asked.of(PlanDeploy)[1].sha, asked.of(PlanDeploy)[1].ref) == ("ab" * 20, "")
    asked.questions[0].answer(fake.PLAN)  # late: more was typed since
    assert not dialog.request.go.isEnabled()
    asked.refuse("no commit abababa in the mirror of shop; fetch it first")
    assert "no commit" in dialog.request.message.text()


def test_a_plan_that_is_not_allowed_says_why(show, asked, fake):
    dialog = show(DeployDialog(fake.TARGETS[1], fake.status()))
    asked.answer(msgspec.structs.replace(fake.PLAN, allowed=False, reason="ana may not: ask chen"))
    assert not dialog.request.go.isEnabled()
    assert dialog.request.message.text() == "ana may not: ask chen"


def test_a_target_that_may_not_be_deployed_says_why(fake):
    assert [target_text(place) for place in fake.TARGETS] == [
        "production…",
        "staging…",
        "production (ana may not: ask chen)",
    ]
    busy = msgspec.structs.replace(fake.TARGETS[0], busy="chen")
    assert target_text(busy) == "production… (chen is deploying)"


def test_an_invite_can_be_copied(show, qapp, asked, fake):
    dialog = show(InviteDialog(fake.status()))
    assert len(asked.of(Invite)) == 1
    assert not dialog.copy.isEnabled()
    asked.answer(Done(text="ds1-abc"))
    dialog.copy.click()
    assert qapp.clipboard().text() == "ds1-abc"


def test_an_invite_is_for_whom_is_chosen(show, asked, fake):
    dialog = show(InviteDialog(fake.status()))
    asked.answer(fake.MEMBERS, GetMembers)
    chosen = [dialog.who.itemText(place) for place in range(dialog.who.count())]
    assert chosen[:3] == [
        "Somebody new",
        "Another device of ana",
        "Another device of bo",
    ]
    assert chosen[3] == "In place of bo's device bbbbbbbb, which is revoked"
    dialog.who.setCurrentIndex(2)
    dialog.who.setCurrentIndex(3)
    assert [(one.owner, one.replaces) for one in asked.of(Invite)] == [
        ("", ""),
        ("bo", ""),
        ("bo", "b" * 52),
    ]
    first, second = [one for one in asked.questions if isinstance(one.request, Invite)][-2:]
    first.answer(Done(text="ds1-another"))
    assert not dialog.copy.isEnabled()
    second.answer(Done(text="ds1-inplace"))
    assert dialog.invite.toPlainText() == "ds1-inplace"


def test_showing_a_dialog_again_asks_nothing_again(show, asked, fake):
    dialog = show(InviteDialog(fake.status()))
    dialog.hide()
    dialog.show()
    assert len(asked.of(Invite)) == 1


def test_joining_takes_a_pasted_invite_and_a_name(qtbot, show, asked, written, fake):
    written.answer(solo=True, person="me")
    dialog = show(JoinDialog(written.state))
    assert not dialog.join.isEnabled()
    dialog.invite.setPlainText(" ds1-\nabc ")
    dialog.join.click()
    assert asked.of(Join) == [Join(invite="ds1-abc", person="me")]
    assert not dialog.join.isEnabled()
    asked.refuse("this invite was used; ask for another", Join)
    assert dialog.message.text() == "this invite was used; ask for another"
    assert dialog.join.isEnabled()
    dialog.join.click()
    with qtbot.waitSignal(dialog.joined, timeout=20_000):
        asked.answer(Joining(state="joined", team="acme"), Join)


def test_a_join_that_waits_shows_the_words_and_asks_again(qtbot, show, asked, written, fake):
    written.answer(solo=True, person="me")
    dialog = show(JoinDialog(written.state, ask_again_ms=1))
    dialog.invite.setPlainText("ds1-abc")
    dialog.join.click()
    waiting = Joining(state="waiting", team="acme", words=fake.WORDS, approvers=("ana", "chen"))
    asked.answer(waiting, Join)
    assert dialog.words.text() == fake.WORDS
    assert dialog.words.isVisible()
    assert "ana or chen" in dialog.message.text()
    qtbot.waitUntil(lambda: len(asked.of(Join)) == 2, timeout=20_000)
    asked.refuse("ana rejected this device", Join)
    assert dialog.message.text() == "ana rejected this device"
    assert dialog.join.isEnabled()


def test_a_pasted_line_is_looked_at_at_once(qtbot, show, asked, written):
    written.answer(solo=True)
    dialog = show(JoinDialog(written.state))
    dialog.invite.setPlainText("ds1-half")
    qtbot.waitUntil(lambda: asked.of(ReadInvite) == [ReadInvite(invite="ds1-half")], timeout=20_000)
    asked.refuse("the invite is mistyped or cut: copy the whole line again", ReadInvite)
    assert dialog.message.text().startswith("The invite is mistyped or cut")
    assert not dialog.join.isEnabled()
    dialog.invite.setPlainText("ds1-whole")
    assert dialog.join.isEnabled(), "what is new is not known to be wrong"
    # A late answer about the line of before.
    asked.refuse("the invite is mistyped or cut: copy the whole line again", ReadInvite)
    assert dialog.join.isEnabled()
    qtbot.waitUntil(lambda: len(asked.of(ReadInvite)) == 2, timeout=20_000)
    asked.answer(InviteRead(addresses=("10.0.0.5:7450",)), ReadInvite)
    assert "a team that is reached at 10.0.0.5:7450" in dialog.message.text()
    assert dialog.join.isEnabled()


def test_a_failed_join_is_told_in_the_desks_language(show, asked, written, monkeypatch):
    # Set back by the end of the test.
    monkeypatch.setattr(language, "_catalogue", language._catalogue)
    language.use(["de"])
    written.answer(solo=True, person="me")
    dialog = show(JoinDialog(written.state))
    dialog.invite.setPlainText("ds1-abc")
    dialog.join.click()
    asked.refuse(str(JoinError(Problem.PIN, "10.0.0.5:7450")), Join)
    assert dialog.message.text().startswith("was an der Adresse der Einladung antwortet")
    assert dialog.message.text().endswith("(10.0.0.5:7450)")


def test_who_joined_sees_that_events_travel_both_ways(show, asked, written):
    written.answer(solo=True, team="me's desk")
    dialog = show(JoinDialog(written.state))
    dialog.invite.setPlainText("ds1-abc")
    dialog.join.click()
    asked.answer(Joining(state="joined", team="acme"), Join)
    assert dialog.isVisible()
    written.state.set_connected(False)
    assert asked.of(SetDuty) == [], "the node of before would say it to nobody"
    written.answer(team="acme", team_id="t2")
    assert asked.of(SetDuty) == [SetDuty(on=True)]
    asked.answer(Done(), SetDuty)
    written.answer(team="acme", team_id="t2")
    assert "No colleague's node is linked yet" in dialog.message.text()
    peer = PeerStatus(device="b" * 52, person="bo", address="10.0.0.6:1", state="live", lag=2)
    written.answer(team="acme", team_id="t2", peers=(peer,))
    assert "2 events are on their way" in dialog.message.text()
    level = msgspec.structs.replace(peer, lag=0)
    written.answer(team="acme", team_id="t2", peers=(level,), missing=40)
    assert "40 events are on their way" in dialog.message.text()
    written.answer(team="acme", team_id="t2", peers=(level,), events=2_067)
    said = "It works both ways: bo has heard that you are on duty, and 2,067 events"
    assert said in dialog.message.text()


def test_who_uses_an_invite_is_told_where_it_was_made(show, asked, fake):
    dialog = show(InviteDialog(fake.status()))
    asked.answer(fake.MEMBERS, GetMembers)
    asked.answer(Done(text="ds1-abc"), Invite)
    assert dialog.arrival.text() == "Waiting for somebody to use it…"
    dialog._look.timeout.emit()
    asked.answer(fake.MEMBERS, GetMembers)
    assert dialog.arrival.text() == "Waiting for somebody to use it…", "all were there before"
    eve = Waiting(device="f" * 52, person="eve", words=fake.WORDS, since=1)
    asks = msgspec.structs.replace(fake.MEMBERS, waiting=(*fake.MEMBERS.waiting, eve))
    dialog._look.timeout.emit()
    asked.answer(asks, GetMembers)
    assert dialog.arrival.text().startswith("eve asks to join. Compare the six words in Team…")
    device = Device(device="f" * 52, words=fake.WORDS, roles=())
    joined = Member(person="eve", devices=(device,), roles=())
    dialog._look.timeout.emit()
    came = msgspec.structs.replace(fake.MEMBERS, members=(*fake.MEMBERS.members, joined))
    asked.answer(came, GetMembers)
    assert dialog.arrival.text() == "eve joined."
