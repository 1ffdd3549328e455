"""A small Hub on loopback that takes uploads: what huggingface_hub's client asks of it, and how it can refuse.

As on the real Hub, files that Git LFS would have are sent by themselves, before the commit that names them, and once.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlparse

LFS_ENDINGS = (".tar", ".parquet", ".png")


@dataclass(kw_only=True)
class UploadHub:
    """What the server has and how it behaves; tests change it while it runs."""

    url: str
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: dict[str, bool] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)  # LFS, by sha256
    sent: list[str] = field(default_factory=list)  # sha256 of what was sent, each time
    commits: list[list[str]] = field(default_factory=list)  # the paths of each
    refusal: tuple[int, str] | None = None  # status and sentence for whoever creates a repository
    uploads_left: int | None = None  # after so many, uploads are refused
    bad_card: str = ""
    has_lfs: bool = True  # otherwise all files are in the commits themselves


@contextmanager
def running_upload_hub() -> Iterator[UploadHub]:
    hub = UploadHub(url="")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments: object) -> None:
            pass

        def do_GET(self) -> None:
            name = self._name("/api/datasets/")
            if name not in hub.repositories:
                self._refuse(404, "Repository not found", "RepoNotFound")
                return
            self._send({"id": name, "sha": f"{len(hub.commits):040x}", "tags": [], "siblings": []})

        def do_PUT(self) -> None:
            body = self._body()
            if hub.uploads_left == 0:
                self._refuse(403, "The link has expired")
                return
            if hub.uploads_left:
                hub.uploads_left -= 1
            oid = hashlib.sha256(body).hexdigest()
            assert self.path == f"/objects/{oid}"
            hub.objects[oid] = body
            hub.sent.append(oid)
            self._send({})

        def do_POST(self) -> None:
            path = urlparse(self.path).path
            body = self._body()
            if path == "/api/repos/create":
                self._create(json.loads(body))
            elif path == "/api/validate-yaml":
                if hub.bad_card:
                    self._send({"errors": [{"message": hub.bad_card}], "warnings": []}, 400)
                else:
                    self._send({"errors": [], "warnings": []})
            elif path.endswith("/paths-info/main"):
                self._paths_info(self._name("/api/datasets/"), parse_qs(body.decode()))
            elif path.endswith("/preupload/main"):
                self._preupload(self._name("/api/datasets/"), json.loads(body))
            elif path.endswith(".git/info/lfs/objects/batch"):
                self._batch(json.loads(body))
            elif path.endswith("/commit/main"):
                self._commit(self._name("/api/datasets/"), body)
            else:
                self._refuse(404, "")

        def _create(self, asked: dict[str, Any]) -> None:
            name = f"{asked['organization']}/{asked['name']}"
            if hub.refusal:
                self._refuse(*hub.refusal)
                return
            assert asked["type"] == "dataset"
            there = name in hub.repositories
            if not there:
                hub.repositories[name] = {}
                hub.private[name] = asked.get("visibility") == "private"
            self._send({"url": f"{hub.url}/datasets/{name}"}, 409 if there else 200)

        def _preupload(self, name: str, asked: dict[str, Any]) -> None:
            found = []
            for file in asked["files"]:
                large = hub.has_lfs and file["path"].endswith(LFS_ENDINGS)
                content = hub.repositories[name].get(file["path"])
                oid = None
                if content is not None:
                    blob = hashlib.sha1(b"blob %d\0" % len(content) + content)
                    oid = hashlib.sha256(content).hexdigest() if large else blob.hexdigest()
                mode = "lfs" if large else "regular"
                found.append(
                    {"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid}
                )
            self._send({"files": found})

        def _paths_info(self, name: str, asked: dict[str, list[str]]) -> None:
            there = hub.repositories[name]
            found = []
            for path in asked["paths"]:
                if (content := there.get(path)) is not None:
                    oid = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
                    found.append({"type": "file", "path": path, "size": len(content), "oid": oid})
            self._send(found)

        def _batch(self, asked: dict[str, Any]) -> None:
            answers = []
            for one in asked["objects"]:
                answer = {"oid": one["oid"], "size": one["size"]}
                if one["oid"] not in hub.objects:
                    answer["actions"] = {"upload": {"href": f"{hub.url}/objects/{one['oid']}"}}
                answers.append(answer)
            self._send({"objects": answers, "transfer": "basic"})

        def _commit(self, name: str, body: bytes) -> None:
            paths = []
            for line in body.splitlines():
                operation = json.loads(line)
                value = operation["value"]
                if operation["key"] == "file":
                    hub.repositories[name][value["path"]] = base64.b64decode(value["content"])
                elif operation["key"] == "lfsFile":
                    hub.repositories[name][value["path"]] = hub.objects[value["oid"]]
                else:
                    continue
                paths.append(value["path"])
            hub.commits.append(paths)
            oid = f"{len(hub.commits):040x}"
            url = f"{hub.url}/datasets/{name}/commit/{oid}"
            self._send({"success": True, "commitOid": oid, "commitUrl": url})

        def _name(self, before: str) -> str:
            owner, name = urlparse(self.path).path.removeprefix(before).split("/")[:2]
            return f"{owner}/{name}"

        def _body(self) -> bytes:
            if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                return self.rfile.read(int(self.headers["Content-Length"]))
            pieces = []
            while size := int(self.rfile.readline(), 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(pieces)

        def _refuse(self, status: int, sentence: str, code: str | None = None) -> None:
            self._send({"error": sentence}, status, {"X-Error-Code": code} if code else {})

        def _send(
            self, answer: Any, status: int = 200, headers: dict[str, str] | None = None
        ) -> None:
            body = json.dumps(answer).encode()
            self.send_response(status)
            for key, value in (headers or {}).items():
                self.send_header(key, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

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
