"""The team window shows members and joins, signs once and on purpose, and explains refusals."""

from __future__ import annotations

import time

import msgspec
import pytest
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QDialog
from tabs import in_order

from devstream_desktop.control.messages.base import Done
from devstream_desktop.control.messages.members import (
    ApproveJoin,
    GetMembers,
    Grant,
    Revoke,
    Ungrant,
)
from devstream_desktop.control.messages.policy import ApprovePolicy, GetPolicy, MakeRecoveryKey
from devstream_desktop.control.messages.status import RefusedStatus
from devstream_desktop.desktop.windows.team.approvals import ProposalBox, WaitingBox
from devstream_desktop.desktop.windows.team.recovery_dialog import RecoveryKeyDialog
from devstream_desktop.desktop.windows.team.revoke_dialog import RevokeDialog
from devstream_desktop.desktop.windows.team.role_dialogs import GiveRoleDialog, TakeRoleDialog
from devstream_desktop.desktop.windows.team.window import TeamWindow


@pytest.fixture
def state(fake):
    """The app's knowledge of its node; only the part that the window looks at."""
    return FakeState(fake.status())


class FakeState(QObject):
    changed = Signal()

    def __init__(self, status) -> None:
        super().__init__()
        self.status = status
        self.connected = True


@pytest.fixture
def window(show, asked, state, fake):
    made = show(TeamWindow(state))
    asked.answer(fake.MEMBERS, GetMembers)
    asked.answer(fake.POLICY, GetPolicy)
    return made


def test_who_is_on_duty_and_whose_device_is_linked_is_followed(window, state, asked, fake):
    bo = fake.MEMBERS.members[1]
    device = msgspec.structs.replace(bo.devices[0], linked=True)
    changed = msgspec.structs.replace(bo, devices=(device, *bo.devices[1:]))
    people = (fake.MEMBERS.members[0], changed, *fake.MEMBERS.members[2:])
    window.begin()
    asked.answer(msgspec.structs.replace(fake.MEMBERS, members=people), GetMembers)
    three_hours_ago = int(time.time() * 1000) - 3 * 3_600_000
    said = {"duty": ("bo",), "duty_since": {"bo": three_hours_ago}}
    state.status = msgspec.structs.replace(state.status, **said)
    state.changed.emit()
    rows = [window.tree.topLevelItem(place) for place in range(3)]
    assert [row.text(1) for row in rows] == ["● on duty", "● on duty (3 h)", "○ off duty"]
    assert rows[1].child(0).text(1) == "linked"


def boxes(window, kind):
    return [
        box
        for place in range(window.pending.count())
        if isinstance(box := window.pending.itemAt(place).widget(), kind)
    ]


def test_it_shows_people_devices_and_rules(window):
    rows = [window.tree.topLevelItem(place) for place in range(window.tree.topLevelItemCount())]
    assert [row.text(0) for row in rows] == ["ana", "bo", "chen"]
    assert rows[0].child(0).text(0).endswith("(this one)")
    assert [row.text(1) for row in rows] == ["● on duty", "○ off duty", "● on duty"]
    assert rows[1].child(0).text(1) == "never heard"
    assert rows[1].text(2) == "deployer shop/staging"
    assert rows[1].child(1).text(2) == "revoked: stolen in a train"
    assert rows[0].child(0).text(3) == "amber otter river copper lemon sail"
    assert "2 of 2 admins sign a change" in window.rules.text()
    assert "nobody can change the team again" in window.notices.text()


def test_who_waits_is_let_in_once(window, asked):
    (box,) = boxes(window, WaitingBox)
    assert box.words.text() == "thorn umber vale wren yarrow zinc"
    box.approve.click()
    box.approve.click()
    assert asked.of(ApproveJoin) == [ApproveJoin(device="e" * 52, person="dara")]
    asked.answer(Done(text="dara is in"), ApproveJoin)
    assert window.message.text() == "dara is in"
    assert len(asked.of(GetMembers)) == 2


def test_what_was_refused_can_be_tried_again(window, asked):
    boxes(window, WaitingBox)[0].approve.click()
    asked.refuse("the disk is full")
    (box,) = boxes(window, WaitingBox)
    assert window.message.text() == "the disk is full"
    assert box.approve.isEnabled()
    box.approve.click()
    assert len(asked.of(ApproveJoin)) == 2


def test_the_same_team_told_again_leaves_rows_and_buttons_where_they_are(window, asked, fake):
    row, box = window.tree.topLevelItem(1), boxes(window, WaitingBox)[0]
    window.tree.setCurrentItem(row.child(0))
    window.begin()
    asked.answer(msgspec.convert(msgspec.to_builtins(fake.MEMBERS), type(fake.MEMBERS)), GetMembers)
    asked.answer(msgspec.convert(msgspec.to_builtins(fake.POLICY), type(fake.POLICY)), GetPolicy)
    assert window.tree.currentItem() is row.child(0)
    assert boxes(window, WaitingBox) == [box]


def tabbed(first, among):
    """The order in which Tab reaches members of `among` from `first`."""
    first.setFocus()
    return [widget for widget in in_order(first.window()) if widget in among]


def test_tab_goes_from_top_to_bottom(window, asked, show, fake):
    waiting, proposal = boxes(window, WaitingBox)[0], boxes(window, ProposalBox)[0]
    order = [
        waiting.approve,
        waiting.reject,
        proposal.sign,
        window.tree,
        window.invite,
        window.give,
    ]
    assert tabbed(order[0], order) == order
    dialog = show(RevokeDialog(fake.MEMBERS.members, "bo"))
    order = [dialog.who, dialog.since, dialog.why, dialog.typed, dialog.go, dialog.cancel]
    assert dialog.focusWidget() is dialog.who
    assert dialog.cancel.isDefault()
    # Tab passes by what cannot be pressed yet.
    dialog.typed.setText("bo")
    assert tabbed(order[0], order) == order


def test_many_who_wait_leave_room_for_the_members(window, asked, fake):
    crowd = tuple(
        msgspec.structs.replace(fake.MEMBERS.waiting[0], person="W" * 40, device=letter * 52)
        for letter in "efghijkl"
    )
    asked.answer(msgspec.structs.replace(fake.MEMBERS, waiting=crowd), GetMembers)
    assert len(boxes(window, WaitingBox)) == 3
    assert window.pending.itemAt(3).widget().text() == "and 6 more, shown as these are answered"
    assert window.tree.height() >= 140
    assert window.minimumSizeHint().height() < 700
    assert window.minimumSizeHint().width() < 900


def test_who_waits_is_turned_away(window, asked):
    (box,) = boxes(window, WaitingBox)
    box.reject.click()
    assert asked.of(ApproveJoin) == [ApproveJoin(device="e" * 52, reject=True)]


def test_a_proposal_is_signed(window, asked):
    (box,) = boxes(window, ProposalBox)
    box.sign.click()
    assert asked.of(ApprovePolicy) == [ApprovePolicy(proposal="ab12")]
    asked.refuse("the proposal is out of date; propose it again")
    assert window.message.text() == "the proposal is out of date; propose it again"


def test_only_an_admin_can_change_anything(window, asked, fake):
    asked.answer(msgspec.structs.replace(fake.MEMBERS, may_change=False), GetMembers)
    assert not any(
        button.isEnabled() for button in (window.give, window.take, window.revoke, window.recovery)
    )
    (box,) = boxes(window, WaitingBox)
    assert not box.approve.isEnabled()


def test_refusals_are_told_with_their_reason(window, state, fake):
    refused = RefusedStatus(
        address="10.0.0.9", device="", reason="its certificate is another team's", count=3, seen=1
    )
    state.status = fake.status(refused=(msgspec.to_builtins(refused),))
    state.changed.emit()
    assert "10.0.0.9, 3 times" in window.refused.text()
    assert "another team's" in window.refused.text()


def test_the_choice_survives_a_refill(window, asked, fake):
    window.tree.setCurrentItem(window.tree.topLevelItem(1).child(0))
    assert window.tree.chosen() == "bo"
    asked.answer(fake.MEMBERS, GetMembers)
    assert window.tree.chosen() == "bo"


def test_a_role_is_given_where_a_pattern_says(qtbot, show, asked, fake):
    dialog = show(GiveRoleDialog(fake.MEMBERS.members, "bo"))
    assert not dialog.go.isEnabled()
    qtbot.keyClicks(dialog.pattern, "shop/production")
    dialog.go.click()
    assert asked.of(Grant) == [Grant(person="bo", role="deployer", pattern="shop/production")]
    asked.refuse("the policy changed meanwhile; try again")
    assert dialog.message.text() == "the policy changed meanwhile; try again"
    assert dialog.go.isEnabled()


def test_a_devices_role_has_no_pattern(show, asked, fake):
    dialog = show(GiveRoleDialog(fake.MEMBERS.members, "bo"))
    dialog.role.setCurrentIndex(dialog.role.findData("admin"))
    assert not dialog.pattern.isEnabled()
    assert dialog.request() == Grant(person="bo", role="admin", pattern="")


def test_a_role_is_taken_as_it_was_given(show, asked, fake):
    dialog = show(TakeRoleDialog(fake.MEMBERS.members, "bo"))
    dialog.go.click()
    assert asked.of(Ungrant) == [Ungrant(person="bo", role="deployer", pattern="shop/staging")]


def test_putting_out_wants_the_name_typed_and_enter_cancels(qtbot, show, asked, fake):
    dialog = show(RevokeDialog(fake.MEMBERS.members, "bo"))
    assert not dialog.go.isEnabled()
    qtbot.keyClicks(dialog.typed, "bo")
    dialog.who.setCurrentIndex(1)
    dialog.since.setCurrentIndex(0)
    assert dialog.request() == Revoke(who="b" * 52)
    qtbot.keyClick(dialog, Qt.Key.Key_Return)
    assert dialog.result() == QDialog.DialogCode.Rejected
    assert asked.of(Revoke) == []


def test_one_does_not_put_out_this_device(show, asked, fake):
    dialog = show(RevokeDialog(fake.MEMBERS.members, "ana"))
    assert all(dialog.who.itemData(place)[0] != "ana" for place in range(dialog.who.count()))


def test_a_recovery_key_is_shown_once_to_be_written_down(show, asked):
    dialog = show(RecoveryKeyDialog())
    dialog.go.click()
    asked.answer(Done(text="devstream-recovery-1:abcd"), MakeRecoveryKey)
    assert dialog.isVisible()
    assert dialog.key.toPlainText() == "devstream-recovery-1:abcd"
    assert not dialog.go.isVisible()
