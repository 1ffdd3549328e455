"""Images of templates, drawn by the installed program: their rows say which template, what was chosen and the seed."""

from __future__ import annotations

import json

from PIL import Image

from tests.acceptance.program import Program
from tests.dynamic.folder import write


def test_an_image_knows_its_template_and_what_was_chosen(program: Program) -> None:
    folder = write(
        program.home.parent / "prompts",
        {"night.txt": "a {red|blue} __things__\n", "wildcards/things.txt": "house\ntent\n"},
    )
    arguments = ["run", str(folder / "night.txt"), "--dynamic", "random", "--steps", "1,2"]
    program.call(*arguments, "--seed-range", "0-3")
    images = program.drawn("night")
    assert len(images) == 8
    prompts = {}
    for image in images:
        made = image.fields["dynamic"]
        assert (made["template"], made["mode"], made["seed"]) == (
            "a {red|blue} __things__",
            "random",
            0,
        )
        chosen = dict(made["choices"])
        assert image.recipe.prompt == f"a {chosen['{red|blue}']} {chosen['__things__']}"
        # The same prompt for a seed with each number of steps.
        assert prompts.setdefault(image.seed, image.recipe.prompt) == image.recipe.prompt
        with Image.open(program.home / "outputs" / image.image.path) as picture:
            assert json.loads(picture.info["sdq"])["recipe"]["prompt"] == image.recipe.prompt
    again = program.call("submit", *arguments[1:], "--seed-range", "0-3")
    assert "nothing new; all 8 images were submitted before" in again.stdout
    with program.ledger() as ledger:
        options = ledger.submissions.batch_options("night", "night", "")
    assert options is not None
    assert options.given["dynamic"]["wildcards"] == str(folder / "wildcards")
    assert options.given["grid"] == {"num_inference_steps": [1, 2]}
