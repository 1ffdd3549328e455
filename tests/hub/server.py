"""A small Hub on loopback: the endpoints that huggingface_hub's client uses, and the ways in which it can fail.

Large files are LFS files: their `resolve` address answers with X-Linked-Etag, X-Linked-Size and a redirect to another
address, as the real Hub does. Every request is written down.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlparse

LFS_ENDINGS = (".bin", ".mlmodel", ".zip")


@dataclass(kw_only=True)
class Repository:
    files: dict[str, bytes]
    gated: int | None = None  # the status that a user without access gets
    commit: str = ""
    license: str = ""

    def __post_init__(self) -> None:
        digest = hashlib.sha1()
        for path, content in sorted(self.files.items()):
            digest.update(path.encode() + content)
        self.commit = self.commit or digest.hexdigest()


@dataclass(kw_only=True)
class Hub:
    """What the server serves and how it behaves; tests change it while it runs."""

    url: str
    repositories: dict[str, Repository] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    contents: list[tuple[str, str | None]] = field(default_factory=list)  # path, range
    cut_after: int | None = None  # bytes of a body after which the connection is cut
    cut_path: str = ""
    cuts_left: int = 0
    damage: str = ""  # ending of the path whose content arrives changed
    down: bool = False

    def fetched(self) -> set[str]:
        """The files whose content was asked for."""
        return {path for path, _ in self.contents}


@contextmanager
def running_hub() -> Iterator[Hub]:
    hub = Hub(url="")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def _answer(self) -> None:
            path = unquote(urlparse(self.path).path)
            hub.requests.append(f"{self.command} {path}")
            if hub.down:
                self._send(503, b"down")
            elif path.startswith("/api/models/"):
                self._api(path.removeprefix("/api/models/"))
            elif path.startswith("/blob/"):
                owner, name, _, inner = path.removeprefix("/blob/").split("/", 3)
                content = hub.repositories[f"{owner}/{name}"].files[inner]
                etag = hashlib.sha256(content).hexdigest()
                self._body(inner, content, {"ETag": f'"{etag}"'})
            elif "/resolve/" in path:
                self._resolve(path)
            else:
                self._send(404, b"")

        def _find(self, name: str) -> Repository | None:
            repository = hub.repositories.get(name)
            if repository is None:
                # The real Hub does not tell strangers whether a repository exists.
                headers = {
                    "X-Error-Code": "RepoNotFound",
                    "X-Error-Message": "Repository not found",
                }
                self._send(401, b"{}", headers)
            elif repository.gated:
                message = "Access to this model is restricted"
                self._send(
                    repository.gated,
                    b"{}",
                    {"X-Error-Code": "GatedRepo", "X-Error-Message": message},
                )
            else:
                return repository
            return None

        def _api(self, rest: str) -> None:
            name, _, revision = rest.partition("/revision/")
            if new := hub.renamed.get(name):
                self._send(307, b"", {"Location": self.path.replace(name, new)})
                return
            if not (repository := self._find(name)):
                return
            if revision not in {"", "main", repository.commit}:
                self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
                return
            siblings = []
            for path, content in repository.files.items():
                blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
                entry: dict[str, object] = {"rfilename": path, "size": len(content), "blobId": blob}
                if path.endswith(LFS_ENDINGS):
                    sha256 = hashlib.sha256(content).hexdigest()
                    entry["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 130}
                siblings.append(entry)
            body = {"id": name, "modelId": name, "sha": repository.commit, "siblings": siblings}
            tags = [f"license:{repository.license}"] if repository.license else []
            body |= {"private": False, "tags": tags, "downloads": 0, "likes": 0}
            self._send(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

        def _resolve(self, path: str) -> None:
            name, rest = path[1:].split("/resolve/")
            _, inner = rest.split("/", 1)
            if new := hub.renamed.get(name):
                self._send(307, b"", {"Location": path.replace(name, new)})
                return
            if not (repository := self._find(name)):
                return
            if (content := repository.files.get(inner)) is None:
                self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
                return
            etag = hashlib.sha1(content).hexdigest()
            headers = {"X-Repo-Commit": repository.commit, "ETag": f'"{etag}"'}
            if not inner.endswith(LFS_ENDINGS):
                self._body(inner, content, headers)
                return
            # Another host, as the real Hub's storage is one: the client follows redirects to its own host only.
            storage = hub.url.replace("127.0.0.1", "localhost")
            headers["Location"] = f"{storage}/blob/{name}/{repository.commit}/{inner}"
            headers["X-Linked-Etag"] = f'"{hashlib.sha256(content).hexdigest()}"'
            headers["X-Linked-Size"] = str(len(content))
            self._send(302, b"", headers)

        def _body(self, inner: str, content: bytes, headers: dict[str, str]) -> None:
            if self.command == "GET":
                hub.contents.append((inner, self.headers.get("Range")))
            if hub.damage and inner.endswith(hub.damage):
                content = content[:-1] + bytes([content[-1] ^ 1])
            start = 0
            if asked := self.headers.get("Range"):
                start = int(asked.removeprefix("bytes=").split("-")[0])
            part = content[start:]
            if asked:
                headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            cut = None
            if hub.cuts_left and inner.endswith(hub.cut_path):
                hub.cuts_left -= 1
                cut = hub.cut_after
            self._send(206 if asked else 200, part, headers, cut)

        def _send(
            self,
            status: int,
            body: bytes,
            headers: dict[str, str] | None = None,
            cut: int | None = None,
        ) -> None:
            self.send_response(status)
            for key, value in (headers or {}).items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body if cut is None else body[:cut])
            if cut is not None:
                self.wfile.flush()
                self.close_connection = True

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        hub.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()


def tree(folder: Path, prefix: str = "") -> dict[str, bytes]:
    """Read a folder as a repository's files."""
    return {
        prefix + path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
