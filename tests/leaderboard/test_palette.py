"""The colours of the site: contrast by WCAG's formula, and what colour-blind eyes see of them."""

import re
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import leaderboard.site
from leaderboard.site.look import HUES

STYLE = (Path(leaderboard.site.__file__).parent / "assets" / "style.css").read_text()
THEMES = [
    dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
    for block in re.split(r"color-scheme: (?:light|dark);", STYLE)[1:]
]
NAMES = ["hue-plain", *(f"hue-{number}" for number in range(HUES))]
#: Machado, Oliveira and Fernandes, A physiologically-based model for simulation of color vision
#: deficiency (2009), severity 1, of linear RGB.
EYES = {
    "all cones": np.eye(3),
    "no long": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no medium": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "no short": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
#: Linear RGB to CIE XYZ, relative to the white of D65.
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = XYZ.sum(1, keepdims=True)


def linear(colour: str) -> NDArray[Any]:
    value = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def contrast(a: str, b: str) -> float:
    low, high = sorted(float(XYZ[1] @ linear(one)) for one in (a, b))
    return (high + 0.05) / (low + 0.05)


def lab(light: NDArray[Any]) -> NDArray[Any]:
    """CIE L*a*b* of linear RGB."""
    relative = XYZ @ light / WHITE[:, 0]
    x, y, z = np.where(relative > 0.008856, np.cbrt(relative), 7.787 * relative + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_there_are_a_light_and_a_dark_theme_and_the_dark_one_is_the_same_twice() -> None:
    assert len(THEMES) == 3 and THEMES[1] == THEMES[2] != THEMES[0]
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("theme", THEMES[:2], ids=["light", "dark"])
def test_marks_and_text_stand_out_from_the_ground(theme: dict[str, str]) -> None:
    for ground in (theme["ground"], theme["raised"]):
        assert min(contrast(theme[name], theme["ground"]) for name in NAMES) >= 3
        assert min(contrast(theme[name], ground) for name in ("accent", "soft", "failed")) >= 4.5
        assert contrast(theme["ink"], ground) >= 7


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("theme", THEMES[:2], ids=["light", "dark"])
def test_two_objectives_do_not_look_alike(theme: dict[str, str], eyes: str) -> None:
    seen = {name: lab(np.clip(EYES[eyes] @ linear(theme[name]), 0, 1)) for name in NAMES}
    apart = {pair: np.linalg.norm(seen[pair[0]] - seen[pair[1]]) for pair in combinations(NAMES, 2)}
    assert min(apart.values()) > 20, min(apart, key=lambda pair: apart[pair])
