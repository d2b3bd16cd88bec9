"""The team page shows who is in and who waits, signs once and only on purpose, and says why when it may not."""

from __future__ import annotations

import msgspec
import pytest
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QDialog

from devstream_desktop.control.messages.base import Done
from devstream_desktop.control.messages.members import ApproveJoin, GetMembers, Grant, Revoke, Ungrant
from devstream_desktop.control.messages.policy import ApprovePolicy, GetPolicy, MakeRecoveryKey
from devstream_desktop.control.messages.status import RefusedStatus
from devstream_desktop.desktop.windows.team.approvals import ProposalBox, WaitingBox
from devstream_desktop.desktop.windows.team.dialogs import GiveRoleDialog, RecoveryKeyDialog, RevokeDialog, TakeRoleDialog
from devstream_desktop.desktop.windows.team.window import TeamWindow


class FakeLink(QObject):
    """Takes the place of a link; the test answers."""

    status_changed = Signal()

    def __init__(self):
        super().__init__()
        self.requests = []

    def request(self, request, on_reply, on_error=lambda _: None, *, owner=None):
        self.requests.append((request, on_reply, on_error))

    def answer(self, kind, reply):
        next(on_reply for request, on_reply, _ in reversed(self.requests) if isinstance(request, kind))(reply)

    def refuse(self, reason):
        self.requests[-1][2](reason)

    def of(self, kind):
        return [request for request, _, _ in self.requests if isinstance(request, kind)]


class FakeDesk(QObject):
    changed = Signal()

    def __init__(self, link, status):
        super().__init__()
        self.client = link
        self.status = status
        self.connected = True


@pytest.fixture
def link():
    return FakeLink()


@pytest.fixture
def window(qtbot, link, fake):
    made = TeamWindow(FakeDesk(link, fake.status()))
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)
    qtbot.addWidget(made)
    made.show()
    link.answer(GetMembers, fake.MEMBERS)
    link.answer(GetPolicy, fake.POLICY)
    return made


@pytest.fixture
def show(qtbot):
    def make(dialog):
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)
        qtbot.addWidget(dialog)
        dialog.show()
        return dialog

    return make


def boxes(window, kind):
    return [box for place in range(window.asks.count()) if isinstance(box := window.asks.itemAt(place).widget(), kind)]


def test_it_shows_people_devices_and_rules(window):
    rows = [window.tree.topLevelItem(place) for place in range(window.tree.topLevelItemCount())]
    assert [row.text(0) for row in rows] == ["ana", "bo", "chen"]
    assert rows[0].child(0).text(0).endswith("(this one)")
    assert rows[1].text(1) == "deployer shop/staging"
    assert rows[1].child(1).text(1) == "put out: stolen in a train"
    assert rows[0].child(0).text(2) == "amber otter river copper lemon sail"
    assert "2 of 2 admins sign a change" in window.rules.text()
    assert "no recovery key" in window.notices.text()


def test_who_waits_is_let_in_once(window, link):
    (box,) = boxes(window, WaitingBox)
    assert box.words.text() == "thorn umber vale wren yarrow zinc"
    box.let_in.click()
    box.let_in.click()
    assert link.of(ApproveJoin) == [ApproveJoin(device="e" * 52)]
    link.answer(ApproveJoin, Done(text="dara is in"))
    assert window.message.text() == "dara is in"
    assert len(link.of(GetMembers)) == 2


def test_what_was_refused_can_be_tried_again(window, link):
    boxes(window, WaitingBox)[0].let_in.click()
    link.refuse("the disk is full")
    (box,) = boxes(window, WaitingBox)
    assert window.message.text() == "the disk is full"
    assert box.let_in.isEnabled()
    box.let_in.click()
    assert len(link.of(ApproveJoin)) == 2


def test_the_same_team_told_again_leaves_rows_and_buttons_where_they_are(window, link, fake):
    row, box = window.tree.topLevelItem(1), boxes(window, WaitingBox)[0]
    window.tree.setCurrentItem(row.child(0))
    link.status_changed.emit()
    link.answer(GetMembers, msgspec.convert(msgspec.to_builtins(fake.MEMBERS), type(fake.MEMBERS)))
    link.answer(GetPolicy, msgspec.convert(msgspec.to_builtins(fake.POLICY), type(fake.POLICY)))
    assert window.tree.currentItem() is row.child(0)
    assert boxes(window, WaitingBox) == [box]


def tabbed(first, among):
    """Those of `among` in the order in which Tab reaches them from `first`."""
    chain, widget = [first], first
    while (widget := widget.nextInFocusChain()) is not first:
        if widget in among:
            chain.append(widget)
    return chain


def test_tab_goes_from_top_to_bottom(window, link, show, fake):
    waiting, proposal = boxes(window, WaitingBox)[0], boxes(window, ProposalBox)[0]
    order = [waiting.let_in, waiting.turn_away, proposal.sign, window.tree, window.invite, window.give]
    assert tabbed(order[0], order) == order
    dialog = show(RevokeDialog(link, fake.MEMBERS.members, "bo"))
    order = [dialog.who, dialog.since, dialog.why, dialog.typed, dialog.go, dialog.cancel]
    assert tabbed(order[0], order) == order
    assert dialog.focusWidget() is dialog.who
    assert dialog.cancel.isDefault()


def test_many_who_wait_leave_room_for_the_members(window, link, fake):
    crowd = tuple(msgspec.structs.replace(fake.MEMBERS.waiting[0], person="W" * 40, device=letter * 52) for letter in "efghijkl")
    link.answer(GetMembers, msgspec.structs.replace(fake.MEMBERS, waiting=crowd))
    assert len(boxes(window, WaitingBox)) == 3
    assert window.asks.itemAt(3).widget().text() == "and 6 more, shown as these are answered"
    assert window.tree.height() >= 140
    assert window.minimumSizeHint().height() < 700
    assert window.minimumSizeHint().width() < 900


def test_who_waits_is_turned_away(window, link):
    (box,) = boxes(window, WaitingBox)
    box.turn_away.click()
    assert link.of(ApproveJoin) == [ApproveJoin(device="e" * 52, reject=True)]


def test_a_proposal_is_signed(window, link):
    (box,) = boxes(window, ProposalBox)
    box.sign.click()
    assert link.of(ApprovePolicy) == [ApprovePolicy(proposal="ab12")]
    link.refuse("the proposal is out of date; propose it again")
    assert window.message.text() == "the proposal is out of date; propose it again"


def test_only_an_admin_can_change_anything(window, link, fake):
    link.answer(GetMembers, msgspec.structs.replace(fake.MEMBERS, may_change=False))
    assert not any(button.isEnabled() for button in (window.give, window.take, window.revoke, window.recovery))
    (box,) = boxes(window, WaitingBox)
    assert not box.let_in.isEnabled()


def test_refusals_are_told_with_their_reason(window, fake):
    refused = RefusedStatus(address="10.0.0.9", device="", reason="its certificate is another team's", count=3, seen=1)
    window._state.status = fake.status(refused=(msgspec.to_builtins(refused),))
    window._state.changed.emit()
    assert "10.0.0.9, 3 times" in window.refused.text()
    assert "another team's" in window.refused.text()


def test_the_choice_survives_a_refill(window, link, fake):
    window.tree.setCurrentItem(window.tree.topLevelItem(1).child(0))
    assert window.chosen() == "bo"
    link.answer(GetMembers, fake.MEMBERS)
    assert window.chosen() == "bo"


def test_a_role_is_given_where_a_pattern_says(qtbot, show, link, fake):
    dialog = show(GiveRoleDialog(link, fake.MEMBERS.members, "bo"))
    assert not dialog.go.isEnabled()
    qtbot.keyClicks(dialog.pattern, "shop/production")
    dialog.go.click()
    assert link.of(Grant) == [Grant(person="bo", role="deployer", pattern="shop/production")]
    link.refuse("the policy changed meanwhile; try again")
    assert dialog.message.text() == "the policy changed meanwhile; try again"
    assert dialog.go.isEnabled()


def test_a_devices_role_has_no_pattern(show, link, fake):
    dialog = show(GiveRoleDialog(link, fake.MEMBERS.members, "bo"))
    dialog.role.setCurrentIndex(dialog.role.findData("admin"))
    assert not dialog.pattern.isEnabled()
    assert dialog.request() == Grant(person="bo", role="admin", pattern="")


def test_a_role_is_taken_as_it_was_given(show, link, fake):
    dialog = show(TakeRoleDialog(link, fake.MEMBERS.members, "bo"))
    dialog.go.click()
    assert link.of(Ungrant) == [Ungrant(person="bo", role="deployer", pattern="shop/staging")]


def test_putting_out_wants_the_name_typed_and_enter_cancels(qtbot, show, link, fake):
    dialog = show(RevokeDialog(link, fake.MEMBERS.members, "bo"))
    assert not dialog.go.isEnabled()
    qtbot.keyClicks(dialog.typed, "bo")
    dialog.who.setCurrentIndex(1)
    dialog.since.setCurrentIndex(0)
    assert dialog.request() == Revoke(who="b" * 52)
    qtbot.keyClick(dialog, Qt.Key.Key_Return)
    assert dialog.result() == QDialog.DialogCode.Rejected
    assert link.of(Revoke) == []


def test_one_does_not_put_out_this_device(show, link, fake):
    dialog = show(RevokeDialog(link, fake.MEMBERS.members, "ana"))
    assert all(dialog.who.itemData(place)[0] != "ana" for place in range(dialog.who.count()))


def test_a_recovery_key_is_shown_once_to_be_written_down(show, link):
    dialog = show(RecoveryKeyDialog(link))
    dialog.go.click()
    link.answer(MakeRecoveryKey, Done(text="devstream-recovery-1:abcd"))
    assert dialog.isVisible()
    assert dialog.key.toPlainText() == "devstream-recovery-1:abcd"
    assert not dialog.go.isVisible()
