"""Domains: the shapes they grow to, where they meet, and what counts as a seam."""

import numpy as np
import pytest

from micrograph.simulation import domains


def nuclei(*rows):
    """Nuclei from rows of (x_nm, y_nm, angle, truncation, apothem_nm)."""
    return domains.Nuclei(*np.array(rows, float).T)


def test_one_nucleus_grows_to_a_triangle_of_known_area():
    # An equilateral triangle whose inscribed circle has radius r covers 3 sqrt(3) r^2.
    margin, label = domains.grow_domains(nuclei((200, 200, 0.3, 2.0, 80)), (400, 400), (1.0, 1.0))
    assert np.sum(label == 0) == pytest.approx(3 * np.sqrt(3) * 80**2, rel=0.01)
    assert np.array_equal(label == 0, margin > 0)


def test_without_truncation_it_is_a_regular_hexagon():
    _, label = domains.grow_domains(nuclei((200, 200, 0.0, 1.0, 100)), (400, 400), (1.0, 1.0))
    assert np.sum(label == 0) == pytest.approx(2 * np.sqrt(3) * 100**2, rel=0.01)


def test_equal_domains_meet_half_way_and_never_overlap():
    pair = nuclei((30, 50, 0.0, 1.0, 60), (90, 50, 0.0, 1.0, 60))
    _, label = domains.grow_domains(pair, (100, 121), (1.0, 1.0))
    assert label[50, 59] == 0
    assert label[50, 61] == 1


def test_an_earlier_nucleus_takes_more_room():
    pair = nuclei((30, 50, 0.0, 1.0, 80), (90, 50, 0.0, 1.0, 60))
    _, label = domains.grow_domains(pair, (100, 121), (1.0, 1.0))
    # It is 20 nm ahead: the meeting point moves by half of that, from 60 to 70 nm.
    assert label[50, 69] == 0
    assert label[50, 71] == 1


def test_no_nucleus_leaves_the_crystal_bare():
    margin, label = domains.grow_domains(domains.Nuclei(*np.empty((5, 0))), (8, 8), (1.0, 1.0))
    assert np.all(label == -1)
    assert np.all(margin == 0)


def test_domains_of_one_orientation_merge_without_a_seam():
    label = np.repeat([[0, 0, 1, 1]], 3, axis=0)
    turn = 2 * np.pi / 3
    assert not domains.grain_boundaries(label, np.array([0.1, 0.1 + turn])).any()
    seam = domains.grain_boundaries(label, np.array([0.1, 0.1 + turn / 2]))
    assert np.array_equal(np.flatnonzero(seam[0]), [1])
