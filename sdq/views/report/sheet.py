"""The contact sheet: the sample's thumbnails with their prompts."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from db.summaries.values import Summary
from db.values import FinishedImage
from sdq.views.report.markup import Markup, element
from sdq.views.report.pieces import prompt_of, section, short
from sdq.views.report.sentences import sample_rule
from sdq_core.images.fitted import Thumbnail

#: So many images are shown larger.
_FEW = 4


def contact_sheet(
    summary: Summary,
    pictures: Mapping[str, Thumbnail],
    no_pictures: str | None,
) -> Markup | None:
    """Return the section; pictures: by path. no_pictures: why none could be read."""
    if not summary.sample:
        return None
    if no_pictures:
        return section("images", "Images", None, element("p", no_pictures, class_="empty"))
    names = summary.batch is None
    tiles = [element("li", _tile(image, pictures, with_batch=names)) for image in summary.sample]
    sheet = element("ul", *tiles, class_="sheet" if len(tiles) > _FEW else "sheet few")
    return section("images", "Images", sample_rule(summary), sheet)


def _tile(
    image: FinishedImage,
    pictures: Mapping[str, Thumbnail],
    *,
    with_batch: bool,
) -> Markup:
    path = image.image.path
    hidden = bool(image.image.nsfw_flagged)
    prompt = short(image.recipe.prompt)
    if thumbnail := pictures.get(path):
        data = base64.b64encode(thumbnail.data).decode("ascii")
        picture = element(
            "img",
            src=f"data:{thumbnail.media_type};base64,{data}",
            width=thumbnail.width,
            height=thumbnail.height,
            alt=f"Hidden, as the safety checker flagged it: {prompt}" if hidden else prompt,
        )
    else:
        picture = element("p", "Cannot be read", class_="unreadable")
    batch = f"{image.batch_name} · " if with_batch else ""
    flagged = " · flagged" if hidden else ""
    return element(
        "figure",
        picture,
        element(
            "figcaption",
            prompt_of(prompt),
            element("small", f"{batch}prompt {image.entry} · seed {image.seed}{flagged}"),
        ),
    )
