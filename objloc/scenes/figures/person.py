"""People: clothes, hair and poses."""

from dataclasses import dataclass, replace

import numpy as np

from objloc.scenes.figures.polygons import Colour, Figure, ellipse, limb, smooth
from objloc.scenes.palette import BLACK, between, chance, dark, light, pick, varied

_SKINS: tuple[Colour, ...] = (
    (248, 214, 184), (236, 188, 150), (206, 150, 108), (160, 106, 74), (112, 74, 56),
)  # fmt: skip
_HAIRS: tuple[Colour, ...] = (
    (52, 40, 38), (92, 60, 40), (150, 96, 50), (222, 180, 104), (176, 84, 44), (178, 176, 176),
)  # fmt: skip
_TOPS: tuple[Colour, ...] = (
    (214, 68, 62), (62, 118, 186), (238, 184, 66), (74, 152, 110), (140, 88, 160), (240, 236, 226),
    (236, 128, 92), (60, 70, 100), (90, 178, 186), (226, 130, 160),
)  # fmt: skip
_TROUSERS: tuple[Colour, ...] = (
    (58, 78, 122), (70, 66, 74), (150, 118, 84), (96, 104, 92), (44, 54, 80), (120, 70, 60),
)  # fmt: skip
Knots = list[tuple[float, float]]


@dataclass(frozen=True)
class _Look:
    skin: Colour
    hair: Colour
    style: str
    hat: Colour | None
    top: Colour
    below: Colour
    shoes: Colour
    skirt: bool
    long_sleeves: bool
    striped: bool
    scarf: Colour | None
    head: float
    """Height of the head; large for children."""
    away: bool
    """Whether the person is seen from behind."""
    hem: float
    """Length of the skirt."""
    balloon: Colour | None


def _look(rng: np.random.Generator) -> _Look:
    top = varied(rng, pick(rng, _TOPS), 6)
    skirt = chance(rng, 0.3)
    below = top if skirt and chance(rng, 0.6) else varied(rng, pick(rng, _TROUSERS), 6)
    return _Look(
        skin=pick(rng, _SKINS),
        hair=pick(rng, _HAIRS),
        style=pick(rng, ("short", "short", "long", "bun", "bob", "curls")),
        hat=pick(rng, _TOPS) if chance(rng, 0.22) else None,
        top=top,
        below=below,
        shoes=pick(rng, ((70, 48, 40), (44, 42, 50), (200, 70, 60), (236, 232, 224))),
        skirt=skirt,
        long_sleeves=chance(rng, 0.6),
        striped=chance(rng, 0.2),
        scarf=pick(rng, _TOPS) if chance(rng, 0.2) else None,
        head=pick(rng, (0.2, 0.2, 0.22, 0.27)),
        away=chance(rng, 0.1),
        hem=pick(rng, (0.17, 0.2, 0.3)),
        balloon=pick(rng, _TOPS) if chance(rng, 0.06) else None,
    )


def _head(look: _Look) -> Figure:
    """A face half turned to the right, centred on the origin, one unit tall."""
    figure = Figure()
    if look.style == "bun":
        figure.add(ellipse(-0.28, -0.58, 0.22, 0.2), look.hair, shade=0.25)
    if look.style == "bob":
        figure.add(
            smooth([(-0.5, 0.3), (-0.5, -0.3), (0, -0.58), (0.46, -0.3), (0.46, 0.3), (0, 0.2)]),
            look.hair,
            shade=0.2,
        )
    if look.away:
        length = {"long": 0.78, "bob": 0.4}.get(look.style, 0.2)
        nape = [
            (-0.44, 0),
            (-0.38, -0.38),
            (0, -0.56),
            (0.38, -0.38),
            (0.44, 0),
            (0.32, length),
            (-0.32, length),
        ]
        figure.add(ellipse(0, 0.1, 0.36, 0.36), look.skin, shade=0.2)
        figure.add(smooth(nape), look.hair, shade=0.25)
        if look.hat:
            figure.add(
                smooth(
                    [(-0.48, -0.1), (-0.4, -0.5), (0, -0.72), (0.4, -0.5), (0.48, -0.1), (0, -0.04)]
                ),
                look.hat,
                shade=0.25,
            )
        return figure
    figure.add(ellipse(-0.42, 0.06, 0.09, 0.12), dark(look.skin, 0.12))
    face = figure.add(
        smooth([(0, -0.5), (0.36, -0.34), (0.42, 0.06), (0.28, 0.4), (0.02, 0.5), (-0.26, 0.4),
                (-0.42, 0.06), (-0.36, -0.34)]),
        look.skin, shade=0.22,
    )  # fmt: skip
    for x in (-0.06, 0.24):
        figure.add(ellipse(x, 0.02, 0.045, 0.06), BLACK)
    figure.add(ellipse(0.3, 0.18, 0.09, 0.06), (232, 120, 110), alpha=0.35, clip=face)
    figure.add(ellipse(-0.16, 0.18, 0.09, 0.06), (232, 120, 110), alpha=0.35, clip=face)
    figure.line([(0.12, 0.06), (0.16, 0.14), (0.1, 0.16)], 0.03, dark(look.skin, 0.3))
    figure.line([(-0.02, 0.26), (0.09, 0.31), (0.2, 0.26)], 0.04, dark((190, 80, 76), 0.2))
    if look.style == "curls":
        for angle in np.linspace(-3.4, 0.2, 8):
            figure.add(
                ellipse(0.42 * np.cos(angle), -0.1 + 0.42 * np.sin(angle), 0.17, 0.17),
                look.hair,
                shade=0.15,
            )
    fringe = [(-0.46, 0.06), (-0.48, -0.32), (-0.1, -0.6), (0.3, -0.5), (0.44, -0.2), (0.3, -0.26),
              (0.0, -0.3), (-0.26, -0.16), (-0.34, 0.06)]  # fmt: skip
    figure.add(smooth(fringe), look.hair, shade=0.2)
    if look.hat:
        figure.add(
            smooth(
                [(-0.46, -0.24), (-0.4, -0.6), (0, -0.76), (0.36, -0.6), (0.44, -0.24), (0, -0.32)]
            ),
            look.hat,
            shade=0.25,
        )
        figure.add(
            limb([(-0.5, -0.26), (0, -0.34), (0.6, -0.24)], [0.1, 0.12, 0.1]), dark(look.hat, 0.2)
        )
    return figure


def _arm(figure: Figure, look: _Look, knots: Knots, back: bool) -> None:
    """Add an arm through shoulder, elbow and hand."""
    skin, sleeve = (
        (dark(look.skin, 0.15), dark(look.top, 0.2)) if back else (look.skin, dark(look.top, 0.06))
    )
    figure.add(limb(knots, [0.085, 0.07, 0.055]), skin)
    end = 2 if look.long_sleeves else 1
    (x, y), (hand_x, hand_y) = knots[1], knots[2]
    cuff = (x + (hand_x - x) * 0.8, y + (hand_y - y) * 0.8)
    cloth = [knots[0], knots[1], cuff] if end == 2 else [knots[0], knots[1]]
    figure.add(limb(cloth, [0.1, 0.088, 0.075][: len(cloth)]), sleeve, shade=0.2)
    figure.add(ellipse(hand_x, hand_y, 0.036, 0.036), skin)


def _leg(figure: Figure, look: _Look, knots: Knots, back: bool) -> None:
    """Add a leg through hip, knee and foot."""
    colour = look.skin if look.skirt else look.below
    colour = dark(colour, 0.2) if back else colour
    widths = [0.1, 0.075, 0.055] if look.skirt else [0.13, 0.105, 0.085]
    figure.add(limb(knots, widths), colour, shade=0.2)
    x, y = knots[2]
    figure.add(
        limb([(x - 0.015, y + 0.012), (x + 0.06, y + 0.018)], [0.06, 0.05]),
        dark(look.shoes, 0.15) if back else look.shoes,
    )


def _trunk(figure: Figure, look: _Look, x: float, hip: float, lean: float) -> tuple[float, float]:
    """Add skirt, top, neck and scarf and return the head's position; ``hip`` is the hip's y."""
    shoulder = hip - 0.3
    top_x = x + lean
    if look.style == "long":
        y, size = shoulder - 0.02 - look.head * 0.46, look.head
        back = [
            (-0.46, -0.3),
            (0, -0.58),
            (0.42, -0.3),
            (0.46, 0.3),
            (0.38, 0.8),
            (-0.42, 0.82),
            (-0.52, 0.3),
        ]
        figure.add(
            smooth([(top_x + size * a, y + size * b) for a, b in back]), look.hair, shade=0.25
        )
    if look.skirt:
        flare = 0.08 + look.hem * 0.6
        low = hip + look.hem
        hem = [(x - 0.08, hip - 0.08), (x + 0.08, hip - 0.08), (x + flare, low), (x - flare, low)]
        figure.add(hem, look.below, shade=0.3)
    figure.add(
        limb([(top_x, shoulder + 0.04), (top_x + 0.01, shoulder - 0.06)], [0.07, 0.065]),
        dark(look.skin, 0.12),
    )
    torso = figure.add(
        smooth([(top_x - 0.14, shoulder + 0.03), (top_x, shoulder - 0.015),
                (top_x + 0.14, shoulder + 0.03), (x + 0.11, hip - 0.12), (x + 0.115, hip + 0.01),
                (x, hip + 0.04), (x - 0.115, hip + 0.01), (x - 0.11, hip - 0.12)]),
        look.top, shade=0.3,
    )  # fmt: skip
    if look.striped:
        for row in range(4):
            y = shoulder + 0.06 + row * 0.07
            figure.add(
                limb([(x - 0.3, y), (x + 0.3, y)], [0.03, 0.03]), light(look.top, 0.6), clip=torso
            )
    if look.scarf:
        figure.add(
            limb([(top_x - 0.07, shoulder), (top_x + 0.07, shoulder)], [0.065, 0.065]),
            look.scarf,
            shade=0.2,
        )
        figure.add(
            limb([(top_x - 0.03, shoulder), (top_x - 0.06, shoulder + 0.14)], [0.05, 0.06]),
            look.scarf,
        )
    return top_x + 0.01, shoulder - 0.02 - look.head * 0.46


def _arms(rng: np.random.Generator, x: float, y: float) -> tuple[Knots, Knots]:
    """Knots of the back and front arm from shoulders near (x, y): hanging, waving, akimbo or up."""
    gesture = pick(rng, ("hang", "hang", "wave", "akimbo", "up", "reach"))
    hang: Knots = [
        (x - 0.12, y),
        (x - 0.17, y + 0.16),
        (x - 0.17 + between(rng, -0.04, 0.06), y + 0.31),
    ]
    if gesture == "wave":
        return hang, [(x + 0.12, y), (x + 0.26, y - 0.02), (x + 0.3, y - 0.22)]
    if gesture == "akimbo":
        return [(x - 0.12, y), (x - 0.26, y + 0.14), (x - 0.12, y + 0.25)], [
            (x + 0.12, y),
            (x + 0.26, y + 0.14),
            (x + 0.12, y + 0.25),
        ]
    if gesture == "up":
        return [(x - 0.12, y), (x - 0.24, y - 0.12), (x - 0.26, y - 0.3)], [
            (x + 0.12, y),
            (x + 0.24, y - 0.12),
            (x + 0.28, y - 0.29),
        ]
    if gesture == "reach":
        return hang, [(x + 0.11, y + 0.01), (x + 0.24, y + 0.1), (x + 0.4, y + 0.08)]
    return hang, [
        (x + 0.12, y),
        (x + 0.17, y + 0.16),
        (x + 0.16 + between(rng, -0.04, 0.06), y + 0.31),
    ]


def _upright(rng: np.random.Generator, look: _Look) -> Figure:
    """A person standing, walking or running."""
    gait = pick(rng, ("stand", "stand", "walk", "run"))
    figure = Figure()
    hip = -0.46
    lean = {"stand": 0.0, "walk": 0.02, "run": 0.06}[gait]
    back, front = _arms(rng, lean, hip - 0.26)
    if gait == "run":
        back = [(0.0, -0.7), (-0.14, -0.6), (-0.24, -0.7)]
        front = [(0.08, -0.7), (0.16, -0.54), (0.3, -0.62)]
        _leg(figure, look, [(-0.03, hip), (-0.12, -0.26), (-0.32, -0.22)], True)
        legs: Knots = [(0.03, hip), (0.18, -0.28), (0.14, -0.045)]
    elif gait == "walk":
        _leg(figure, look, [(-0.03, hip), (-0.06, -0.25), (-0.18, -0.05)], True)
        legs = [(0.03, hip), (0.1, -0.26), (0.13, -0.045)]
    else:
        apart = between(rng, 0.0, 0.05)
        _leg(figure, look, [(-0.055, hip), (-0.06 - apart, -0.25), (-0.065 - apart, -0.045)], True)
        legs = [(0.055, hip), (0.06 + apart, -0.25), (0.06 + apart, -0.045)]
    _arm(figure, look, back, True)
    _leg(figure, look, legs, False)
    head = _trunk(figure, look, 0.0, hip, lean)
    figure.merge(_head(look), head[0], head[1], look.head, between(rng, -8, 8))
    _arm(figure, look, front, False)
    if look.balloon:
        x, y = front[2]
        figure.line([(x, y), (x + 0.07, y - 0.22), (x + 0.1, y - 0.46)], 0.008, (240, 240, 236))
        figure.add(ellipse(x + 0.1, y - 0.58, 0.1, 0.12), look.balloon, shade=0.3, solid=False)
    return figure


def _seated(rng: np.random.Generator, look: _Look) -> Figure:
    """A person sitting on the ground, knees drawn up or legs stretched."""
    figure = Figure()
    hip = -0.09
    if chance(rng, 0.5):
        back_leg: Knots = [(0.0, hip), (0.26, -0.28), (0.34, -0.045)]
        front_leg: Knots = [(0.02, hip), (0.22, -0.3), (0.28, -0.045)]
    else:
        back_leg = [(0.0, hip), (0.24, -0.1), (0.48, -0.06)]
        front_leg = [(0.02, hip), (0.24, -0.12), (0.44, -0.05)]
    _leg(figure, look, back_leg, True)
    _arm(figure, look, [(-0.1, hip - 0.26), (-0.2, hip - 0.12), (-0.24, -0.05)], True)
    if look.skirt:
        lap = [(-0.14, -0.02), (-0.1, -0.18), (0.1, -0.18), (0.24, -0.16), (0.26, -0.02)]
        figure.add(smooth(lap), look.below, shade=0.25)
    # The skirt lies on the ground, so it does not flare from the hip.
    head = _trunk(figure, replace(look, skirt=False), 0.0, hip, between(rng, -0.05, 0.03))
    _leg(figure, look, front_leg, False)
    figure.merge(_head(look), head[0], head[1], look.head, between(rng, -8, 8))
    _arm(figure, look, [(0.09, hip - 0.25), (0.2, hip - 0.14), (0.26, hip - 0.18)], False)
    return figure


def draw_person(rng: np.random.Generator) -> Figure:
    """Draw a person: standing, walking, running, waving or sitting on the ground."""
    look = _look(rng)
    if chance(rng, 0.2):
        return _seated(rng, replace(look, away=False))
    return _upright(rng, look)
