"""Procedural picture postcards and their captions: the demo model's only training data.

A `Scene` is a complete description (time of day, weather, ground, up to two objects with colour and position). `draw`
turns it into a 128x128 picture, `caption` into one of many thousand English phrasings. Both take a `random.Random`, so
a seed fixes them. Nothing here is downloaded, so the data carries no one else's rights.

Some combinations are held out (`is_held_out`): `sample_scene` never returns them unless asked, so that composition can
be measured on pictures that training has never seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

SIZE = 128
"""Side of a finished picture in pixels."""
SCALE = 2
"""Pictures are drawn at this multiple and reduced, which smooths every edge."""

TIMES = ("dawn", "day", "sunset", "night")
WEATHERS = ("clear", "cloudy", "rainy", "foggy")
GROUNDS = ("meadow", "desert", "sea", "snow", "mountains")
KINDS = ("house", "tree", "tent", "lighthouse", "balloon", "kite")
COLOURS = ("red", "yellow", "blue", "green", "purple")
POSITIONS = ("left", "center", "right")
FLYING = frozenset({"balloon", "kite"})

HELD_OUT_COLOUR_KIND = frozenset(
    {
        ("red", "tent"),
        ("yellow", "house"),
        ("blue", "tree"),
        ("green", "balloon"),
        ("purple", "lighthouse"),
        ("yellow", "kite"),
    }
)
HELD_OUT_TIME_GROUND = frozenset({("dawn", "desert"), ("sunset", "snow"), ("night", "meadow")})
HELD_OUT_KIND_GROUND = frozenset({("tent", "sea"), ("kite", "snow"), ("lighthouse", "desert")})


@dataclass(frozen=True, kw_only=True)
class Thing:
    """One object: what it is, its colour, and the third of the picture in which it stands."""

    kind: str
    colour: str
    position: str


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Everything that a caption can say about a picture. `things` holds none, one or two, left to right."""

    time: str
    weather: str
    ground: str
    things: tuple[Thing, ...]


def is_held_out(scene: Scene) -> bool:
    """Say whether a scene contains at least one combination that training must not show."""
    if (scene.time, scene.ground) in HELD_OUT_TIME_GROUND:
        return True
    return any(
        (thing.colour, thing.kind) in HELD_OUT_COLOUR_KIND
        or (thing.kind, scene.ground) in HELD_OUT_KIND_GROUND
        for thing in scene.things
    )


def sample_scene(rng: Random, *, held_out: bool | None = False) -> Scene:
    """Draw a scene. `held_out` False or True restricts it to that side; None allows both."""
    while True:
        count = rng.choices((0, 1, 2), weights=(4, 61, 35))[0]
        positions = sorted(rng.sample(POSITIONS, count), key=POSITIONS.index)
        kinds = rng.sample(KINDS, count)
        scene = Scene(
            time=rng.choice(TIMES),
            weather=rng.choices(WEATHERS, weights=(4, 3, 2, 2))[0],
            ground=rng.choice(GROUNDS),
            things=tuple(
                Thing(kind=kind, colour=rng.choice(COLOURS), position=position)
                for kind, position in zip(kinds, positions, strict=True)
            ),
        )
        if held_out is None or is_held_out(scene) == held_out:
            return scene


# --- captions -----------------------------------------------------------------------------------------------------

TIME_WORDS = {
    "dawn": ("at dawn", "at sunrise", "at daybreak", "in the early morning"),
    "day": ("by day", "at noon", "in daylight", "during the day"),
    "sunset": ("at sunset", "at dusk", "in the evening"),
    "night": ("at night", "by night", "at midnight", "in the dark night"),
}
WEATHER_WORDS = {
    "clear": ("under a clear sky", "in clear weather", "with a clear sky", "in fine weather"),
    "cloudy": ("under a cloudy sky", "in cloudy weather", "with clouds", "with a cloudy sky"),
    "rainy": ("in the rain", "in rainy weather", "with rain", "under a rainy sky"),
    "foggy": ("in the fog", "in foggy weather", "with mist", "in thick fog"),
}
GROUND_WORDS = {
    "meadow": ("a meadow", "a green meadow", "green hills", "a grassy field", "green grass"),
    "desert": ("a desert", "a sandy desert", "sand dunes", "the desert"),
    "sea": ("the sea", "the ocean", "a calm sea", "blue water"),
    "snow": ("snow", "a snowy field", "a snow field", "white snow"),
    "mountains": ("the mountains", "tall mountains", "rocky mountains", "a mountain range"),
}
KIND_WORDS = {
    "house": ("house", "house", "cottage", "cabin", "home"),
    "tree": ("tree", "tree", "round tree"),
    "tent": ("tent", "tent", "camping tent"),
    "lighthouse": ("lighthouse", "lighthouse", "tower"),
    "balloon": ("balloon", "hot air balloon"),
    "kite": ("kite", "kite", "flying kite"),
}
COLOUR_WORDS = {
    "red": ("red", "red", "red", "scarlet", "crimson"),
    "yellow": ("yellow", "yellow", "yellow", "golden"),
    "blue": ("blue", "blue", "blue", "azure"),
    "green": ("green", "green", "green", "emerald"),
    "purple": ("purple", "purple", "purple", "violet"),
}
POSITION_WORDS = {
    "left": ("on the left", "at the left", "on the left side", "to the left"),
    "center": ("in the middle", "in the center", "in the centre", "at the center"),
    "right": ("on the right", "at the right", "on the right side", "to the right"),
}
PREFIXES = (
    "a painting of",
    "a picture of",
    "a postcard of",
    "a drawing of",
    "a photo of",
    "an illustration of",
)
SUFFIXES = ("beautiful", "detailed", "flat colors", "a nice view", "high quality", "soft light")
_SPARE = (
    "landscape scene view there is are one two and with of the a an near above over behind "
    "small big little large tall old new bright dark warm cold pink orange white black brown "
    "grey gray sun moon stars cloud sky winter summer spring autumn lake river beach forest "
    "wood hill island stone road flower bird cat dog horse boat ship car castle people person "
    "man woman style minimal vector poster watercolor oil cartoon blurry ugly low bad very"
)
"""Words beyond the captions' own: noise in training, so that prompts may contain them."""
SPARE_WORDS = tuple(_SPARE.split())


def _a(words: str) -> str:
    return ("an " if words[0] in "aeiou" else "a ") + words


def _thing_words(rng: Random, thing: Thing) -> str:
    noun = rng.choice(KIND_WORDS[thing.kind])
    where = rng.choice(POSITION_WORDS[thing.position])
    if thing.colour:
        noun = f"{rng.choice(COLOUR_WORDS[thing.colour])} {noun}"
    return f"{where} {_a(noun)}" if rng.random() < 0.25 else f"{_a(noun)} {where}"


def leave_unsaid(rng: Random, scene: Scene, drop: float) -> Scene:
    """Blank each of time, weather, ground and the colours with probability `drop`: "" means that it is left unsaid.

    Objects are always named together with their position: a model of this size learns a position only from captions
    that state it.
    """

    def keep(value: str, probability: float) -> str:
        return "" if rng.random() < probability else value

    return Scene(
        time=keep(scene.time, drop),
        weather=keep(scene.weather, max(drop, 0.3) if scene.weather == "clear" and drop else drop),
        ground=keep(scene.ground, drop),
        things=tuple(replace(thing, colour=keep(thing.colour, drop)) for thing in scene.things),
    )


def caption(rng: Random, scene: Scene) -> str:
    """Phrase a scene in words and order of the generator's choice, leaving out what is ""."""
    things = [_thing_words(rng, thing) for thing in scene.things]
    rng.shuffle(things)
    joined = rng.choice((" and ", ", ", " and ", " with ")).join(things)
    ground = rng.choice(GROUND_WORDS[scene.ground]) if scene.ground else ""
    time = rng.choice(TIME_WORDS[scene.time]) if scene.time else ""
    weather = rng.choice(WEATHER_WORDS[scene.weather]) if scene.weather else ""
    tail = [part for part in (time, weather) if part]
    rng.shuffle(tail)
    glue = rng.choice((" ", " ", ", "))
    style = rng.random()
    if joined and ground and style < 0.45:
        text = glue.join([f"{joined} {rng.choice(('in', 'on', 'near', 'over'))} {ground}", *tail])
    elif joined and ground and style < 0.75:
        text = glue.join([ground, *tail]) + rng.choice((" with ", ", ", ", ")) + joined
    else:
        parts = [part for part in (joined, ground, *tail) if part]
        rng.shuffle(parts)
        text = ", ".join(parts)
    if rng.random() < 0.3:
        text = f"{rng.choice(PREFIXES)} {text}"
    if rng.random() < 0.12:
        text = f"{text}, {rng.choice(SUFFIXES)}"
    if rng.random() < 0.12:
        words = text.split(" ")
        words.insert(rng.randrange(len(words) + 1), rng.choice(SPARE_WORDS))
        text = " ".join(words)
    return text.strip()


def labels(scene: Scene) -> list[int]:
    """Number a scene: time, weather, ground, then kind and colour for left, center, right. 0 is "none" or unsaid."""
    slots = {thing.position: thing for thing in scene.things}

    def number(names: tuple[str, ...], value: str) -> int:
        return names.index(value) + 1 if value else 0

    row = [
        number(TIMES, scene.time),
        number(WEATHERS, scene.weather),
        number(GROUNDS, scene.ground),
    ]
    for position in POSITIONS:
        thing = slots.get(position)
        row += [number(KINDS, thing.kind), number(COLOURS, thing.colour)] if thing else [0, 0]
    return row


LABEL_SIZES = (len(TIMES) + 1, len(WEATHERS) + 1, len(GROUNDS) + 1) + (
    len(KINDS) + 1,
    len(COLOURS) + 1,
) * 3


def scene_of(row: list[int]) -> Scene:
    """Turn the numbers of `labels` back into a scene."""

    def name(names: tuple[str, ...], value: int) -> str:
        return names[value - 1] if value else ""

    things = tuple(
        Thing(
            kind=name(KINDS, row[3 + 2 * i]),
            colour=name(COLOURS, row[4 + 2 * i]),
            position=position,
        )
        for i, position in enumerate(POSITIONS)
        if row[3 + 2 * i]
    )
    return Scene(
        time=name(TIMES, row[0]),
        weather=name(WEATHERS, row[1]),
        ground=name(GROUNDS, row[2]),
        things=things,
    )


def plain_caption(scene: Scene) -> str:
    """Phrase a scene in the one fixed way that evaluation uses."""
    things = " and ".join(
        f"{_a(f'{t.colour} {t.kind}')} {POSITION_WORDS[t.position][0]}" for t in scene.things
    )
    ground = GROUND_WORDS[scene.ground][0]
    tail = f"{TIME_WORDS[scene.time][0]} {WEATHER_WORDS[scene.weather][0]}"
    return f"{things} in {ground} {tail}" if things else f"{ground} {tail}"


def vocabulary() -> list[str]:
    """List every word that a caption can contain, and the spare ones, in a stable order."""
    tables = (TIME_WORDS, WEATHER_WORDS, GROUND_WORDS, KIND_WORDS, COLOUR_WORDS, POSITION_WORDS)
    phrases = [phrase for table in tables for phrases in table.values() for phrase in phrases]
    words = {word for phrase in (*phrases, *PREFIXES, *SUFFIXES) for word in phrase.split()}
    return sorted(words | set(SPARE_WORDS) | {"in", "on", "near", "over", "with", "and"})


# --- pictures -----------------------------------------------------------------------------------------------------

Colour = tuple[float, float, float]
_SKY: dict[str, tuple[Colour, Colour, Colour]] = {
    "dawn": ((132, 156, 214), (232, 190, 214), (255, 222, 196)),
    "day": ((64, 140, 222), (124, 188, 240), (200, 232, 250)),
    "sunset": ((86, 52, 128), (232, 96, 88), (255, 186, 84)),
    "night": ((10, 14, 44), (22, 30, 78), (52, 62, 122)),
}
_TINT: dict[str, tuple[Colour, Colour, float]] = {
    # multiply, then mix with a colour by a share: what the light does to the ground
    "dawn": ((0.92, 0.86, 0.94), (255, 206, 200), 0.16),
    "day": ((1.0, 1.0, 1.0), (255, 255, 255), 0.0),
    "sunset": ((0.86, 0.66, 0.62), (255, 120, 60), 0.14),
    "night": ((0.50, 0.53, 0.70), (24, 32, 90), 0.12),
}
_GROUND: dict[str, tuple[Colour, Colour]] = {
    # far and near colour
    "meadow": ((138, 196, 104), (62, 142, 62)),
    "desert": ((244, 212, 142), (218, 160, 84)),
    "sea": ((92, 188, 206), (20, 92, 148)),
    "snow": ((226, 238, 250), (250, 252, 255)),
    "mountains": ((122, 130, 150), (92, 96, 104)),
}
_PAINT: dict[str, Colour] = {
    "red": (216, 48, 44),
    "yellow": (250, 204, 40),
    "blue": (40, 98, 214),
    "green": (38, 158, 84),
    "purple": (148, 62, 190),
}
_CENTRES = {"left": 0.19, "center": 0.5, "right": 0.81}
_HORIZON = 0.60


def _mix(a: Colour, b: Colour, share: float) -> Colour:
    return tuple(x + (y - x) * share for x, y in zip(a, b, strict=True))  # type: ignore[return-value]


def _add(colour: Colour, shift: Colour) -> Colour:
    return tuple(max(0.0, min(255.0, c + d)) for c, d in zip(colour, shift, strict=True))  # type: ignore[return-value]


def _rgb(colour: Colour) -> tuple[int, int, int]:
    return tuple(max(0, min(255, round(c))) for c in colour)  # type: ignore[return-value]


class _Painter:
    """Draws one scene at `SCALE` times the final size; coordinates are shares of the side."""

    def __init__(self, scene: Scene, rng: Random) -> None:
        self.scene, self.rng, self.side = scene, rng, SIZE * SCALE
        # what no caption says differs from picture to picture, and so from seed to seed
        self.horizon = _HORIZON + rng.uniform(-0.035, 0.035)
        self.air = tuple(rng.uniform(-12, 12) for _ in range(3))
        self.soil = tuple(rng.uniform(-10, 10) for _ in range(3))
        self.grey = {"clear": 0.0, "cloudy": 0.12, "rainy": 0.55, "foggy": 0.2}[scene.weather]
        self.image = self._sky()
        self.pen = ImageDraw.Draw(self.image)

    def lit(self, colour: Colour, strength: float = 1.0) -> Colour:
        """Apply the light of the time of day, by `strength`: objects take less of it, so that colours stay clear."""
        multiply, toward, share = _TINT[self.scene.time]
        tinted = _mix(tuple(c * m for c, m in zip(colour, multiply, strict=True)), toward, share)  # type: ignore[arg-type]
        if self.scene.weather == "rainy":
            level = sum(tinted) / 3
            tinted = _mix(tinted, (level * 0.8, level * 0.84, level * 0.9), 0.3)
        return _mix(colour, tinted, strength)

    def _grey_sky(self, colour: Colour) -> Colour:
        dim = {"dawn": 176.0, "day": 168.0, "sunset": 130.0, "night": 40.0}[self.scene.time]
        return _mix(colour, (dim * 0.94, dim, dim * 1.08), self.grey)

    def _sky(self) -> Image.Image:
        stops = [_add(self._grey_sky(c), self.air) for c in _SKY[self.scene.time]]
        rows = np.linspace(0, 1, round(self.side * self.horizon) + 8)
        column = np.stack(
            [np.interp(rows, (0, 0.6, 1), [s[i] for s in stops]) for i in range(3)], axis=1
        )
        column = np.concatenate([column, np.repeat(column[-1:], self.side - len(column), axis=0)])
        return Image.fromarray(np.repeat(column[:, None], self.side, axis=1).astype(np.uint8))

    def shape(self, points: list[tuple[float, float]], colour: Colour) -> None:
        self.pen.polygon([(x * self.side, y * self.side) for x, y in points], fill=_rgb(colour))

    def disc(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        s = self.side
        self.pen.ellipse(
            ((x - rx) * s, (y - ry) * s, (x + rx) * s, (y + ry) * s), fill=_rgb(colour)
        )

    def glow(self, x: float, y: float, radius: float, colour: Colour, strength: float) -> None:
        """Add a soft round light."""
        axis = (np.arange(self.side) + 0.5) / self.side
        distance2 = ((axis[None, :] - x) ** 2 + (axis[:, None] - y) ** 2) / radius**2
        share = (strength * np.exp(-distance2))[..., None]
        mixed = np.asarray(self.image) * (1 - share) + np.asarray(colour) * share
        self.image.paste(Image.fromarray(mixed.astype(np.uint8)))

    def heaven(self) -> None:
        """Sun, moon or stars, and clouds."""
        rng, time, weather = self.rng, self.scene.time, self.scene.weather
        x = rng.uniform(0.12, 0.88)
        if time == "night" and weather in ("clear", "cloudy"):
            for _ in range(rng.randint(14, 20) if weather == "clear" else 5):
                r = rng.uniform(0.005, 0.010)
                self.disc(rng.random(), rng.uniform(0.02, 0.45), r, r, (214, 220, 250))
        if weather in ("clear", "foggy") or (weather == "cloudy" and time != "day"):
            strength = 0.45 if weather == "foggy" else 0.7
            if time == "night":
                y = rng.uniform(0.10, 0.22)
                self.glow(x, y, 0.16, (150, 162, 220), 0.4)
                self.disc(x, y, 0.055, 0.055, (244, 240, 214))
                self.disc(x - 0.012, y - 0.01, 0.012, 0.012, (222, 218, 196))
                self.disc(x + 0.018, y + 0.016, 0.009, 0.009, (222, 218, 196))
            elif time == "day":
                y = rng.uniform(0.09, 0.2)
                self.glow(x, y, 0.16, (255, 250, 214), strength)
                self.disc(x, y, 0.06, 0.06, (255, 244, 180))
            else:
                y = rng.uniform(0.46, 0.54)
                light = (255, 226, 190) if time == "dawn" else (255, 196, 96)
                self.glow(x, y, 0.3, light, strength)
                self.disc(
                    x, y, 0.085, 0.085, (255, 238, 208) if time == "dawn" else (255, 226, 130)
                )
        if weather in ("cloudy", "rainy"):
            self._clouds()

    def _clouds(self) -> None:
        rng, rainy = self.rng, self.scene.weather == "rainy"
        base: Colour = {
            "dawn": (255, 232, 232), "day": (255, 255, 255), "sunset": (252, 178, 160), "night": (92, 102, 150)
        }[self.scene.time]  # fmt: skip
        if rainy:
            dim = {"dawn": 0.56, "day": 0.52, "sunset": 0.46, "night": 0.5}[self.scene.time]
            level = sum(base) / 3 * dim
            base = _mix((level * 0.92, level * 0.97, level * 1.1), base, 0.08)
        shade = (
            _mix(base, self._grey_sky(_SKY[self.scene.time][1]), 0.3)
            if not rainy
            else tuple(c * 0.9 for c in base)
        )
        phase = rng.random()
        if rainy:
            for i in range(7):
                x = (i + phase) / 6 - 0.1
                self.disc(x, rng.uniform(-0.02, 0.03), 0.17, rng.uniform(0.11, 0.15), base)
            return
        for i in range(3):
            x, y, w = (i + 0.1 + phase * 0.8) / 3, rng.uniform(0.09, 0.26), rng.uniform(0.1, 0.14)
            for dx, dy, r in ((0, 0, 0.55), (-0.75, 0.12, 0.36), (0.75, 0.14, 0.34)):
                self.disc(x + dx * w, y + dy * w + 0.012, r * w * 1.1, r * w, shade)  # type: ignore[arg-type]
            self.disc(x, y + 0.22 * w + 0.006, w * 1.25, 0.26 * w, shade)  # type: ignore[arg-type]
            for dx, dy, r in ((0, -0.05, 0.55), (-0.75, 0.08, 0.36), (0.75, 0.1, 0.34)):
                self.disc(x + dx * w, y + dy * w, r * w * 1.1, r * w, base)
            self.disc(x, y + 0.2 * w, w * 1.25, 0.24 * w, base)

    def _ridge(self, level: float, waves: tuple[tuple[float, float], ...], colour: Colour) -> None:
        """Fill everything below a sum of sines: `waves` are (amplitude, periods across the picture)."""
        phases = [self.rng.uniform(0, 2 * math.pi) for _ in waves]
        xs = np.linspace(0, 1, 65)
        ys = level + sum(
            a * np.sin(2 * math.pi * k * xs + p) for (a, k), p in zip(waves, phases, strict=True)
        )
        self.shape([(0, 1), *zip(xs.tolist(), ys.tolist(), strict=True), (1, 1)], colour)

    def ground(self) -> None:
        name = self.scene.ground
        far, near = (_add(self.lit(c), self.soil) for c in _GROUND[name])
        if name == "sea":
            self._sea(far, near)
            return
        if name == "mountains":
            self._peaks()
        if name == "desert":
            self._ridge(self.horizon + 0.02, ((0.022, 1.0),), far)
            self._ridge(self.horizon + 0.11, ((0.035, 0.8),), _mix(far, near, 0.45))
            self._ridge(self.horizon + 0.24, ((0.04, 0.7),), near)
        elif name == "meadow":
            self._ridge(self.horizon, ((0.025, 1.3), (0.012, 2.1)), _mix(far, near, 0.15))
            self._ridge(self.horizon + 0.09, ((0.03, 1.0),), _mix(far, near, 0.55))
            self._ridge(self.horizon + 0.21, ((0.025, 0.8),), near)
        elif name == "snow":
            self._ridge(self.horizon, ((0.022, 1.1),), self.lit((196, 214, 236)))
            self._ridge(self.horizon + 0.08, ((0.025, 0.9),), far)
            self._ridge(self.horizon + 0.2, ((0.025, 0.7),), near)
        else:
            self._ridge(self.horizon + 0.1, ((0.02, 1.2),), far)
            self._ridge(self.horizon + 0.22, ((0.025, 0.8),), near)

    def _sea(self, far: Colour, near: Colour) -> None:
        s, top = self.side, round(self.side * self.horizon)
        rows = np.linspace(0, 1, s - top)[:, None]
        sky = np.asarray(self._grey_sky(_SKY[self.scene.time][2]))
        column = (np.asarray(far) * (1 - rows) + np.asarray(near) * rows) * (
            1 - 0.16 * (1 - rows)
        ) + sky * 0.16 * (1 - rows)
        block = np.repeat(column[:, None], s, axis=1).astype(np.uint8)
        self.image.paste(Image.fromarray(block), (0, top))
        for _ in range(9):
            y = self.rng.uniform(self.horizon + 0.04, 0.97)
            w = (y - self.horizon + 0.1) * self.rng.uniform(0.2, 0.4)
            x = self.rng.random()
            shine = _mix(_mix(far, near, (y - self.horizon) / 0.4), self.lit((255, 255, 255)), 0.35)
            self.disc(x, y, w, 0.005 + 0.012 * (y - self.horizon), shine)

    def _peaks(self) -> None:
        rng = self.rng
        rock, light, cap = (
            self.lit((96, 108, 140)),
            self.lit((128, 140, 170)),
            self.lit((248, 250, 255)),
        )
        shift = rng.uniform(-0.12, 0.12)
        for x, height, half in sorted(
            ((0.16 + shift, 0.25, 0.26), (0.52 + shift, 0.32, 0.3), (0.88 + shift, 0.23, 0.27)),
            key=lambda peak: peak[1],
        ):
            h, w = height * rng.uniform(0.88, 1.1), half * rng.uniform(0.9, 1.1)
            base = self.horizon + 0.13
            top = base - h - 0.06
            full = base - top
            self.shape([(x - w, base), (x, top), (x + w, base)], rock)
            self.shape([(x - w, base), (x, top), (x + 0.05, base)], light)
            cut = 0.34
            y = top + full * cut
            self.shape(
                [(x, top), (x + w * cut, y), (x + w * cut * 0.4, y - 0.025), (x, y + 0.012),
                 (x - w * cut * 0.45, y - 0.02), (x - w * cut, y)],
                cap,
            )  # fmt: skip

    def thing(self, thing: Thing) -> None:
        rng = self.rng
        x = _CENTRES[thing.position] + rng.uniform(-0.035, 0.035)
        body = self.lit(_PAINT[thing.colour], 0.42)
        dark, pale = _mix(body, (20, 20, 40), 0.34), _mix(body, (255, 255, 255), 0.45)
        white, wood = self.lit((250, 246, 236), 0.5), self.lit((104, 70, 48), 0.7)
        window = (255, 226, 130) if self.scene.time == "night" else self.lit((176, 220, 244), 0.4)
        size = rng.uniform(0.9, 1.1)
        if thing.kind in FLYING:
            y = rng.uniform(0.26, 0.34)
            if thing.kind == "balloon":
                self._balloon(x, y, size, body, pale, wood)
            else:
                self._kite(x, y, size, body, dark, pale, white)
            return
        y = 0.86 + rng.uniform(-0.015, 0.02)
        if self.scene.ground == "sea":
            self.disc(x, y + 0.012, 0.2, 0.04, self.lit((226, 200, 142)))
        else:
            self.disc(
                x + 0.01,
                y + 0.004,
                0.17,
                0.022,
                _mix(self.lit(_GROUND[self.scene.ground][1]), (10, 20, 40), 0.3),
            )
        if thing.kind == "house":
            w, h = 0.125 * size, 0.2 * size
            self.shape([(x - w, y - h), (x + w, y - h), (x + w, y), (x - w, y)], body)
            self.shape(
                [(x - w - 0.03, y - h), (x, y - h - 0.15 * size), (x + w + 0.03, y - h)], dark
            )
            self.shape(
                [(x - 0.03, y - 0.11), (x + 0.03, y - 0.11), (x + 0.03, y), (x - 0.03, y)], wood
            )
            for dx in (-0.08, 0.08):
                self.shape([(x + dx - 0.026, y - 0.165), (x + dx + 0.026, y - 0.165),
                            (x + dx + 0.026, y - 0.11), (x + dx - 0.026, y - 0.11)], window)  # fmt: skip
        elif thing.kind == "tree":
            self.shape(
                [(x - 0.022, y - 0.2), (x + 0.022, y - 0.2), (x + 0.03, y), (x - 0.03, y)], wood
            )
            for dx, dy, r in ((0, -0.29, 0.12), (-0.075, -0.24, 0.085), (0.075, -0.24, 0.085)):
                self.disc(x + dx * size + 0.012, y + dy + 0.016, r * size, r * size, dark)
            for dx, dy, r in ((0, -0.29, 0.115), (-0.075, -0.24, 0.08), (0.075, -0.24, 0.08)):
                self.disc(x + dx * size, y + dy, r * size, r * size, body)
            self.disc(
                x - 0.03, y - 0.33, 0.045 * size, 0.035 * size, _mix(body, (255, 255, 255), 0.2)
            )
        elif thing.kind == "tent":
            w, h = 0.18 * size, 0.25 * size
            self.shape([(x - w, y), (x, y - h), (x + w, y)], body)
            self.shape([(x, y - h), (x + w, y), (x + w * 0.45, y)], dark)
            self.shape([(x - 0.055, y), (x - 0.005, y - h * 0.66), (x + 0.045, y)], pale)
        else:
            h, w0, w1 = 0.38 * size, 0.078, 0.052
            for i in range(4):
                a, b = i / 4, (i + 1) / 4
                wa, wb = w0 + (w1 - w0) * a, w0 + (w1 - w0) * b
                self.shape([(x - wa, y - h * a), (x + wa, y - h * a), (x + wb, y - h * b), (x - wb, y - h * b)],
                           body if i % 2 == 0 else white)  # fmt: skip
            if self.scene.time == "night":
                self.glow(x, y - h - 0.03, 0.09, (255, 236, 150), 0.6)
            self.shape([(x - 0.045, y - h - 0.06), (x + 0.045, y - h - 0.06), (x + 0.045, y - h), (x - 0.045, y - h)],
                       (255, 232, 140))  # fmt: skip
            self.shape(
                [(x - 0.065, y - h - 0.055), (x, y - h - 0.125), (x + 0.065, y - h - 0.055)], body
            )

    def _balloon(self, x: float, y: float, size: float, body: Colour, pale: Colour, wood: Colour) -> None:  # fmt: skip
        r = 0.135 * size
        self.shape([(x - r * 0.82, y + r * 0.55), (x + r * 0.82, y + r * 0.55), (x + 0.03, y + r + 0.05),
                    (x - 0.03, y + r + 0.05)], body)  # fmt: skip
        self.disc(x, y, r, r, body)
        self.disc(x, y, r * 0.36, r, pale)
        self.shape([(x - r * 0.3, y + r * 0.55), (x + r * 0.3, y + r * 0.55), (x + 0.012, y + r + 0.05),
                    (x - 0.012, y + r + 0.05)], pale)  # fmt: skip
        self.shape([(x - 0.035, y + r + 0.068), (x + 0.035, y + r + 0.068), (x + 0.03, y + r + 0.115),
                    (x - 0.03, y + r + 0.115)], wood)  # fmt: skip

    def _kite(
        self,
        x: float,
        y: float,
        size: float,
        body: Colour,
        dark: Colour,
        pale: Colour,
        white: Colour,
    ) -> None:
        w, up, down = 0.115 * size, 0.13 * size, 0.19 * size
        lean = self.rng.uniform(-0.02, 0.02)
        points = [
            (x + 0.03 * math.sin(i * 0.9) - lean * i / 6, y + down + i * 0.02) for i in range(11)
        ]
        s = self.side
        self.pen.line(
            [(px * s, py * s) for px, py in points], fill=_rgb(white), width=round(0.014 * s)
        )
        self.shape([(x, y - up), (x + w, y), (x, y + down), (x - w, y)], body)
        self.shape([(x, y - up), (x + w, y), (x, y)], pale)
        self.shape([(x, y), (x, y + down), (x - w, y)], dark)

    def weather(self) -> None:
        """What lies in front of everything: rain or fog."""
        rng, s = self.rng, self.side
        if self.scene.weather == "rainy":
            layer = Image.new("L", self.image.size, 0)
            pen = ImageDraw.Draw(layer)
            for i in range(26):
                x, y = (i % 13 + rng.random()) / 13 * 1.1, rng.uniform(0.12, 0.9)
                length = rng.uniform(0.07, 0.1)
                pen.line(
                    ((x * s, y * s), ((x - length * 0.28) * s, (y + length) * s)), fill=150, width=3
                )
            drop: Colour = (150, 166, 206) if self.scene.time == "night" else (224, 234, 248)
            self.image.paste(Image.new("RGB", self.image.size, _rgb(drop)), mask=layer)
        elif self.scene.weather == "foggy":
            veil: Colour = {
                "dawn": (236, 220, 226), "day": (224, 232, 238), "sunset": (236, 190, 170), "night": (106, 114, 150)
            }[self.scene.time]  # fmt: skip
            rows = np.linspace(0, 1, s)[:, None, None]
            thin = 0.22 if self.scene.time == "night" else 0.28
            share = thin + 0.36 * np.exp(-(((rows - rng.uniform(0.58, 0.64)) / 0.13) ** 2))
            mixed = np.asarray(self.image) * (1 - share) + np.asarray(veil) * share
            self.image = Image.fromarray(mixed.astype(np.uint8))


def draw(rng: Random, scene: Scene) -> NDArray[np.uint8]:
    """Paint a scene: [128, 128, 3] uint8. The same scene with another generator state gives another picture."""
    painter = _Painter(scene, rng)
    painter.heaven()
    painter.ground()
    for thing in sorted(scene.things, key=lambda t: t.kind not in FLYING):
        painter.thing(thing)
    painter.weather()
    return np.asarray(painter.image.reduce(SCALE))


def contact_sheet(pictures: list[NDArray[np.uint8]], columns: int, gap: int = 4) -> Image.Image:
    """Lay pictures out in rows on white."""
    rows = -(-len(pictures) // columns)
    side = pictures[0].shape[0]
    sheet = Image.new("RGB", (columns * (side + gap) + gap, rows * (side + gap) + gap), "white")
    for i, picture in enumerate(pictures):
        sheet.paste(
            Image.fromarray(picture),
            (gap + i % columns * (side + gap), gap + i // columns * (side + gap)),
        )
    return sheet


if __name__ == "__main__":
    rng = Random(0)
    chosen = [sample_scene(rng) for _ in range(48)]
    contact_sheet([draw(rng, scene) for scene in chosen], 8).save("scenes.png")
    for scene in chosen[:12]:
        print(caption(rng, leave_unsaid(rng, scene, 0.08)))
