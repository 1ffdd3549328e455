"""A small picture classifier that says what a postcard shows; `evaluate.py` believes it as far as it was measured."""

from __future__ import annotations

from random import Random

import numpy as np
import scenes
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

ATTRIBUTES = ("time", "weather", "ground", "object", "colour", "position")


class Judge(nn.Module):
    """Pictures [B,3,128,128] in [-1,1] -> logits for each entry of `scenes.labels`."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in ((3, 24), (24, 48), (48, 96), (96, 128)):
            layers += [
                nn.Conv2d(before, after, 3, stride=2, padding=1),
                nn.BatchNorm2d(after),
                nn.SiLU(),
            ]
        self.body = nn.Sequential(*layers, nn.Conv2d(128, 32, 1), nn.SiLU(), nn.Flatten())
        self.hidden = nn.Sequential(nn.Linear(32 * 64, 192), nn.SiLU(), nn.Dropout(0.1))
        self.heads = nn.ModuleList(nn.Linear(192, size) for size in scenes.LABEL_SIZES)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        feature = self.hidden(self.body(pictures))
        return [head(feature) for head in self.heads]


@torch.no_grad()
def read_pictures(judge: Judge, pictures: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Labels [B,9] of pictures [B,128,128,3]."""
    training = judge.training
    judge.eval()
    x = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1
    rows = [torch.stack([h.argmax(dim=1) for h in judge(part)], dim=1) for part in x.split(64)]
    judge.train(training)
    return torch.cat(rows).numpy()


def grade(seen: list[int], asked: list[int]) -> dict[str, list[bool]]:
    """Compare one picture's labels with its prompt's.

    An object counts as right when that kind is anywhere in the picture; a colour, when that kind is there with that
    colour; a position, when the third of the picture where the prompt wants something is where something is, and no
    other third has anything.
    """
    found = {(seen[i], seen[i + 1]) for i in (3, 5, 7) if seen[i]}
    wanted = [(asked[i], asked[i + 1]) for i in (3, 5, 7) if asked[i]]
    kinds = {kind for kind, _ in found}
    where = [bool(seen[i]) == bool(asked[i]) for i in (3, 5, 7)]
    return {
        "time": [seen[0] == asked[0]],
        "weather": [seen[1] == asked[1]],
        "ground": [seen[2] == asked[2]],
        "object": [kind in kinds for kind, _ in wanted],
        "colour": [thing in found for thing in wanted],
        "position": [all(where)] if wanted else [],
    }


def accuracy(grades: list[dict[str, list[bool]]]) -> dict[str, float]:
    """Share of right answers for each attribute."""
    answers = {name: [a for grade_ in grades for a in grade_[name]] for name in ATTRIBUTES}
    return {
        name: float(np.mean(given)) if given else float("nan") for name, given in answers.items()
    }


def judge_accuracy(judge: Judge, seed: int, count: int) -> dict[str, float]:
    """The judge's own accuracy on newly drawn scenes of every combination."""
    rng = Random(seed)
    drawn = [scenes.sample_scene(rng, held_out=None) for _ in range(count)]
    seen = read_pictures(judge, np.stack([scenes.draw(rng, scene) for scene in drawn]))
    return accuracy([grade(s.tolist(), scenes.labels(d)) for s, d in zip(seen, drawn, strict=True)])
