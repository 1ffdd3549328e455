"""What will keep notices from being told, as far as the settings show it."""

from __future__ import annotations

from sdq.notices import apprise_urls, report_page
from sdq_core.settings import Settings


def problems(settings: Settings) -> list[str]:
    """Return what is wrong, for a worker's first lines and for `sdq doctor`."""
    found = []
    if settings.notify.apprise and not apprise_urls.is_installed():
        found.append(f"'apprise' in [notify] of sdq.toml {apprise_urls.NOT_INSTALLED}.")
    if settings.report and (problem := report_page.problem(settings)):
        found.append(problem)
    return found
