"""The application: routes behind one gate."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable

import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from sdq.queue.connections import Connections
from sdq.web import api, pages, problems
from sdq.web.access import Access
from sdq.web.drafts.planning import Planner
from sdq.web.feed import Feed
from sdq.web.gate import Gate
from sdq.web.kept import KeptThumbnails
from sdq.web.look import Looking
from sdq.web.pages.night import Nights
from sdq.web.pictures import Thumbnails
from sdq.web.reading import Sources
from sdq_core.errors import SdqError
from sdq_core.models import ModelStore
from sdq_core.settings import Settings

#: Handlers that run at once. Fewer than the connections that the ledger's pool gives out at most.
_THREADS = 12


def create_app(
    settings: Settings, access: Access, *, hide: Callable[[str], str] = str
) -> Starlette:
    """Return the application of a server, which opens nothing before it is asked.

    hide: takes what is secret out of a sentence for the client.

    What its handlers share is `app.state.sources`, and those for programs `app.state.api`.
    """
    connections = Connections(settings)
    looking = Looking(connections)
    sources = Sources(
        settings=settings,
        access=access,
        hide=hide,
        connections=connections,
        looking=looking,
        feed=Feed(looking.news),
        thumbnails=Thumbnails(KeptThumbnails(settings.cache / "thumbs"), settings.outputs),
        models=ModelStore(settings.models),
    )

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
        yield
        sources.feed.close()
        connections.close()

    app = Starlette(
        routes=[*pages.routes(), *api.routes()],
        middleware=[
            Middleware(
                Gate,
                access,
                open_paths=pages.OPEN | api.OPEN,
                open_folders=pages.OPEN_FOLDERS,
                limits={**pages.LIMITS, **api.LIMITS},
            )
        ],
        exception_handlers={SdqError: problems.of_ours, HTTPException: problems.of_http},
        lifespan=lifespan,
    )
    app.state.sources, app.state.api = sources, api.State(sources.models)
    app.state.planner, app.state.nights = Planner(settings, sources.models), Nights()
    return app
