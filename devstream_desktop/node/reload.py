"""Settings, sources and targets read again while a node runs."""

from __future__ import annotations

import asyncio
import logging

from devstream_desktop.control.node_words import SETTINGS_AS_BEFORE, SOURCES_AS_BEFORE
from devstream_desktop.errors import DevstreamError
from devstream_desktop.node.core import Node
from devstream_desktop.settings import MeshSettings, SettingsError, load_settings

_log = logging.getLogger(__name__)


async def reload(node: Node) -> bool:
    """Take over what changed in the node's files; true where the node must begin anew for it.

    A mistake is a notice, and everything goes on as before.
    """
    anew = await _follow_settings(node)
    await _follow_sources(node)
    await node.executor.reload()
    node.changed()
    return anew


async def _follow_settings(node: Node) -> bool:
    try:
        after = await asyncio.to_thread(load_settings, node.home.settings)
    except SettingsError as error:
        node.notices["settings"] = SETTINGS_AS_BEFORE.format(reason=error)
        _log.error("the settings are not taken over: %s", error)
        return False
    node.notices.pop("settings", None)
    before, node.settings = node.settings, after
    if not node.options.intake and after.intake != before.intake:
        await node.roles.restart_intake()
    node.reach.name(after.mesh.addresses)
    if _listens_otherwise(node, before.mesh, after.mesh):
        _log.info("the mesh has other settings, so the rooms of the node begin anew")
        return True
    for peer in set(after.mesh.peers) - set(before.mesh.peers):
        node.mesh.add_peer(peer)
    return False


def _listens_otherwise(node: Node, before: MeshSettings, after: MeshSettings) -> bool:
    """Tell whether a change of the mesh ends its links."""
    if not node.options.listen and after.listen != before.listen:
        return True
    if node.options.discovery and after.discovery != before.discovery:
        return True
    return not set(before.peers) <= set(after.peers)


async def _follow_sources(node: Node) -> None:
    node.notices.pop("sources", None)
    if node.roles.intake is None:
        # A mistake in the sources may have kept it from starting.
        await node.roles.restart_intake()
        return
    try:
        await node.roles.intake.reload()
    except DevstreamError as error:
        node.notices["sources"] = SOURCES_AS_BEFORE.format(reason=error)
        _log.error("the sources are not taken over: %s", error)
