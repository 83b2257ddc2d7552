"""The hub's API for one dataset, as far as the real client of `datasets` asks for it."""

import json
from pathlib import Path

from tests.export.hub_server import Hub, git_oid


class DatasetHub(Hub):
    """A dataset repository at one commit."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(f"datasets/{name}", folder)
        self.name = name

    def answer(
        self, method: str, path: str, token: str | None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of a request."""
        base, route = f"/api/{self.repository}", path.partition("?")[0]
        if route in (base, f"{base}/revision/main", f"{base}/revision/{self.commit}"):
            return self.answer_api(path, self.info())
        if route.startswith(f"{base}/tree/"):
            return self.answer_api(path, self.tree(route))
        return super().answer(method, path, token)

    def answer_api(self, path: str, body: object) -> tuple[int, dict[str, str], bytes]:
        """A JSON answer."""
        self.requests.append(f"API {path}")
        return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()

    def info(self) -> dict[str, object]:
        """What the hub tells of a dataset."""
        siblings = [{"rfilename": name} for name in self.files]
        return {"id": self.name, "sha": self.commit, "siblings": siblings, "tags": []}

    def tree(self, route: str) -> list[dict[str, object]]:
        """The files of the repository, which has no folders, or of a folder: none."""
        if not route.endswith(self.commit):
            return []
        return [
            {"type": "file", "path": name, "size": len(content), "oid": git_oid(content)}
            for name, content in self.files.items()
        ]
