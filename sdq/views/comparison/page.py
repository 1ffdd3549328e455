"""Comparisons as one page: what differs, and each pair in one place, where an eye sees any change."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from sdq.comparing.comparison import Comparison, Pair
from sdq.comparing.sides import Candidate
from sdq.views.comparison.pictures import BRIGHTNESS, Pictures
from sdq.views.comparison.words import decibels, pairs_of, place_of, without_partner
from sdq.views.report.clock import with_year, zone
from sdq.views.report.document import document
from sdq.views.report.markup import Markup, element, joined
from sdq.views.report.pieces import first_of, prompt_of, section, short
from sdq.views.report.tables import Column, table
from sdq_core.images.fitted import Thumbnail

_STYLE = Path(__file__).with_name("page.css")
_SCRIPT = Path(__file__).with_name("page.js")

#: How pairs are shown: name, what it does, whether it needs the script.
_VIEWS = (
    ("flip", "Flip", False),
    ("beside", "Side by side", False),
    ("slide", "Slide", True),
    ("difference", f"Difference, {BRIGHTNESS} times as bright", False),
)
_NOTE = (
    "The least similar first. Point at an image to see the other one in its place; click, tap, or press the space key "
    "to change them over."
)


def comparison_page(comparisons: Sequence[Comparison], limit: int, pictures: Pictures) -> str:
    """Return the page. limit: show at most this many pairs of each."""
    title = _title(comparisons)
    body = joined(
        (
            _masthead(comparisons, title),
            element(
                "main",
                *(
                    piece
                    for number, comparison in enumerate(comparisons, 1)
                    for piece in _comparison(
                        comparison, number, limit, pictures, named=len(comparisons) > 1
                    )
                ),
            ),
            _footer(),
        )
    )
    style = _STYLE.read_text(encoding="utf-8")
    return document(title, body, style=style, script=_SCRIPT.read_text(encoding="utf-8"))


def _title(comparisons: Sequence[Comparison]) -> str:
    first, *others = [comparisons[0].one, *(comparison.other for comparison in comparisons)]
    *middle, last = others
    return f"{', '.join([first, *middle])} and {last}"


def _masthead(comparisons: Sequence[Comparison], title: str) -> Markup:
    worst = min(
        (comparison.worst_db for comparison in comparisons if comparison.worst_db is not None),
        default=None,
    )
    count = sum(len(comparison.pairs) for comparison in comparisons)
    equal = sum(comparison.equal for comparison in comparisons)
    if equal == count:
        headline = "Pixel for pixel the same"
    elif worst is None:
        headline = f"{pairs_of(count)}, none comparable"
    else:
        headline = f"{pairs_of(count)}, the least similar at {decibels(worst)}"
    return element(
        "header",
        element("p", title, class_="kicker", dir="auto"),
        element("h1", headline),
        element(
            "p",
            "Peak signal-to-noise ratios of images with the same prompt and seed: the more decibels, the more alike.",
            class_="when",
        ),
    )


def _comparison(
    comparison: Comparison, number: int, limit: int, pictures: Pictures, *, named: bool
) -> list[Markup]:
    both = f"{comparison.one} and {comparison.other}"
    alone = without_partner(comparison)
    figures = [
        ("Pairs", f"{len(comparison.pairs):,}", both if named else None),
        ("Equal", f"{comparison.equal:,}", None),
        ("Median", decibels(comparison.median_db), None),
        ("Least similar", decibels(comparison.worst_db), None),
    ]
    if comparison.unmeasured:
        figures.append(
            ("Not comparable", f"{comparison.unmeasured:,}", "other size, or unreadable")
        )
    if alone:
        figures.append(("Without a partner", f"{sum(comparison.alone):,}", alone))
    shown = comparison.pairs[:limit]
    items = [element("li", _pair(pair, comparison, pictures)) for pair in shown]
    note = " ".join(filter(None, [first_of(len(shown), len(comparison.pairs)), _NOTE]))
    return [
        element(
            "dl",
            *(
                element(
                    "div",
                    element("dt", name),
                    element("dd", value, element("small", remark) if remark else None),
                )
                for name, value, remark in figures
            ),
            class_="figures",
        ),
        *_differences(comparison, number),
        section(
            f"pairs-{number}",
            both if named else "Pairs",
            note,
            _views(number),
            element("ul", *items, class_="pairs"),
        ),
    ]


def _differences(comparison: Comparison, number: int) -> list[Markup]:
    if not comparison.differences:
        return []
    columns = [
        Column("", text=True),
        Column(comparison.one, text=True),
        Column(comparison.other, text=True),
    ]
    rows = [
        (difference.name, ", ".join(difference.one), ", ".join(difference.other))
        for difference in comparison.differences
    ]
    same = ", ".join(f"{name} {value}" for name, value in comparison.same.items() if value)
    found = table("What differs", columns, rows)
    rest = element("p", f"The same: {same}.", class_="same") if same else None
    return [section(f"differences-{number}", "What differs", None, found, rest)]


def _views(number: int) -> Markup:
    """Return the buttons that choose how pairs are shown."""
    choices = [
        element(
            "label",
            element(
                "input",
                type="radio",
                name=f"view-{number}",
                value=name,
                checked="" if name == "flip" else None,
            ),
            element("span", text),
            class_="scripted" if needs_script else None,
        )
        for name, text, needs_script in _VIEWS
    ]
    return element("fieldset", element("legend", "Show pairs as"), *choices, class_="views")


def _pair(pair: Pair, comparison: Comparison, pictures: Pictures) -> Markup:
    prompt = short(pair.one.recipe.prompt)
    frames = element(
        "span",
        _frame(pair.one, comparison.one, "one", prompt, pictures),
        _frame(pair.other, comparison.other, "other", prompt, pictures),
        element(
            "span",
            _picture(pictures.of_difference(pair), f"Difference: {prompt}", "Cannot be shown"),
            class_="frame difference",
        ),
        class_="frames",
    )
    switch = element("input", type="checkbox", aria_label=f"Show {comparison.other}: {prompt}")
    slider = element(
        "input",
        type="range",
        min=0,
        max=100,
        value=50,
        class_="slider",
        aria_label=f"Slide: {prompt}",
    )
    return element(
        "figure",
        element("label", switch, frames, class_="flip"),
        slider,
        element(
            "figcaption",
            element("span", decibels(pair.psnr_db), class_="ratio"),
            prompt_of(prompt),
            element("small", place_of(pair)),
        ),
        class_="pair",
    )


def _frame(image: Candidate, name: str, side: str, prompt: str, pictures: Pictures) -> Markup:
    hidden = "Hidden, as the safety checker flagged it: " if image.flagged else ""
    shown = _picture(pictures.of(image), f"{hidden}{name}: {prompt}", "Cannot be read")
    return element("span", shown, element("span", name, class_="name"), class_=f"frame {side}")


def _picture(thumbnail: Thumbnail | None, alt: str, otherwise: str) -> Markup:
    if thumbnail is None:
        return element("span", otherwise, class_="unreadable")
    data = base64.b64encode(thumbnail.data).decode("ascii")
    return element(
        "img",
        src=f"data:{thumbnail.media_type};base64,{data}",
        width=thumbnail.width,
        height=thumbnail.height,
        alt=alt,
    )


def _footer() -> Markup:
    now = datetime.now(UTC)
    made = f"Made {with_year(now)} {zone(now)} by sdq {metadata.version('sdq')}."
    return element(
        "footer",
        element("p", f"{made} Thumbnails are scaled down; ratios are of the whole images."),
    )
