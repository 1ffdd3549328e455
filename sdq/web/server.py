"""Serves the application until it is told to stop."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import logging
import socket
import threading
from collections.abc import Callable, Iterator

import uvicorn
from starlette.applications import Starlette

from sdq.web.access import Access
from sdq.web.feed import Feed
from sdq.web.protocol import Protocol
from sdq.web.warm import warm_up
from sdq_core.errors import OutputError, UsageError

#: Where it listens unless told: the first of these that is free.
USUAL_PORTS = range(7370, 7380)

#: What a stop waits for, s.
_GRACE_S = 2
#: How long a start waits for pages that are drawn for nobody; a ledger that does not answer takes longer, s.
_WARMING_S = 1.0
#: Connections at once, of which each takes a file descriptor; more are told to come back.
_CONNECTIONS = 2000
#: Open files beside them: of the ledger, Redis, pictures, bodies, and of connections that are about to be cut.
_OTHER_FILES = 256
#: Connections that are accepted before one of them is looked at, and those that wait for it in the kernel.
_AT_ONCE, _WAITING = 16, 2048
#: As many connections are served however few files may be open.
_LEAST = 64


def listen(host: str, port: int | None) -> socket.socket:
    """Return a socket that listens. port: None for the first usual one that is free, 0 for any.

    Raise OutputError if nobody can listen there, UsageError for a host that this machine does not have.
    """
    ports = USUAL_PORTS if port is None else (port,)
    for one in ports:
        try:
            return _bound(host, one)
        except OSError as error:
            if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                raise UsageError(f"--host: {host!r} is not an address of this machine.") from None
            problem = error
    where = f"any port of {ports[0]} to {ports[-1]}" if port is None else f"port {port}"
    raise OutputError(
        f"Cannot listen on {where} of {host} ({problem.strerror}). Choose another one with --port."
    )


def _bound(host: str, port: int) -> socket.socket:
    family, kind, _protocol, _name, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    bound = socket.socket(family, kind)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(_WAITING)
    except OSError:
        bound.close()
        raise
    return bound


def address_of(listening: socket.socket, host: str, access: Access) -> str:
    """Return the address to open in a browser, with the token."""
    port = listening.getsockname()[1]
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host).is_unspecified:
            host = socket.gethostname()
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}{access.prefix}/?token={access.token}"


class Server(uvicorn.Server):
    """One that lets listeners of events go at once when it is told to stop, and then ends as if nothing had been."""

    def __init__(
        self,
        app: Starlette,
        started: Callable[[], None] = lambda: None,
        *,
        connections: int = _CONNECTIONS,
    ) -> None:
        """Prepare to serve. started: called once requests are answered. connections: as many at once."""
        # Both warn of each malformed request, of which anybody can send as many as they like.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
        super().__init__(
            uvicorn.Config(
                app,
                http=Protocol,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_GRACE_S,
                limit_concurrency=connections,
                backlog=_AT_ONCE,
            )
        )
        self._feed: Feed = app.state.sources.feed
        self._say_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        for listening in sockets or ():
            listening.listen(_WAITING)  # asyncio takes one number for both
        self._say_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End all connections, in two seconds at most."""
        self._feed.close()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals that ask for a stop; they are obeyed then, and not passed on afterwards."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()


def serve(
    app: Starlette, listening: socket.socket, started: Callable[[], None] = lambda: None
) -> None:
    """Serve until a signal says to stop. started: called once requests are answered."""
    connections = min(_CONNECTIONS, max(_descriptors() - _OTHER_FILES, _LEAST))

    def begin() -> None:
        warming = threading.Thread(target=warm_up, args=(app,), name="sdq-warm-up", daemon=True)
        warming.start()
        warming.join(_WARMING_S)
        started()

    with contextlib.closing(listening):
        Server(app, begin, connections=connections).run(sockets=[listening])


def _descriptors() -> int:
    """Allow as many open files as connections need, macOS begins with 256; return how many there may be."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _CONNECTIONS + _OTHER_FILES
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        return soft
    return wanted
