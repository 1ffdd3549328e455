"""The whole examination, in the order in which a report is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sdq.doctor import configuration, drawing, machine, places, services
from sdq.doctor.privacy import Privacy
from sdq.doctor.report import Report, Section
from sdq_core.settings import EMBEDDED, VARIABLES, Settings


def examine(
    settings: Settings,
    environment: Mapping[str, str],
    *,
    draw: bool,
    say: Callable[[str], None] = lambda _: None,
) -> Report:
    """Look at everything; draw: also draw the demo model, which takes longest. say hears what is going on."""
    named = [
        environment.get(name) for name in (*VARIABLES["redis_url"], *VARIABLES["database_url"])
    ]
    urls = {url for url in (*named, settings.redis_url, settings.database_url) if url}
    privacy = Privacy(urls - {EMBEDDED}, environment)

    def look() -> list[Section]:
        found = [
            machine.machine(),
            machine.libraries(),
            configuration.configuration(settings, environment),
            places.folders(settings),
            services.queues(settings),
            services.ledger(settings),
            places.models(settings),
            configuration.hub(environment),
        ]
        if draw:
            return [*found, drawing.drawing(settings, say)]
        return [*found, Section(title="Drawing", not_tried=["Drawing the demo model (--no-draw)."])]

    return Report(sections=[privacy.of(section) for section in look()])
