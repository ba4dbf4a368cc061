"""Which number of a camera is which direction, and which can't be told."""

from __future__ import annotations

import pytest

from agent.ports import Cannot, Pose
from agent.spaces import Reach, Space

PAN_TILT = "http://www.onvif.org/ver10/tptz/PanTiltSpaces/"
SPHERICAL, GENERIC = PAN_TILT + "SphericalPositionSpaceDegrees", PAN_TILT + "PositionGenericSpace"
KNOWN = Reach((-170.0, 170.0), (-90.0, 20.0), (60.0, 20.0, 3.0))
DEGREES = Space(SPHERICAL, (-180.0, 180.0), (-45.0, 90.0))
ROUND = Space(SPHERICAL, (0.0, 360.0), (-90.0, 90.0))
UNITS = Space(GENERIC, (-1.0, 1.0), (-1.0, 1.0))


@pytest.mark.parametrize(
    ("x", "y", "uri", "pose"),
    [
        (20.4, -1.6, SPHERICAL, Pose(20.4, -1.6)), (270.0, 0.0, SPHERICAL, Pose(-90.0, 0.0)),
        (0.0, 0.0, GENERIC, Pose(0.0, -35.0)), (-1.0, 1.0, GENERIC, Pose(-170.0, 20.0)),
        (0.5, -1.0, GENERIC.replace("PanTilt", "Pantilt"), Pose(85.0, -90.0)),
        (7.0, 0.0, GENERIC, Pose(170.0, -35.0)), (5.0, 120.0, SPHERICAL, Pose(5.0, 90.0)),
        (0.0, 0.0, PAN_TILT + "DigitalPositionSpace", None), (0.0, 0.0, "", None),
        (None, 0.0, SPHERICAL, None), (float("nan"), 0.0, SPHERICAL, None),
        (0.0, float("inf"), GENERIC, None),
    ],
)  # fmt: skip
def test_a_position_is_a_direction_or_none(x, y, uri, pose):
    found = KNOWN.pose(x, y, uri, None)
    assert found is None if pose is None else (found.pan_deg, found.tilt_deg) == (
        pytest.approx(pose.pan_deg), pytest.approx(pose.tilt_deg),
    )  # fmt: skip


def test_numbers_without_a_unit_say_nothing_until_somebody_wrote_down_what_they_mean():
    assert Reach().pose(0.0, 0.0, GENERIC, 0.5) is None
    assert Reach(pan_deg=(-170.0, 170.0)).pose(0.0, 0.0, GENERIC, 0.5) is None
    assert Reach().pose(1.0, 2.0, SPHERICAL, 0.5) == Pose(1.0, 2.0, None), "these have one"


@pytest.mark.parametrize(
    ("pose", "spaces", "place"),
    [
        (Pose(20.4, -1.6), [UNITS, DEGREES], (20.4, -1.6, SPHERICAL)),
        (Pose(20.4, -60.0), [DEGREES], (20.4, -45.0, SPHERICAL)),
        (Pose(-90.0, 0.0), [ROUND], (270.0, 0.0, SPHERICAL)),
        (Pose(85.0, -35.0), [UNITS], (0.5, 0.0, GENERIC)),
        (Pose(-170.3, 90.0), [UNITS], (-1.0, 1.0, GENERIC)),
    ],
)  # fmt: skip
def test_a_direction_is_a_place_in_the_best_space_that_the_camera_has(pose, spaces, place):
    x, y, uri = KNOWN.position(pose, spaces)
    assert (x, y, uri) == (pytest.approx(place[0]), pytest.approx(place[1]), place[2])


@pytest.mark.parametrize(
    ("reach", "pose", "spaces", "code"),
    [
        (KNOWN, Pose(175.0, 0.0), [UNITS], "unreachable"), (KNOWN, Pose(0.0, 0.0), [], "unsupported"),
        (Reach(), Pose(0.0, 0.0), [UNITS], "unsupported"),
        (KNOWN, Pose(0.0, 0.0), [Space("x", (0, 1), (0, 1))], "unsupported"),
    ],
)  # fmt: skip
def test_where_a_camera_does_not_get_it_is_not_sent(reach, pose, spaces, code):
    with pytest.raises(Cannot, match=code):
        reach.position(pose, spaces)


@pytest.mark.parametrize(
    ("zoom", "hfov"), [(0.0, 60.0), (0.25, 40.0), (0.5, 20.0), (0.75, 11.5), (1.0, 3.0), (-1, 60.0), (2, 3.0)]
)
def test_zoom_and_field_of_view_follow_what_was_written_down(zoom, hfov):
    assert KNOWN.hfov(zoom) == pytest.approx(hfov)
    assert KNOWN.zoom(hfov) == pytest.approx(min(1, max(0, zoom)))


def test_a_field_of_view_beyond_the_lens_is_its_end_and_an_unknown_one_leaves_the_zoom():
    assert (KNOWN.zoom(90.0), KNOWN.zoom(1.0)) == (0.0, 1.0)
    assert KNOWN.zoom(None) is KNOWN.hfov(None) is KNOWN.hfov(float("nan")) is None
    assert Reach().zoom(9.0) is Reach().hfov(0.5) is None
