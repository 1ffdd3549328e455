"""How much noise TCD adds: on the command, on lines of every kind, and back from what was drawn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sdq.submitting.options import SubmitOptions
from sdq.submitting.planned import plan_request
from sdq.submitting.request import read_request
from sdq_core.errors import SdqError
from sdq_core.images.infotext import write_infotext
from sdq_core.settings import read_settings
from sdq_core.values.recipes import Recipe


def planned(
    home: Path, text: str = "a house\n", name: str = "p.txt", **options: str
) -> list[Recipe]:
    file = home / name
    file.write_text(text)
    settings = read_settings({"SDQ_HOME": str(home)})
    request = read_request(SubmitOptions(files=(str(file),), **options), settings)  # type: ignore[arg-type]
    return [entry.recipe for entry in plan_request(settings, request, None).plan.entries]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.txt", "a house --scheduler TCD --eta 0.3\n"),
        ("p.csv", "prompt,scheduler,eta\na house,tcd,0.3\n"),
        ("p.jsonl", '{"prompt": "a house", "sampler": "TCD", "eta": 0.3}\n'),
        ("p.yaml", "scheduler: TCD\neta: 0.3\nprompts: [a house]\n"),
    ],
)
def test_lines_say_it(tmp_path: Path, name: str, text: str) -> None:
    (recipe,) = planned(tmp_path, text, name)
    assert recipe.conditions.eta == 0.3
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    pasted = write_infotext(recipe, 5, version="0.2.0")
    assert planned(tmp_path, pasted)[0] == recipe


def test_the_command_says_one_or_several_and_a_line_goes_before_it(tmp_path: Path) -> None:
    made = planned(tmp_path, "a house\na tree --eta 1\n", scheduler="TCD", eta="0,0.3")
    assert [(one.prompt, one.conditions.eta) for one in made] == [
        ("a house", 0.0),
        ("a house", 0.3),
        ("a tree", 1.0),
    ]
    # Without noise, a recipe is what it was before there was any.
    assert "eta" not in made[0].to_dict()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"eta": "0.3"}, "eta is for the scheduler TCD, not DPMSolverMultistep; leave it out"),
        ({"eta": "1.5", "scheduler": "TCD"}, "--eta: eta is 1.5; use 0 to 1"),
        ({"eta": "nan", "scheduler": "TCD"}, "--eta: eta is 'nan', which is not a number"),
        ({"num_inference_steps": "51", "scheduler": "TCD"}, "TCD takes 1 to 50; use 4 to 8"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    tmp_path: Path, options: dict[str, str], says: str
) -> None:
    with pytest.raises(SdqError, match=says.replace(".", r"\.")):
        planned(tmp_path, **options)
