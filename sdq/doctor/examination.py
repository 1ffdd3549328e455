"""The whole examination, in the order in which a report is read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping

from sdq.doctor import configuration, drawing, learnt, machine, places, services
from sdq.doctor.portrayal import Subject, portrayal
from sdq.doctor.privacy import Privacy
from sdq.doctor.report import Report, Section
from sdq_core.settings import EMBEDDED, VARIABLES, Settings
from sdq_core.values.variants import ComputeUnit


def examine(
    settings: Settings,
    environment: Mapping[str, str],
    *,
    units: Collection[ComputeUnit],
    subject: Subject | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Report:
    """Examine everything, and draw the demo model on these compute units; with none, do not draw.

    subject: drawn in place of the demo model, whose portrait may be recorded.
    `say` is told what is being done.
    """
    named = [
        environment.get(name) for name in (*VARIABLES["redis_url"], *VARIABLES["database_url"])
    ]
    urls = {url for url in (*named, settings.redis_url, settings.database_url) if url}
    privacy = Privacy(urls - {EMBEDDED}, environment)

    def look() -> list[Section]:
        found = [
            machine.machine(),
            machine.libraries(sys.platform, sys.version_info[:2]),
            configuration.configuration(settings, environment),
            places.folders(settings),
            services.queues(settings),
            services.ledger(settings),
            *learnt.learnt(settings),
            places.models(settings),
            configuration.hub(environment),
        ]
        if units and subject is not None:
            return [*found, portrayal(settings, subject, units, say)]
        if units:
            return [*found, drawing.drawing(settings, units, say)]
        return [*found, Section(title="Drawing", not_tried=["Drawing the demo model (--no-draw)."])]

    return Report(sections=[privacy.of(section) for section in look()])
