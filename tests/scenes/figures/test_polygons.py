import numpy as np
import pytest
from PIL import Image

from objloc.scenes.figures.polygons import Figure, Placement, ellipse, limb, silhouette, smooth


def test_silhouette_is_where_the_figure_is_and_mirrors() -> None:
    figure = Figure()
    figure.add([(0, -2), (3, -2), (3, 0), (0, 0)], (1, 2, 3))
    figure.add([(-9, -9), (9, -9), (9, 9)], (1, 2, 3), solid=False)
    assert figure.bounds() == (0, -2, 3, 0)
    # Three units at two pixels each, from x = 10 to the right or to the left.
    for mirror, columns in ((False, [10, 15]), (True, [4, 9])):
        mask = np.asarray(silhouette(figure, Placement(10, 12, 2, mirror), (20, 20), zoom=4))
        inside = np.asarray(Image.fromarray(mask).reduce(4)) > 128
        assert np.flatnonzero(inside.any(axis=1))[[0, -1]].tolist() == [8, 11]
        assert np.flatnonzero(inside.any(axis=0))[[0, -1]].tolist() == columns


def test_outlines_pass_through_their_points() -> None:
    knots = [(0.0, 0.0), (2.0, 0.5), (3.0, 3.0), (-1.0, 2.0)]
    outline = smooth(knots)
    for knot in knots:
        assert np.abs(outline - knot).sum(axis=1).min() < 1e-12
    # A straight limb is a strip with round ends.
    strip = limb([(0, 0), (4, 0)], [1, 1])
    assert strip[:, 1].min() == pytest.approx(-0.5)
    assert strip[:, 1].max() == pytest.approx(0.5)
    assert strip[:, 0].min() == pytest.approx(-0.5)
    assert strip[:, 0].max() == pytest.approx(4.5)
    assert np.hypot(*(ellipse(1, 2, 3, 3) - (1, 2)).T) == pytest.approx(3)
