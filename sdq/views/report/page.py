"""A summary as one page that needs nothing else: no script, no request, its style and pictures within."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import metadata

from db.summaries.values import Summary
from db.values import PausedVariant
from sdq.views.report.clock import with_year, zone
from sdq.views.report.document import document
from sdq.views.report.markup import Markup, element, joined
from sdq.views.report.sections import sections
from sdq.views.report.sentences import figures, headline, next_steps, remarks, title, when
from sdq_core.images.fitted import Thumbnail


def report_page(
    summary: Summary,
    paused: Sequence[PausedVariant],
    pictures: Mapping[str, Thumbnail],
    *,
    no_pictures: str | None = None,
) -> str:
    """Return the whole page.

    pictures: thumbnails of the sample, by the images' paths; those that are missing could not be read.
    no_pictures: why none could be read.
    """
    body = joined(
        (
            _masthead(summary),
            element(
                "main",
                _figures(summary),
                _next_steps(summary, paused),
                *sections(summary, pictures, no_pictures),
            ),
            _footer(summary),
        )
    )
    return document(f"{title(summary)}: {headline(summary)}", body)


def _masthead(summary: Summary) -> Markup:
    return element(
        "header",
        element("p", title(summary), class_="kicker", dir="auto"),
        element("h1", headline(summary)),
        element("p", when(summary), class_="when"),
    )


def _figures(summary: Summary) -> Markup:
    found = [
        element(
            "div",
            element("dt", name),
            element("dd", value, element("small", remark) if remark else None),
            class_="bad" if name == "Failed" and summary.failed else None,
        )
        for name, value, remark in figures(summary)
    ]
    said = remarks(summary)
    return joined(
        (
            element("dl", *found, class_="figures"),
            element("p", " ".join(said), class_="remarks") if said else None,
        )
    )


def _next_steps(summary: Summary, paused: Sequence[PausedVariant]) -> Markup | None:
    steps = [
        element("li", element("p", step.sentence, dir="auto"), element("code", step.command))
        for step in next_steps(summary, paused)
    ]
    if not steps:
        return None
    heading = element("h2", "Next", id="next")
    return element("section", heading, element("ul", *steps), class_="next", aria_labelledby="next")


def _footer(summary: Summary) -> Markup:
    made = f"{with_year(summary.made_at)} {zone(summary.made_at)}"
    version = metadata.version("sdq")
    return element(
        "footer",
        element(
            "p",
            f"Made {made} by sdq {version}. All times are local. Paths are within the output folder.",
        ),
    )
