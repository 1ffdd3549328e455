"""What Redis refuses is sorted by whether it heals, and says which command, which key and which setting."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry
from rq import Queue

from sdq_core.errors import EXIT_CONFIGURATION, ConfigurationError, ServiceUnavailableError
from sdq_core.queue.choice import choose_program
from sdq_core.queue.connection import connect
from sdq_core.queue.failures import RIGHTS, redis_errors
from sdq_core.queue.queues import Queues
from sdq_core.settings import read_settings
from tests.acceptance.program import Program

Start = Callable[..., str]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a Redis of the test's own with these options; return its URL."""
    with contextlib.ExitStack() as stack:

        def start_one(*options: str) -> str:
            program = choose_program(tmp_path / "choice").program
            assert program is not None
            port = _free_port()
            command = [program.path, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
            server = subprocess.Popen(
                [*command, "--dir", tmp_path, *options], stdout=subprocess.DEVNULL
            )
            stack.callback(server.wait)
            stack.callback(server.kill)
            url = f"redis://127.0.0.1:{port}/0"
            patient = Retry(ConstantBackoff(0.05), 400)
            with redis.Redis.from_url(url, retry=patient) as client:
                client.ping()
            return url

        yield start_one


def _free_port() -> int:
    """Return a port whose neighbour 10,000 further on exists, too: a cluster's nodes talk there."""
    while True:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port: int = free.getsockname()[1]
        if port + 10_000 < 1 << 16:
            return port


def as_user(url: str, rights: str, name: str = "app") -> str:
    """Let a user have these rights and no others; return the URL with the name."""
    with redis.Redis.from_url(url) as client:
        client.execute_command("ACL", "SETUSER", name, "reset", "on", ">pw", *rights.split())
    return url.replace("redis://", f"redis://{name}:pw@")


def connected(url: str) -> Any:
    return connect(read_settings({"SDQ_REDIS_URL": url}))


@pytest.mark.parametrize(
    ("rights", "named"),
    [
        ("~rq:* &* +@all", "`SET sdq:sdq-0123456789ab-dispatch`"),
        ("~rq:* ~sdq:* &* +@all -set", "`SET sdq:sdq-0123456789ab-dispatch`"),
        ("~sdq:* &* +@all", "`SADD rq:queues`"),
        ("~rq:* ~sdq:* &* +@all -smembers", "`SMEMBERS rq:queues`"),
        ("~rq:queues ~sdq:* &* +@all", "`SADD rq:queues`|`HSET rq:job:|`RPUSH rq:queue:"),
        ("~rq:* ~sdq:* &* +@all -eval", "`EVAL rq:queue:"),
    ],
)
def test_what_a_user_may_not_is_named_with_the_rights_that_sdq_needs(
    start: Start, rights: str, named: str
) -> None:
    queues = Queues(connected(as_user(start(), rights)), "0123456789ab")

    def use() -> None:
        with redis_errors(), queues.dispatch_lock():
            queues.enqueue("a", range(1, 4))
            queues.holdings()

    with pytest.raises(ConfigurationError, match=named) as caught:
        use()
    assert caught.value.exit_code == EXIT_CONFIGURATION
    assert "SDQ_REDIS_URL" in str(caught.value)
    assert RIGHTS in str(caught.value)


@pytest.mark.parametrize("url", ["redis://app:wrong@", "redis://nobody:pw@"])
def test_a_wrong_password_is_a_matter_of_settings(start: Start, url: str) -> None:
    server = start()
    as_user(server, "~* +@all")
    with pytest.raises(ConfigurationError, match="SDQ_REDIS_URL") as caught:
        connected(server.replace("redis://", url))
    assert "wrong" not in str(caught.value)


def test_a_missing_password_is_a_matter_of_settings(start: Start) -> None:
    url = start()
    with redis.Redis.from_url(url) as client:
        client.config_set("requirepass", "secret")
        with pytest.raises(ConfigurationError, match="SDQ_REDIS_URL"):
            connected(url)


def test_a_number_that_the_server_does_not_have_is_a_matter_of_settings(start: Start) -> None:
    with pytest.raises(ConfigurationError, match="the number at the end of SDQ_REDIS_URL"):
        connected(start().replace("/0", "/99"))


def test_a_cluster_is_refused_with_the_remedy(start: Start, program: Program) -> None:
    url = start("--cluster-enabled", "yes")
    with redis.Redis.from_url(url) as client:
        queues = Queues(connected(url), "0123456789ab")
        with pytest.raises(ServiceUnavailableError, match="cluster that is down"), redis_errors():
            queues.enqueue("a", [1])
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        program.wait_until(lambda: client.cluster("INFO")["cluster_state"] == "ok")
        with pytest.raises(ConfigurationError, match="Cluster is not supported"), redis_errors():
            queues.enqueue("a", [1])


def test_what_was_granted_before_and_is_refused_now_is_waited_for(start: Start) -> None:
    url = start()
    client = connected(as_user(url, "~rq:* ~sdq:* +@all"))
    with redis_errors():
        client.set("sdq:a", 1)
        client.pipeline().hset("rq:job:1", "a", 1).execute()
    as_user(url, "~nothing +@all")
    with pytest.raises(ServiceUnavailableError, match="`SET sdq:a`"), redis_errors():
        client.set("sdq:a", 2)
    with pytest.raises(ServiceUnavailableError, match="`HSET rq:job:2`"), redis_errors():
        client.pipeline().hset("rq:job:2", "a", 1).hset("rq:job:3", "a", 1).execute()
    with pytest.raises(ServiceUnavailableError, match="`SADD rq:workers`"), redis_errors():
        client.sadd("rq:workers", "never before, but the server is not what it was")
    with redis.Redis.from_url(url) as admin:
        admin.execute_command("ACL", "DELUSER", "app")
    client.connection_pool.disconnect()
    with pytest.raises(ServiceUnavailableError, match="rejected the user"), redis_errors():
        client.get("sdq:a")
    as_user(url, "~rq:* ~sdq:* +@all")
    assert client.get("sdq:a") == b"1"


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("maxmemory", "1", "is full"),
        ("replicaof", "127.0.0.1 1", "replica that cannot be written"),
        ("min-replicas-to-write", "1", "misses replicas"),
    ],
)
def test_what_heals_is_worth_waiting_for(start: Start, option: str, value: str, words: str) -> None:
    url = start()
    client = connected(url)
    with redis.Redis.from_url(url) as admin:
        if option == "replicaof":
            admin.replicaof(*value.split())
        else:
            admin.config_set(option, value)
    with pytest.raises(ServiceUnavailableError, match=words) as caught, redis_errors():
        Queue("a", connection=client).enqueue("nothing")
    assert caught.value.retryable


@pytest.mark.slow
def test_the_rights_that_are_asked_for_are_enough(start: Start, program: Program) -> None:
    url = {"SDQ_REDIS_URL": as_user(start(), RIGHTS)}
    program.call(
        "submit", "--prompt", "the sea", "--seed", "0-2", "--batch", "sea", "--steps", "2", **url
    )
    program.call("worker", "--burst", "--threads", "1", **url)
    program.call("submit", "--prompt", "a tent", "--batch", "tent", "--steps", "2", **url)
    for command in ("pause", "resume", "cancel", "resume", "retry"):
        program.call(command, "tent", **url)
    program.call("verify", "--repair", **url)
    program.call("run", "--prompt", "a kite", "--steps", "2", "-q", **url)
    program.call("worker", "--burst", "--lanes", "original:ALL", **url)
    program.call("prune", "tent", "--yes", **url)
    assert len(program.drawn("sea")) == 3
