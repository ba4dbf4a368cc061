"""Directions: the contract's worked example, and every way a view can touch a forbidden sector."""

from __future__ import annotations

import pytest

from agent.geometry import azimuth_of, cue, pan_of, sees, way_out, wrap180


def test_the_contracts_worked_example():
    found = cue((43.6890, -79.6420), (43.6900, -79.6400), heading_deg=35, mast_m=7)
    assert round(found.az_deg, 2) == 55.43 and round(found.distance_m, 1) == 195.8
    assert round(found.pan_deg, 2) == 20.43 and round(found.tilt_deg, 2) == -1.61
    assert round(found.hfov_deg, 2) == 8.76, "15 m to both sides at least"
    wide = cue((43.6890, -79.6420), (43.6900, -79.6400), heading_deg=35, mast_m=7, radius_m=45)
    assert round(wide.hfov_deg, 1) == 25.9


def test_a_target_under_the_mast_divides_by_nothing():
    found = cue((43.689, -79.642), (43.689, -79.642), heading_deg=0, mast_m=7)
    assert found.tilt_deg < -80 and found.hfov_deg < 180


@pytest.mark.parametrize(
    ("angle", "wrapped"),
    [(0, 0), (180, 180), (-180, 180), (181, -179), (540, 180), (-190, 170), (359, -1), (720.5, 0.5)],
)
def test_wrapping(angle, wrapped):
    assert wrap180(angle) == pytest.approx(wrapped)


@pytest.mark.parametrize(("azimuth", "heading", "pan"), [(10, 350, 20), (350, 10, -20), (0, 180, 180)])
def test_pan_and_azimuth_are_each_others_inverse(azimuth, heading, pan):
    assert pan_of(azimuth, heading) == pytest.approx(pan)
    assert azimuth_of(pan, heading) == pytest.approx(azimuth)


@pytest.mark.parametrize(
    ("azimuth", "half", "sector", "touches"),
    [
        (0, 10, (20, 60), False), (11, 10, (20, 60), True), (40, 10, (20, 60), True),
        (69, 10, (20, 60), True), (71, 10, (20, 60), False),
        # Over north.
        (355, 4, (0, 20), False), (355, 6, (0, 20), True), (5, 1, (350, 20), True),
        (340, 5, (350, 20), False),
        (346, 5, (350, 20), True), (24, 5, (350, 20), True), (26, 5, (350, 20), False),
        # The whole circle, said in two ways, and a view wider than what is left open.
        (123, 1, (0, 360), True), (123, 1, (90, 90), True), (180, 40, (200, 160), True),
        (180, 15, (200, 160), False),
    ],
)  # fmt: skip
def test_a_view_touches_a_sector(azimuth, half, sector, touches):
    assert sees(azimuth, half, [sector]) is touches


def test_the_shorter_way_out():
    assert way_out(25, 5, [(20, 60)]) == -1 and way_out(55, 5, [(20, 60)]) == 1
    assert way_out(5, 5, [(350, 10), (10, 100)]) == -1
    assert way_out(5, 5, [(0, 360)]) == 0, "there is none"
