"""What LiST answers mean: names of the study's files, growth conditions where they stand, shapes that are odd."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micrograph.errors import UserError
from micrograph.retrieval import list_answers
from micrograph.retrieval.list_answers import Scan

STEPS = [
    {"step": "Ramp up", "T": "1000", "t": "600", "P": "50"},
    {"step": "Pre-growth anneal", "T": "1000", "t": "600", "P": "50"},
    {"step": "Growth 1", "T": "900", "t": "120", "P": "50"},
    {"step": "Growth 2", "T": 950.0, "t": 300, "P": 50},
    {"step": "Post-growth anneal", "T": "1000", "t": "600", "P": "100"},
]


def told(sample, *activities):
    found = list_answers.conditions(sample, list(activities))
    return found["growth_celsius"], found["growth_seconds"], found["pressure_torr"], found["substrate"]


@pytest.mark.parametrize(
    "name",
    [
        "center1um.0_00001.spm",
        "MCV1-211011A-NT_211012-C-1um.0_00001.spm",
        "MCV1-211012B-NT center 1um.0_00001.spm",
        "MCV1-211019C-NT_211020-C-1UM.0_00001.spm",
        "MCV1-211116B-CC_211117 - C - 1um.0_00001.spm",
        "MCV1-211025B-NT-211116-MK-center1um.0_00003.spm",
        "MCV1-230213A-CC_230213-Centre-1 um.0_00001.spm",
        "CENTER_1\u00b5m.spm",
    ],
)
def test_names_of_the_study_s_centre_scans_are_recognised(name):
    assert list_answers.is_centre_1um(name)


@pytest.mark.parametrize("name", ["edge1um.spm", "center5um.spm", "C-1um.spm", "center11um.spm", "center0.1um.spm", ""])
def test_other_places_and_sizes_are_not(name):
    assert not list_answers.is_centre_1um(name)


def test_the_growth_steps_of_a_recipe_count_and_no_annealing_does():
    recipe = {"category": "PROC", "type": "SYN", "recipe": {"groups": [{"symbol": "recipe", "rows": STEPS}]}}
    measured = {"category": "CHAR", "temperature": 25, "description": "Temp: 300C"}
    # the hottest growth step, all growth steps' time, their median pressure
    assert told({"substrateMaterials": ["c-Sapphire"]}, measured, recipe) == (950, 420, 50, "c-Sapphire")


def test_conditions_in_fields_by_many_names_and_units_are_found():
    assert told({}, {"growthTemperature": "950 C", "Growth time (min)": 9, "P": "50 Torr"}) == (950, 540, 50, "")
    assert told({}, {"fields": [{"symbol": "T", "value": "900"}, {"symbol": "t", "value": "480"}]}) == (
        900,
        480,
        None,
        "",
    )
    assert told({"substrate": {"name": "Al2O3  c-plane"}}, {"temperature": "1000\u00b0C"})[::3] == (
        1000,
        "Al2O3 c-plane",
    )


@pytest.mark.parametrize(
    ("words", "celsius", "seconds", "torr"),
    [
        ("Growth time: 9mins\nTemp: 1000C \nReactor pressure: 50torr\nMo(CO)6: 25C/625torr/20sccm.", 1000, 540, 50),
        ("growth time: 2mins at 950C/50torr to study nucleation", 950, 120, None),
        ("1st growing at 900C for 30mins", 900, None, None),
        ("Pre-growth annealing in H2 at 1000C", None, None, None),
        ("growth, annealed at 1000C afterwards", None, None, None),
        ("Temp: 1000C for the first half, Temp: 950C for the second", None, None, None),
        ("standard run 600C", None, None, None),
        ("<br>", None, None, None),
    ],
)
def test_a_description_counts_only_where_its_words_leave_no_doubt(words, celsius, seconds, torr):
    assert told({"description": words})[:3] == (celsius, seconds, torr)


def test_what_is_in_doubt_is_not_told():
    assert told({}, {"rows": [{"T": 900}, {"T": 950}]})[0] is None
    assert told({}, {"T": "900 K"})[0] is None
    assert told({}, {"time": "10:35", "pressure": "5 mbar"})[1:3] == (None, None)
    assert told({"description": "Temp: 950C"}, {"rows": [{"T": 900}, {"T": 1000}]})[0] == 950


def test_the_scan_as_measured_comes_before_a_processed_copy_and_the_oldest_first():
    ordered = [
        Scan("9", "145057", "center1um.0_00001.spm"),
        Scan("10", "2", "center1um.0_00003.spm"),
        Scan("10", "11", "center1um.0_00002.spm"),
        Scan("x", "1", "center1um.0_00002.spm"),
        Scan("9", "145059", "center1um.0_00001_cs.spm"),
        Scan("10", "1", "center_1um.proc.spm"),
    ]
    mixed = ordered[3:] + ordered[:3]
    assert sorted(mixed, key=list_answers.rank) == ordered


def test_files_are_found_in_groups_and_by_themselves():
    activities = [
        {"id": 1, "files": [{"id": 5, "files": [{"id": 7, "filename": "a", "filetype": "spm"}]}]},
        {"id": 2, "files": [{"id": 8, "fileName": "b.SPM"}, {"id": 9, "filename": "c.tif", "filetype": "tif"}]},
        {"id": 3, "files": []},
        {"id": 4},
    ]
    assert list_answers.scans(activities, "there") == [
        (Scan("1", "7", "a"), True),
        (Scan("2", "8", "b.SPM"), True),
        (Scan("2", "9", "c.tif"), False),
    ]


def test_an_odd_answer_says_which_field_is_missing_and_where():
    with pytest.raises(
        list_answers.Unknown, match="samples/search: no field 'data' in the answer; the database answers"
    ):
        list_answers.page({"message": "hello"}, "samples/search")
    with pytest.raises(list_answers.Unknown, match="'data' is no list of samples"):
        list_answers.page({"data": "none"}, "samples/search")
    with pytest.raises(list_answers.Unknown, match="no list of activities"):
        list_answers.scans({"error": 1}, "there")
    with pytest.raises(list_answers.Unknown, match="there: activity 2: no field 'filename'"):
        list_answers.scans([{"id": 1}, {"id": 2, "files": [{"id": 3}]}], "there")


JSON = st.recursive(
    st.none() | st.booleans() | st.text("ab:/", max_size=5) | st.sampled_from(["950 C", "Growth", "4/23/2019"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["id", "files", "filename", "data", "T", "step", "name", "value", "substrate", "growthDates"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@given(JSON, st.dictionaries(st.sampled_from(["description", "T", "substrate", "creationDate"]), JSON))
def test_whatever_comes_is_understood_or_one_sentence(thing, sample):
    assert list_answers.conditions(sample, [thing])["growth_celsius"] in (None, 950)
    assert list_answers.day(sample) in ("", "2019-04-23")
    for understand in (list_answers.page, list_answers.scans):
        try:
            understand(thing, "there")
        except UserError as fault:
            assert str(fault).startswith("there")


def test_the_operator_is_read_where_a_field_names_one():
    recipe = {"category": "GROWTH", "data": [{"name": "Operator", "value": "A.  Smith"}]}
    assert list_answers.conditions({}, [recipe])["operator"] == "A. Smith"
    assert list_answers.conditions({"grownBy": {"name": "B"}}, [recipe])["operator"] == "A. Smith; B"
    assert list_answers.conditions({"id": 7}, [])["operator"] == ""


def test_the_growth_day_is_read_in_both_spellings():
    assert list_answers.day({"creationDate": "4/23/2019"}) == list_answers.day({"growthDates": ["2019-04-23T00:00:00"]})
    assert list_answers.day({"creationDate": "4/23/2019"}) == "2019-04-23"
    assert list_answers.day({"growthDates": [], "creationDate": "soon"}) == list_answers.day({}) == ""
