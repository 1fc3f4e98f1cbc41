"""Names of files: which film, where on it, and whether somebody worked on the scan."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micrograph.scans import film_names


@pytest.mark.parametrize(
    ("name", "film", "position", "kind"),
    [
        ("MCV1-221130B-NT_221207_Center-1 um.0_00003.spm", "MCV1-221130B-NT", "center", "raw"),
        ("MCV1-211026A-NT-C-1um.0_00001.spm", "MCV1-211026A-NT", "center", "raw"),
        ("MCV1-210504A-NT_211201-center1um.0_00003_cs.spm", "MCV1-210504A-NT", "center", "processed"),
        ("MCV1-211025B-NT_10389_21834_177558_edge_1um.0_00000.spm", "MCV1-211025B-NT", "edge", "raw"),
        ("A1_center.0_00001.spm", "A1", "center", "raw"),
        ("A1_center.0_00001Proc.spm", "A1", "center", "processed"),
        ("A1 edge 2 5um.spm", "A1", "edge2", "raw"),
        ("A1_Centre-500 nm_retrace.spm", "A1", "center", "raw"),
        ("A1.0_00001_1.spm.png", "A1", "", "raw"),
        ("A1_flat.spm", "A1", "", "processed"),
        ("film.001", "film.001", "", "raw"),  # the counter of old instruments
        ("film_500nm.spm", "film_500nm", "", "raw"),  # perhaps the thickness
        ("film_c.spm", "film_c", "", "raw"),
        ("center.spm", "center", "", "raw"),
        ("cleanroom film.spm", "cleanroom film", "", "raw"),
    ],
)
def test_a_name_is_taken_apart(name, film, position, kind):
    assert film_names.parse(name)[:3] == (film, position, kind)


@given(st.text(min_size=1, max_size=60))
def test_every_name_has_a_film(name):
    assert film_names.parse(name).film
