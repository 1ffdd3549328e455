"""Who may, by name: requests as attackers, other sites and mistaken programs send them."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
from pathlib import Path

import pytest

from sdq.web.access import Access, hosts_of
from sdq.web.token import opening_page, token_in
from sdq_core.errors import UsageError
from tests.web.site import BEARER, TOKEN, Site
from tests.web_api.serving import wait_until

PAGE = {"Accept": "text/html"}
FORM = b"back=queue"


def test_without_the_token_nothing_is_told(site: Site) -> None:
    for path in ("/", "/batches/1", "/events", "/i/1/aa.png", "/t/1/aa.webp", "/nowhere", "/v1/x"):
        answer = site.ask(path, headers={})
        assert answer.status == 401, path
        assert b"night" not in answer.body
    answer = site.ask("/", headers=PAGE)
    assert answer.status == 401
    assert 'name="token"' in answer.text  # where it can be pasted


def test_a_wrong_token_is_no_token(site: Site) -> None:
    basic = base64.b64encode(b"me:wrong").decode()
    for given in (
        "Bearer wrong",
        "Bearer",
        f"Basic {basic}",
        "Basic \u00e9\u00e9",
        f"Digest {TOKEN}",
        "Bearer t\u00e9",
    ):
        sent = {"Authorization": given.encode("latin-1").decode("latin-1")}
        assert site.ask("/", headers=sent).status == 401, given
    cookie = Access(token="another").cookie_name
    for given in (f"{cookie}=x", f"{Access(token=TOKEN).cookie_name}={TOKEN}", "a=\x07;;;="):
        assert site.ask("/", headers={"Cookie": given}).status == 401, given


def test_programs_send_the_token_as_bearer_or_as_a_password(site: Site) -> None:
    basic = base64.b64encode(f"anybody:{TOKEN}".encode()).decode()
    for given in (f"Bearer {TOKEN}", f"bearer {TOKEN}", f"Basic {basic}"):
        assert site.ask("/", headers={"Authorization": given}).status == 200


def test_the_printed_address_becomes_a_cookie_and_the_token_leaves_it(site: Site) -> None:
    answer = site.ask(f"/batches/1?view=newest&token={TOKEN}", headers=PAGE)
    assert (answer.status, answer.headers["location"]) == (303, "/batches/1?view=newest")
    cookie = answer.headers["set-cookie"]
    assert TOKEN not in cookie
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    own = cookie.partition(";")[0]
    for kept in (own, f'state={{"a": 1}}; a@b=c; {own}', f"{own}; odd"):  # and what others left
        assert site.ask("/", headers={"Cookie": kept}).status == 200, kept
    # An address that would lead elsewhere leads here.
    answer = site.ask(f"//evil.example/?token={TOKEN}", headers=PAGE)
    assert answer.headers["location"] == "/evil.example/"


def test_a_link_on_another_page_leads_in_by_a_page_of_ours(site: Site) -> None:
    """A browser keeps the cookie back from what another site's page began, and from where that is sent on to."""
    answer = site.ask(f"/?token={TOKEN}", headers=PAGE | {"Sec-Fetch-Site": "cross-site"})
    assert (answer.status, "set-cookie" in answer.headers) == (200, True)
    assert 'content="0; url=/"' in answer.text
    assert TOKEN not in answer.text


def test_a_pasted_token_becomes_a_cookie(site: Site) -> None:
    for pasted in (TOKEN, f"http%3A//127.0.0.1%3A7370/%3Ftoken%3D{TOKEN}+"):
        answer = site.ask("/sign-in", "POST", PAGE, f"token={pasted}".encode())
        assert (answer.status, answer.headers["location"]) == (303, "/")
        assert "set-cookie" in answer.headers
    answer = site.ask("/sign-in", "POST", PAGE, b"token=wrong")
    assert (answer.status, "set-cookie" in answer.headers) == (401, False)


def test_dns_rebinding_finds_a_closed_door(site: Site) -> None:
    for name in (
        "evil.example",
        f"evil.example:{site.port}",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "127.0.0.1@evil.example",
        "[::1",
        "192.0.2.7",
        "",
    ):
        answer = site.ask("/", headers=BEARER | {"Host": name})
        assert answer.status == 421, name
    for name in (
        f"localhost:{site.port}",
        "127.0.0.1",
        f"[::1]:{site.port}",
        "LOCALHOST",
        "localhost.",
    ):
        assert site.ask("/", headers=BEARER | {"Host": name}).status == 200, name


def test_other_names_are_those_that_were_named() -> None:
    access = Access(token=TOKEN, hosts=hosts_of("192.0.2.7", ["Pictures.Example", "::2"]))
    for host in ("192.0.2.7:80", "pictures.example", "PICTURES.example:443", "[::2]:80"):
        assert access.goes_by(host, "10.0.0.1"), host
    assert access.goes_by("10.0.0.1:7370", "10.0.0.1")  # where the request arrived
    assert access.goes_by("10.0.0.1:7370", "::ffff:10.0.0.1")  # at a socket for both versions of IP
    assert not access.goes_by("10.0.0.2:7370", "::ffff:10.0.0.1")
    assert not access.goes_by("example", "10.0.0.1")
    assert {"a.example", "b.example"} <= hosts_of(
        "::1", ["https://a.example:8443/x", "B.example:80"]
    )
    with pytest.raises(UsageError, match="is not a host name"):
        hosts_of("::1", ["http://["])
    assert socket.gethostname().lower() in hosts_of("0.0.0.0")


def test_another_sites_page_can_post_nothing(own_site: Site) -> None:
    own_site.queue.submit(["a"], batch="one")
    here = f"127.0.0.1:{own_site.port}"
    for theirs in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": f"http://{here}"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": f"http://127.0.0.1:{own_site.port + 1}"},
        {"Origin": "http://["},
    ):
        answer = own_site.ask("/batches/1/cancel", "POST", BEARER | theirs, FORM)
        assert answer.status == 403, theirs
    assert own_site.queue.batch("one").status().state == "queued"
    for ours in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": f"http://{here}"}, {}):
        answer = own_site.ask("/batches/1/pause", "POST", BEARER | ours, FORM)
        assert answer.status == 303, ours
    assert own_site.queue.batch("one").status().state == "paused"


def test_a_read_only_server_changes_nothing(tmp_path: Path, redis_url: str) -> None:
    site = Site(tmp_path / "home", redis_url, read_only=True)
    try:
        site.queue.submit(["a"], batch="one")
        assert site.post("/batches/1/pause").status == 403
        assert site.ask("/batches/1/pause", "DELETE").status == 403
        page = site.ask("/", headers=BEARER | PAGE)
        assert (page.status, 'method="post"' in page.text) == (200, False)
        assert site.ask("/sign-in", "POST", PAGE, f"token={TOKEN}".encode()).status == 303
    finally:
        site.close()


def test_browsers_are_told_to_take_nothing_from_elsewhere(site: Site) -> None:
    for path, headers in (("/", BEARER | PAGE), ("/", PAGE), ("/nowhere", BEARER)):
        answer = site.ask(path, headers=headers)
        assert answer.headers["content-security-policy"].startswith("default-src 'self';")
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in answer.headers
    asking = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = site.ask("/batches/1/cancel", "OPTIONS", BEARER | asking)
    assert (answer.status, "access-control-allow-origin" in answer.headers) == (405, False)
    assert "This address takes POST only." in answer.text


def test_what_is_too_large_is_refused_before_it_is_read(site: Site) -> None:
    for length in (10**12, 10**20 - 1):
        answer = site.ask("/batches/1/pause", "POST", BEARER | {"Content-Length": str(length)})
        assert answer.status == 413
    form = b"token=" + b"a" * 5000  # what anybody may send fits into less
    assert site.ask("/sign-in", "POST", PAGE, form).status == 413
    # Without a length it is read as far as the limit.
    head = f"POST /batches/1/pause HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
    chunks = (b"10000\r\n" + b"a" * 0x10000 + b"\r\n") * 17
    answered = site.send(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks)
    assert answered.startswith(b"HTTP/1.1 413 ")
    answered = site.send(f"{head}X-Long: {'a' * 1_000_000}\r\n\r\n".encode())
    assert answered[:13] in {b"", b"HTTP/1.1 400 "}


def test_what_is_no_form_or_no_text_is_refused_in_a_sentence(site: Site) -> None:
    for body in (b"\xff\xfe=1", b"back=%ff%fe", b"&".join(b"a=1" for _ in range(1000))):
        answer = site.post("/batches/1/pause", body)
        assert (answer.status, b"Traceback" in answer.body) == (400, False)
    for path in ("/%ff%fe", "/batches/%ff", "/batches/1?where=%ff", "/?did=%00&of=1", "/%00"):
        answer = site.ask(path, headers=BEARER | PAGE)
        assert answer.status in {200, 400, 404}, path
        assert b"Traceback" not in answer.body


@pytest.mark.parametrize(
    "path",
    [
        "/i/1/../../sdq.db",
        "/i/1/..%2f..%2fsdq.db",
        "/i/99999999999999999999999/aa.png",
        "/i/1/" + "0" * 64 + ".png",
        "/t/1/%2e%2e%2fsdq.webp",
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/static//etc/passwd",
    ],
)
def test_no_address_leads_to_another_file(site: Site, path: str) -> None:
    answer = site.send(
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
        "Connection: close\r\n\r\n".encode()
    )
    assert answer.startswith(b"HTTP/1.1 404 "), answer[:200]


def test_nobody_keeps_others_out_by_connecting_often(site: Site) -> None:
    idle = [socket.create_connection(("127.0.0.1", site.port)) for _ in range(200)]
    try:
        for connection in idle:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: ")
        assert site.ask("/").status == 200
    finally:
        for connection in idle:
            connection.close()


def test_connections_beyond_the_limit_are_cut_before_no_file_can_be_opened(
    tmp_path: Path, redis_url: str
) -> None:
    site = Site(tmp_path / "home", redis_url, connections=4)

    def answers() -> bool:
        with contextlib.suppress(ConnectionError):
            return site.ask("/").status == 200
        return False

    idle = [socket.create_connection(("127.0.0.1", site.port), timeout=30) for _ in range(100)]
    try:
        assert idle[-1].recv(1) == b""  # however the server ends it
        for connection in idle:
            connection.close()
        wait_until(answers)
    finally:
        for connection in idle:
            connection.close()
        site.close()


def test_who_begins_a_request_and_says_no_more_is_left(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sdq.web.protocol._HEAD_S", 0.3)
    monkeypatch.setattr("sdq.web.body._SILENCE_S", 0.3)
    assert site.send(b"") == b""
    assert site.send(b"GET / HTTP/1.1\r\nHost: localho") == b""
    head = f"POST /batches/1/pause HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
    answer = site.send(f"{head}Content-Length: 9\r\n\r\nback=".encode())
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_who_asks_only_for_the_head_of_events_is_no_listener(site: Site) -> None:
    for path in ("/events", "/v1/events"):
        head = f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
        answer = site.send(f"{head}Connection: close\r\n\r\n".encode())
        assert b"text/event-stream" in answer


def test_a_server_ends_at_once_with_listeners(tmp_path: Path, redis_url: str) -> None:
    site = Site(tmp_path / "home", redis_url)
    heard = threading.Event()

    def listen() -> None:
        with socket.create_connection(("127.0.0.1", site.port)) as connection:
            connection.sendall(
                f"GET /events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
            )
            while connection.recv(65536):
                heard.set()

    listener = threading.Thread(target=listen)
    listener.start()
    assert heard.wait(30)
    site.close()
    listener.join(30)
    assert not listener.is_alive()


def test_the_token_stays_and_is_for_nobody_else(tmp_path: Path) -> None:
    token = token_in(tmp_path)
    assert token_in(tmp_path) == token
    assert (tmp_path / "web-token").stat().st_mode & 0o777 == 0o600
    assert token_in(tmp_path, new=True) != token
    page = opening_page(tmp_path, "http://localhost:1/?token=x&a")
    assert "url=http://localhost:1/?token=x&amp;a" in page.read_text()
    assert page.stat().st_mode & 0o777 == 0o600
    (tmp_path / "web-token").write_bytes(b"\xff short")
    assert len(token_in(tmp_path)) >= 43
