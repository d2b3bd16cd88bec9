"""The lists of the forges, with their pages: GitHub, GitLab, Gitea, Bitbucket, Azure DevOps."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

from paging import A, Asked, Document, Paged, Said, cut, of_revision, of_title

from devstream_collectors.contract import PollCollector
from devstream_collectors.sources import azuredevops, bitbucket, gitea, github, gitlab
from devstream_collectors.sources.bitbucket import poll as bitbucket_poll
from devstream_desktop.stream.event import Event


class Forge(Paged):
    """A repository, one of whose lists has things in it. The others are empty."""

    options: ClassVar = {"repository": "acme/shop"}
    home: ClassVar[str]
    """The path of the repository."""
    listed: ClassVar[str]
    """The path of the list behind it."""
    wrap: ClassVar[str] = ""
    sizes: ClassVar[tuple[str, ...]] = ("per_page", "limit", "pagelen", "$top")
    others: ClassVar[tuple[str, ...]] = ()
    """Lists that are empty."""

    def item(self, number: int) -> Document:
        """The happening as the list has it."""
        raise NotImplementedError

    def more(self, path: str, asked: Asked) -> object | None:
        """The document at a path behind the repository's; None for none."""
        return None

    def repository(self) -> Document:
        """The repository itself."""
        return {
            "name": "shop",
            "full_name": "acme/shop",
            "path_with_namespace": "acme/shop",
            "web_url": "https://git.example.org/acme/shop",
            "html_url": "https://git.example.org/acme/shop",
            "default_branch": "main",
        }

    def number(self, event: Event) -> int:
        return of_revision(event)

    def answer(self, asked: Asked) -> Said:
        if asked.path == self.home:
            return 200, {}, self.repository()
        path = asked.path.removeprefix(self.home)
        found = self.more(path, asked)
        if found is not None:
            return 200, {}, found
        if path == self.listed:
            return self.page(asked, [self.item(number) for number in self.newest()])
        if path in self.others:
            return 200, {}, {self.wrap: []} if self.wrap else []
        return 404, {}, {}

    def page(self, asked: Asked, items: list[Document]) -> Said:
        """A page of the list."""
        size = next((int(asked.query[name]) for name in self.sizes if name in asked.query), 20)
        begin = int(asked.query.get("$skip") or asked.query.get("start") or 0)
        page = int(asked.query.get("page", 1 + begin // size))
        here = cut(items, page, size)
        return 200, self.said(items), {self.wrap: here} if self.wrap else here

    def said(self, items: list[Document]) -> dict[str, str]:
        """The headers of a page."""
        return {}


class Hub(Forge):
    """GitHub."""

    collector: ClassVar[PollCollector] = github
    home = "/repos/acme/shop"
    others = ("/pulls", "/deployments", "/issues", "/issues/events")

    def more(self, path: str, asked: Asked) -> object | None:
        if path.startswith("/git/matching-refs"):
            return [{"ref": "refs/heads/main", "object": {"sha": A}}]
        if path == "/actions/runs" and self.listed != path:
            return {"workflow_runs": [], "total_count": 0}
        return None


class HubRuns(Hub):
    """Workflow runs."""

    listed = "/actions/runs"
    counts = True

    def item(self, number: int) -> Document:
        return {
            "id": 1000 + number,
            "workflow_id": 1,
            "run_number": number,
            "name": "CI",
            "path": ".github/workflows/ci.yml",
            "head_branch": "main",
            "head_sha": f"{number:040x}",
            "status": "completed",
            "conclusion": "success",
            "run_started_at": self.iso(number),
            "updated_at": self.iso(number),
        }

    def page(self, asked: Asked, items: list[Document]) -> Said:
        _, _, here = super().page(asked, items)
        return 200, {}, {"workflow_runs": here, "total_count": len(items)}


class HubPulls(Hub):
    """Merged pull requests."""

    listed = "/pulls"

    def item(self, number: int) -> Document:
        return {
            "number": number,
            "merged_at": self.iso(number),
            "updated_at": self.iso(number),
            "merge_commit_sha": f"{number:040x}",
            "base": {"ref": "main"},
        }

    def more(self, path: str, asked: Asked) -> object | None:
        if path.startswith("/pulls/"):
            return self.item(int(path.rpartition("/")[2]))
        return super().more(path, asked)


class HubDeployments(Hub):
    """Deployments."""

    listed = "/deployments"

    def item(self, number: int) -> Document:
        return {
            "id": number,
            "environment": "production",
            "sha": f"{number:040x}",
            "updated_at": self.iso(number),
        }

    def more(self, path: str, asked: Asked) -> object | None:
        if path.startswith("/deployments/"):
            number = int(path.split("/")[2])
            return [{"id": number, "state": "success", "created_at": self.iso(number)}]
        return super().more(path, asked)


class HubIssues(Hub):
    """Opened issues."""

    listed = "/issues"

    def item(self, number: int) -> Document:
        at = self.iso(number)
        return {"number": number, "title": f"No {number}", "created_at": at, "updated_at": at}

    def number(self, event: Event) -> int:
        return of_title(event)


class HubSteps(HubIssues):
    """Steps of issues."""

    listed = "/issues/events"

    def item(self, number: int) -> Document:
        issue = super().item(number)
        return {"id": number, "event": "closed", "created_at": self.iso(number), "issue": issue}


class Lab(Forge):
    """GitLab."""

    collector: ClassVar[PollCollector] = gitlab
    home = "/api/v4/projects/acme%2Fshop"
    others = ("/events", "/merge_requests", "/pipelines", "/deployments", "/issues")
    counts = True

    def said(self, items: list[Document]) -> dict[str, str]:
        return {"x-total": str(len(items))}


class LabPushes(Lab):
    """Pushes."""

    listed = "/events"

    def item(self, number: int) -> Document:
        return {
            "action_name": "pushed to",
            "created_at": self.iso(number),
            "push_data": {
                "ref": "main",
                "ref_type": "branch",
                "action": "pushed",
                "commit_from": f"{number - 1:040x}" if number > 1 else "f" * 40,
                "commit_to": f"{number:040x}",
                "commit_count": 1,
            },
        }

    def page(self, asked: Asked, items: list[Document]) -> Said:
        return super().page(asked, items if asked.query["action"] == "pushed" else [])


class LabMerges(Lab):
    """Merged merge requests."""

    listed = "/merge_requests"

    def item(self, number: int) -> Document:
        return {
            "iid": number,
            "target_branch": "main",
            "merge_commit_sha": f"{number:040x}",
            "merged_at": self.iso(number),
            "updated_at": self.iso(number),
            "state": "merged",
        }


class LabPipelines(Lab):
    """Pipelines."""

    listed = "/pipelines"

    def item(self, number: int) -> Document:
        return {
            "id": number,
            "ref": "main",
            "sha": f"{number:040x}",
            "status": "success",
            "updated_at": self.iso(number),
            "finished_at": self.iso(number),
        }

    def more(self, path: str, asked: Asked) -> object | None:
        return self.item(int(path.rpartition("/")[2])) if path.startswith("/pipelines/") else None


class LabDeployments(LabPipelines):
    """Deployments."""

    listed = "/deployments"

    def item(self, number: int) -> Document:
        return super().item(number) | {"environment": {"name": "production"}}


class LabIssues(Lab):
    """Opened issues."""

    listed = "/issues"

    def item(self, number: int) -> Document:
        at = self.iso(number)
        return {"iid": number, "title": f"No {number}", "created_at": at, "updated_at": at}

    def number(self, event: Event) -> int:
        return of_title(event)


class Tea(Forge):
    """Gitea and Forgejo."""

    collector: ClassVar[PollCollector] = gitea
    home = "/api/v1/repos/acme/shop"
    others = ("/pulls", "/issues")

    def more(self, path: str, asked: Asked) -> object | None:
        if path == "/branches/main":
            return {"name": "main", "commit": {"id": A}}
        return [] if path.endswith("/timeline") else None

    def said(self, items: list[Document]) -> dict[str, str]:
        return {"x-total-count": str(len(items))}


class TeaPulls(Tea):
    """Merged pull requests."""

    listed = "/pulls"
    counts = True

    def item(self, number: int) -> Document:
        at = self.iso(number)
        return {
            "number": number,
            "merged": True,
            "merged_at": at,
            "updated_at": at,
            "merge_commit_sha": f"{number:040x}",
            "base": {"ref": "main"},
        }


class TeaRuns(Tea):
    """Runs of Actions."""

    listed = "/actions/runs"
    counts = True
    wrap = "workflow_runs"
    others = ()

    def item(self, number: int) -> Document:
        return {
            "id": number,
            "path": "ci.yml@refs/heads/main",
            "head_branch": "main",
            "head_sha": f"{number:040x}",
            "status": "completed",
            "conclusion": "success",
            "started_at": self.iso(number),
            "completed_at": self.iso(number),
        }

    def more(self, path: str, asked: Asked) -> object | None:
        return [] if path in ("/pulls", "/issues") else super().more(path, asked)


class TeaIssues(Tea):
    """Opened issues."""

    listed = "/issues"

    def item(self, number: int) -> Document:
        at = self.iso(number)
        return {"number": number, "title": f"No {number}", "created_at": at, "updated_at": at}

    def page(self, asked: Asked, items: list[Document]) -> Said:
        since = asked.query.get("since", "")
        return super().page(asked, [one for one in items if one["updated_at"] >= since])

    def number(self, event: Event) -> int:
        return of_title(event)


class Bucket(Forge):
    """Bitbucket Cloud."""

    collector: ClassVar[Any] = SimpleNamespace(
        COLLECTOR=bitbucket.COLLECTOR,
        requests=bitbucket_poll.requests,
        parse=bitbucket_poll.parse,
    )
    """As at its own address; at any other a server of Data Center is asked."""
    home = "/2.0/repositories/acme/shop"
    wrap = "values"
    others = ("/pullrequests", "/issues")

    def repository(self) -> Document:
        return super().repository() | {"mainbranch": {"name": "main"}}


class BucketPulls(Bucket):
    """Merged pull requests."""

    listed = "/pullrequests"

    def item(self, number: int) -> Document:
        return {
            "id": number,
            "state": "MERGED",
            "destination": {"branch": {"name": "main"}},
            "merge_commit": {"hash": f"{number:040x}"},
            "updated_on": self.iso(number),
        }


class BucketIssues(Bucket):
    """Opened issues."""

    listed = "/issues"

    def item(self, number: int) -> Document:
        at = self.iso(number)
        return {"id": number, "title": f"No {number}", "created_on": at, "updated_on": at}

    def number(self, event: Event) -> int:
        return of_title(event)


class StashPulls(Forge):
    """Merged pull requests of Bitbucket Data Center."""

    collector: ClassVar[PollCollector] = bitbucket
    options: ClassVar = {"repository": "ACME/shop"}
    home = "/rest/api/1.0/projects/ACME/repos/shop"
    wrap = "values"
    listed = "/pull-requests"
    others = ("/branches",)

    def item(self, number: int) -> Document:
        return {
            "id": number,
            "state": "MERGED",
            "closedDate": self.at(number),
            "toRef": {"id": "refs/heads/main", "displayId": "main"},
            "properties": {"mergeCommit": {"id": f"{number:040x}"}},
        }

    def more(self, path: str, asked: Asked) -> object | None:
        return {"values": []} if path.endswith("/activities") else None

    def repository(self) -> Document:
        return {"slug": "shop", "project": {"key": "ACME"}}


class Azure(Forge):
    """Azure DevOps."""

    collector: ClassVar[PollCollector] = azuredevops
    options: ClassVar = {"repository": "Web/shop"}
    path = "/acme"
    home = "/acme/Web/_apis"
    wrap = "value"
    others = (
        "/git/repositories/shop/pushes",
        "/git/repositories/shop/pullrequests",
        "/build/builds",
        "/release/deployments",
    )

    def more(self, path: str, asked: Asked) -> object | None:
        if path == "/git/repositories/shop":
            return {"name": "shop", "remoteUrl": "https://dev.azure.com/acme/Web/_git/shop"}
        return {"workItems": []} if path == "/wit/wiql" else None


class AzurePushes(Azure):
    """Pushes."""

    listed = "/git/repositories/shop/pushes"

    def item(self, number: int) -> Document:
        update = {
            "name": "refs/heads/main",
            "oldObjectId": f"{number - 1:040x}" if number > 1 else "f" * 40,
            "newObjectId": f"{number:040x}",
        }
        return {"pushId": number, "date": self.iso(number), "refUpdates": [update]}

    def more(self, path: str, asked: Asked) -> object | None:
        if path.startswith(f"{self.listed}/"):
            return self.item(int(path.rpartition("/")[2]))
        return super().more(path, asked)


class AzurePulls(Azure):
    """Completed pull requests."""

    listed = "/git/repositories/shop/pullrequests"

    def item(self, number: int) -> Document:
        return {
            "pullRequestId": number,
            "status": "completed",
            "targetRefName": "refs/heads/main",
            "closedDate": self.iso(number),
            "lastMergeCommit": {"commitId": f"{number:040x}"},
        }


class AzureBuilds(Azure):
    """Builds, whose pages are asked for by a token."""

    listed = "/build/builds"

    def item(self, number: int) -> Document:
        return {
            "id": number,
            "buildNumber": str(number),
            "status": "completed",
            "result": "succeeded",
            "sourceBranch": "refs/heads/main",
            "sourceVersion": f"{number:040x}",
            "queueTime": self.iso(number),
            "startTime": self.iso(number),
            "finishTime": self.iso(number),
            "definition": {"id": 1, "name": "CI"},
            "project": {"name": "Web"},
        }

    def page(self, asked: Asked, items: list[Document]) -> Said:
        begin = int(asked.query.get("continuationToken", "0"))
        size = int(asked.query["$top"])
        after = begin + size
        headers = {"x-ms-continuationtoken": str(after)} if after < len(items) else {}
        return 200, headers, {"value": items[begin:after]}


class AzureDeployments(AzureBuilds):
    """Deployments of releases."""

    listed = "/release/deployments"

    def item(self, number: int) -> Document:
        return {
            "id": number,
            "attempt": 1,
            "deploymentStatus": "succeeded",
            "startedOn": self.iso(number),
            "completedOn": self.iso(number),
            "lastModifiedOn": self.iso(number),
            "release": {"id": number, "name": f"Release {number}"},
            "releaseDefinition": {"id": 1, "name": "shop"},
            "releaseEnvironment": {"id": number, "name": "production"},
        }

    def number(self, event: Event) -> int:
        return int(event.ref.rpartition(" ")[2])


class AzureItems(Azure):
    """Opened work items."""

    listed = "/wit/workitems"

    def item(self, number: int) -> Document:
        fields = {
            "System.TeamProject": "Web",
            "System.WorkItemType": "Bug",
            "System.Title": f"No {number}",
            "System.State": "New",
            "System.CreatedDate": self.iso(number),
            "System.ChangedDate": self.iso(number),
        }
        return {"id": number, "fields": fields}

    def more(self, path: str, asked: Asked) -> object | None:
        if path != "/wit/wiql":
            return super().more(path, asked)
        since = asked.body["query"].split("[System.CreatedDate] > '", 1)[1].split("'", 1)[0]
        found = [number for number in self.newest() if self.iso(number) > since]
        return {"workItems": [{"id": one} for one in found[: int(asked.query["$top"])]]}

    def page(self, asked: Asked, items: list[Document]) -> Said:
        wanted = [int(one) for one in asked.query["ids"].split(",")]
        return 200, {}, {"value": [self.item(number) for number in wanted]}

    def number(self, event: Event) -> int:
        return of_title(event)


FORGES = (
    HubRuns,
    HubPulls,
    HubDeployments,
    HubIssues,
    HubSteps,
    LabPushes,
    LabMerges,
    LabPipelines,
    LabDeployments,
    LabIssues,
    TeaPulls,
    TeaRuns,
    TeaIssues,
    BucketPulls,
    BucketIssues,
    StashPulls,
    AzurePushes,
    AzurePulls,
    AzureBuilds,
    AzureDeployments,
    AzureItems,
)
