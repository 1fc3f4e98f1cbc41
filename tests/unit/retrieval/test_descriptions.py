"""Free texts of growers: temperature, time and plane of the growth, and of nothing else."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micrograph.retrieval import descriptions

TEXTS = [
    ("10' at 950C", 950, 600),
    ("2mins at 900C", 900, 120),
    ("Growth time: 15mins at 950C", 950, 900),
    ("Growth time: 9mins\nTemp: 1000C \nReactor pressure: 50torr\nMo(CO)6: 25C/625torr/20sccm.", 1000, 540),
    ("growth time: 2mins at 950C/50torr to study nucleation", 950, 120),
    ("1st growing at 900C for 30mins", 900, 1800),
    ("950 °C for 10 min", 950, 600),
    ("0,5 h, 950 ºC", 950, 1800),
    ("1 h 30 min at 900 \u2103", 900, 5400),
    ("grown 10min 30s@950oC, A-plane", 950, 630),
    ("T = 950 C, 15 minutes", 950, 900),
    ("Growth temp 950, time 90 sec", 950, 90),
    ("growth at 950 c-plane", None, None),
    ("Pre-growth annealing at 950C", None, None),
    ("Pre-growth annealing at 950C for 10 min; growth time: 15mins", None, 900),
    ("Pre-growth annealing at 950C\n10' at 900C", 900, 600),
    ("10' at 900C with pre-growth annealing at 950C", 900, 600),
    ("10 min at 900C (post-growth anneal at 950C)", 900, 600),
    ("anneal 1000C 10 min, growth 900C 15 min", 900, 900),
    ("H2 anneal 1000 °C/10 min growth 900 °C/15 min", 900, 900),
    ("Anneal:\n1000C, 10 min\nGrowth:\n900C, 15 min", 900, 900),
    ("Annealing (1000 C, 10 min) and growth (900 C, 15 min)", 900, 900),
    ("10 min anneal at 1000C, 15 min growth at 900C", 900, 900),
    ("950 C, 10 min anneal", None, None),
    ("annealing prior to growth at 950C", None, None),
    ("10 min at 1000C before growth at 900C for 5 min", 900, 300),
    ("15 min at 900C after annealing at 1000C", 900, 900),
    ("After growth, 1000C for 5 min", None, None),
    ("Cooled to 300C in H2S for 30 min. Growth 15min 950C", 950, 900),
    ("ramp to 950C in 20 min, growth 10 min at 950C", 950, 600),
    ("MoS2 growth on annealed sapphire at 950C 10 min", 950, 600),
    ("no annealing, 10' at 900C", 900, 600),
    ("Growth at 900C for 10 min, then 950C for 5 min", (900, 950), (300, 600)),
    ("Growth step 1: 900C 5 min, step 2: 950C 10 min", (900, 950), (300, 600)),
    ("Temp: 1000C for the first half, Temp: 950C for the second", (950, 1000), None),
    ("Growth at 900 and 950C", (900, 950), None),
    ("growth at 900-950 °C", (900, 950), None),
    ("growth 3x10 min at 1223 K", None, None),
    ("<p>Growth: 950&deg;C<br/>10&#39;</p><p>post-growth anneal 1000&deg;C</p>", 950, 600),
    ("T_anneal = 1000C, T_growth = 900C", 900, None),
    ("PRE - GROWTH ANEALING AT 950C", None, None),
    ("2 x 10 min at 950C", 950, None),
    ("1/2 h or 1:30 h or 10-15 min at 950C", 950, None),
]


@pytest.mark.parametrize(("text", "celsius", "seconds"), TEXTS, ids=[text for text, *_ in TEXTS])
def test_the_growth_is_read_and_no_other_step(text, celsius, seconds):
    expected = [one if isinstance(one, tuple) else () if one is None else (one,) for one in (celsius, seconds)]
    found = descriptions.read(text)
    assert [found.celsius, found.seconds] == expected


def test_pressure_and_plane_are_read():
    assert descriptions.read("Reactor pressure: 50torr\nMo(CO)6: 25C/625torr").torr == (50,)
    for text, planes in {
        "on C-plane sapphire": ("c-plane sapphire",),
        "Al2O3 c-plane": ("c-plane sapphire",),
        "c-sapphire": ("c-plane sapphire",),
        "M plane": ("m-plane",),
        "a-plane": ("a-plane",),
        "r-plane, c-plane": ("c-plane", "r-plane"),
        "on a plane substrate, in-plane": (),
    }.items():
        assert descriptions.read(text).planes == planes


WORDS = ["growth", "anneal", "950C", "10 min", "then", ",", "before", "\n", ":", "(", "Temp", "900-", "5'", " ", "pre-"]


@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=3), max_size=15).map("".join))
def test_any_text_is_read(text):
    descriptions.read(text)


@pytest.mark.parametrize("piece", [" ", "\n", "900 ", "<a", "1h and ", "pre-"])
def test_a_long_text_takes_no_longer_than_its_length(piece):
    began = time.monotonic()
    descriptions.read("950" + piece * 20_000 + "x")
    assert time.monotonic() - began < 5
