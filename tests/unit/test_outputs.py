"""What a study makes of the tables and figures, whatever its experiments are cut down to."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micrograph import outputs
from micrograph.config import validate
from micrograph.errors import UserError
from micrograph.experiments import FINAL_MODEL, Study

DEFAULTS = validate({"scans": {"source": "simulated", "sheet": "resources/samples.tsv"}})
EXPERIMENTS = Study(DEFAULTS).tables
NAMES = [row.name for row in outputs.OUTPUTS]


def plan(**experiments):
    """The plan of a study with the defaults, with some films scanned twice, and these experiments."""
    config = copy.deepcopy(DEFAULTS)
    config["simulation"]["scanned_twice"] = 0.5
    for name, cut in experiments.items():
        config["experiments"][name] = config["experiments"][name] | cut if isinstance(cut, dict) else cut
    return outputs.Plan.of(Study(validate(config)))


@st.composite
def cuts(draw):
    """Experiments of which any are left out, and any list of the others is shortened; and what alone is made."""
    only = draw(st.none() | st.lists(st.sampled_from([*NAMES, FINAL_MODEL]), min_size=1, unique=True))
    cut = {"only": only}
    for name, settings in EXPERIMENTS.items():
        lists = {key: value for key, value in settings.items() if isinstance(value, list) and len(value) > 1}
        shorter = {key: st.lists(st.sampled_from(value), min_size=1, unique=True) for key, value in lists.items()}
        cut[name] = draw(st.none() | st.fixed_dictionaries({}, optional=shorter))
    return cut


@given(cuts())
def test_any_cut_is_planned_and_what_it_leaves_out_has_a_sentence(cut):
    made = plan(**cut)
    study = made.study
    for row in made.made:
        assert row.inputs(study), row.name
        row.params(study)
        outputs.readers(row.name, study)
    asked = {row.label for row in outputs.OUTPUTS if study.makes(row.name)}
    assert {row.label for row in made.made} | set(made.left_out) == asked
    assert all(reason.endswith(".") and len(reason) < 200 for reason in made.left_out.values())
    read = {path for row in made.made for one in row.inputs(study).values() for path in one.paths}
    if not study.makes(FINAL_MODEL):
        assert {fit.predictions_path for fit in study.all_fits} <= read | {
            fit.predictions_path for fit in study.all_fits if fit.search_path in read
        }, "nothing is fitted that nobody reads"


def test_everything_is_made_by_default_of_every_fit():
    everything = plan()
    assert [row.name for row in everything.made] == NAMES and everything.left_out == {}
    assert everything.study.all_fits == Study(DEFAULTS).all_fits


def test_table_2_with_one_model_needs_nothing_else():
    made = plan(only=["table2"], table2={"models": ["SVC"], "blocks": ["pool"]})
    assert [row.name for row in made.made] == ["table2"] and made.left_out == {}
    assert {fit.model for fit in made.study.all_fits} == {"SVC"}
    assert not [fit for fit in made.study.all_fits if fit.network]


def test_figures_without_their_models_are_left_out_by_name():
    left_out = plan(table4={"models": ["SVC"], "schemes": ["nominal"]}, leakage=None).left_out
    assert {"Figure 5", "Figure 7", "Data leakage", "Regression"} == set(left_out)
    assert "GBC" in left_out["Figure 5"] and "experiments.leakage is left out" in left_out["Data leakage"]


def test_scans_of_one_film_are_compared_unless_every_film_is_simulated_once():
    config = copy.deepcopy(DEFAULTS)
    assert "noise_floor" in outputs.Plan.of(Study(config)).obstacles
    config["scans"]["source"] = "folder"
    assert "noise_floor" not in outputs.Plan.of(Study(config)).obstacles


def test_conclusions_rest_on_the_tables_that_are_made():
    (tables,) = outputs.get("conclusions").inputs(plan(only=["table2", "calibration", "conclusions"]).study).values()
    assert tables.keys == ["table2", "calibration"]


def test_a_target_that_cannot_be_made_or_is_not_known_is_refused_with_what_helps():
    made = plan(leakage=None)
    with pytest.raises(UserError, match="leakage cannot be made in this study: experiments.leakage is left out"):
        made.inputs("leakage")
    with pytest.raises(UserError, match="fig99 is not known; did you mean fig9.*table1, fig1.*report, predict"):
        made.refuse("fig99")
