"""The parts that all of Azure DevOps' payloads share: places, people, addresses."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, urlsplit

import msgspec

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.branches import defaults
from devstream_collectors.kit.decoding import Part, T, Text, decode, person
from devstream_collectors.kit.place import Place, remote_scope

_GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)


class _Link(msgspec.Struct, frozen=True):
    href: str | None = ""


class Links(msgspec.Struct, frozen=True):
    """The pages of something: `web`, or of a work item `html`."""

    web: _Link | None = None
    html: _Link | None = None

    @property
    def page(self) -> str:
        """The address of `web`."""
        return self.web.href or "" if self.web else ""


class Identity(msgspec.Struct, frozen=True, rename="camel"):
    """A person; `uniqueName` is a mail address or an account of a domain."""

    display_name: Text = ""
    unique_name: Text = ""

    @property
    def plain(self) -> str:
        """The name for a line; of a domain's account without the domain."""
        return person(self.display_name, self.unique_name.rsplit("\\", 1)[-1])


class Named(msgspec.Struct, frozen=True):
    """A thing with a name: a project, a definition, a pipeline."""

    id: Text = ""
    name: str | None = ""


class _Container(msgspec.Struct, frozen=True, rename="camel"):
    base_url: str | None = ""


class _Containers(msgspec.Struct, frozen=True):
    """The places that an event is in."""

    collection: _Container | None = None
    account: _Container | None = None


class _Text(msgspec.Struct, frozen=True):
    text: Text = ""


class Envelope(msgspec.Struct, frozen=True, rename="camel"):
    """The fields of every event; `resource` is by its type."""

    event_type: str | None = ""
    resource: msgspec.Raw = msgspec.Raw()
    message: Part[_Text] = _Text()
    resource_containers: _Containers | None = None
    created_date: str | None = ""

    def decode(self, kind: type[T]) -> T:
        """Decode the resource."""
        return decode(self.resource, kind)

    def organisation(self, *urls: str | None) -> str:
        """Return where the organisation is.

        Args:
            urls: in it, for old servers, whose containers do not say it.

        """
        containers = self.resource_containers
        places = (containers.collection, containers.account) if containers else ()
        return organisation([*(place.base_url for place in places if place), *urls])


class Repository(msgspec.Struct, frozen=True, rename="camel"):
    """A git repository."""

    name: str | None = ""
    default_branch: str | None = ""
    remote_url: str | None = ""
    web_url: str | None = ""
    project: Part[Named] = Named()

    def place(self, source: SourceInfo, received: int) -> Place:
        """Return the place of the repository's facts."""
        project = self.project.name or ""
        name = f"azuredevops/{project}/{self.name or source.name}".lower()
        return Place(
            source=source,
            received=received,
            scope=remote_scope(self.remote_url or "") or name,
            service=self.name or project,
            default_branches=defaults(self.default_branch),
        )

    def page(self, path: str) -> str:
        """Return the address of something in it."""
        home = (self.web_url or self.remote_url or "").rstrip("/")
        return quote(f"{home}/{path}", safe="/:%@") if home else ""


def organisation(urls: Iterable[str | None]) -> str:
    """Return where an organisation (on premises: a collection) is; empty when nothing says it.

    Azure DevOps Services has four ways to write one: `dev.azure.com/acme`,
    `vsrm.dev.azure.com/acme`, `acme.visualstudio.com`, `acme.vsrm.visualstudio.com`.

    Args:
        urls: any addresses in it; the first that says it counts.

    """
    for url in urls:
        try:
            parts = urlsplit(url or "")
        except ValueError:
            continue
        host = (parts.hostname or "").lower()
        path = [part for part in parts.path.split("/_", 1)[0].lower().split("/") if part]
        if host.endswith("dev.azure.com") and path:
            return f"dev.azure.com/{path[0]}"
        if host.endswith(".visualstudio.com"):
            return f"dev.azure.com/{host.split('.', 1)[0]}"
        if host:
            # On premises the path is the collection; ids of projects in it are no part of the
            # place.
            return "/".join([host, *(part for part in path if not _GUID.fullmatch(part))])
    return ""


def tracked_at(
    organised: str, names: Iterable[str | None], source: SourceInfo, received: int
) -> Place:
    """Return the place of what belongs to no repository: builds, releases, work items.

    Args:
        organised: where the organisation is; the ids of these are its own.
        names: of what it belongs to; the first counts.
        source: for which.
        received: UTC milliseconds.

    """
    name = next((name for name in names if name), "")
    scope = organised or f"azuredevops/{source.name}"
    # Its branches are named by nobody, so the usual ones count.
    return Place(source, received, scope, name, defaults(""))


def partly(result: str | None) -> str:
    """Return the reason of a result that is half a success."""
    return "partially succeeded" if (result or "").lower() == "partiallysucceeded" else ""
