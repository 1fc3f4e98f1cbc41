"""The data of the explorer: every sample with its own values, and a script that no name can break."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import made_up_page
from made_up import curve
from made_up_page import CLASSES, MINUTES, SPEC, SUBSTRATE
from micrograph.errors import UserError
from micrograph.report import samples
from tables_of_films import TARGET

METADATA = ("growth_seconds", "substrate", "pressure_torr")
HOSTILE = "</script><script>alert('x')</script>&\"'\\\u2028\u2029\ud800é"


@pytest.fixture
def table():
    return made_up_page.samples(24)


@pytest.fixture
def predictions(table):
    return made_up_page.predictions(table)


def study_of(rows, table, explained=None, **changes):
    given = {
        "attributions": made_up_page.explained(rows) if explained is None else explained,
        "neighbours": made_up_page.neighbours(rows),
        "feature_map": samples.feature_map(made_up_page.components(table), table, rows["sample"], "pool features"),
        "curves": curve(),
        "spec": SPEC,
        "target": TARGET,
    }
    return samples.study(rows, **(given | changes))


def test_every_sample_has_its_own_test_prediction_and_metadata(table, predictions):
    shuffled = table.sample(frac=1, random_state=0)
    augmented = pd.concat([predictions, predictions.assign(augmentation=1, y_pred=900)])
    rows = samples.tested(augmented.sample(frac=1, random_state=1), shuffled)
    assert rows["sample"].tolist() == sorted(table["sample"])
    found = samples.columns(rows, TARGET, METADATA)
    test = predictions[predictions["split"] == "test"].set_index("sample")
    facts = table.set_index("sample")
    for place, name in enumerate(found["name"]):
        row = test.loc[name]
        assert found["truth"][place] == facts.loc[name, "growth_celsius"] == row["y_true"]
        assert found["predicted"][place] == row["y_pred"] and found["fold"][place] == row["fold"]
        assert found["correct"][place] is bool(row["y_pred"] == row["y_true"])
        assert found["confidence"][place] == pytest.approx(row[f"score_{row['y_pred']}"], rel=1e-4)
        assert found["scores"][place][CLASSES.index(row["y_pred"])] == found["confidence"][place]
        assert found["lines"][place] == facts.loc[name, "lines"] and found["batch"][place] == facts.loc[name, "batch"]
    assert samples.columns(rows, TARGET, pixels=112)["side_nm"] == [500] * 24
    assert found["side_nm"] == [1000] * 24 and len(found["sha256"][0]) == 12


def test_missing_values_are_null_and_a_missing_prediction_is_not_correct(table, predictions):
    predictions = predictions.assign(y_pred=pd.array([pd.NA] * len(predictions), dtype="Int64"))
    table = table.assign(substrate=None, growth_seconds=np.nan, pixel_nm=np.nan).drop(columns="pressure_torr")
    found = samples.columns(samples.tested(predictions, table), TARGET, METADATA)
    for name in (
        "predicted",
        "confidence",
        "substrate",
        "growth_seconds",
        "pressure_torr",
        "pixel_nm",
        "side_nm",
        "value",
    ):
        assert found[name] == [None] * 24, name
    assert found["correct"] == [False] * 24


def test_a_regression_has_values_and_no_confidence(table, predictions):
    marks = {f"score_{name}": np.nan for name in CLASSES}
    rows = samples.tested(predictions.assign(y_pred_value=951.23456, **marks), table)
    found = samples.columns(rows, TARGET, METADATA)
    assert found["value"] == [951.23] * 24 and found["confidence"] == [None] * 24
    assert found["scores"] == [[None] * 3] * 24


def test_samples_tested_twice_or_unknown_raise(table, predictions):
    with pytest.raises(UserError, match="tested by several folds"):
        samples.tested(made_up_page.predictions(table).assign(split="test"), table)
    with pytest.raises(UserError, match="not in samples.tsv"):
        samples.tested(predictions, table.iloc[1:])


def test_attributions_of_other_samples_raise(table, predictions):
    rows = samples.tested(predictions, table)
    with pytest.raises(UserError, match="MCV1-200101A-00 has predictions or maps"):
        study_of(rows, table, explained=made_up_page.explained(rows.iloc[1:]))
    with pytest.raises(UserError, match="MCV1-200101A-00 has predictions or maps"):
        samples.pictures(rows, made_up_page.explained(rows.iloc[1:]))


def test_the_study_has_columns_of_one_length_and_is_json(table, predictions):
    rows = samples.tested(predictions, table)
    made = study_of(rows, table)
    assert {len(column) for column in made["samples"].values()} == {24}
    script = samples.javascript(made)
    assert script.startswith("window.STUDY = ") and script.endswith(";\n")
    assert json.loads(script.removeprefix("window.STUDY = ").removesuffix(";\n")) == made
    assert made["target"] == {
        "name": "growth temperature", "unit": "°C", "classes": CLASSES, "labels": ["900", "950", "1000"],
    }  # fmt: skip
    assert len(made["colours"]) == 3 and made["samples"]["true_value"] == [None] * 24
    assert "3 x 3 values" in made["overlays"]["cam"]["detail"]
    assert "19 x 19 windows of 8 x 8 pixels with stride 4" in made["overlays"]["occlusion"]["detail"]


def test_a_page_of_another_target_has_its_names_and_what_the_sheet_tells_beside_it():
    (_, bins, _), (_, names, _) = (made_up_page.study(24, target=target) for target in (MINUTES, SUBSTRATE))
    assert bins["target"] == {
        "name": "growth time", "unit": "min", "classes": [2.5, 7.5, 20], "labels": ["0-5", "5-10", "10-30"],
    }  # fmt: skip
    truth, value = bins["samples"]["truth"], bins["samples"]["true_value"]
    assert all(low <= one <= high for one, (low, high) in zip(value, map({2.5: (0, 5), 7.5: (5, 10), 20: (10, 30)}.get,
                                                                          truth), strict=True))  # fmt: skip
    assert [one["column"] for one in bins["metadata"]] == ["growth_celsius", "pressure_torr", "substrate"]
    assert bins["metadata"][0] == {
        "column": "growth_celsius", "name": "growth temperature", "unit": "°C", "number": True,
    }  # fmt: skip
    assert names["target"]["unit"] == "" and names["target"]["labels"] == list(SUBSTRATE.labels)
    assert set(names["samples"]["truth"]) <= {0, 1, 2} and set(names["samples"]["true_value"]) == {None}
    assert [one["column"] for one in names["metadata"]] == ["growth_celsius", "growth_seconds", "pressure_torr"]


def test_flagged_maps_are_not_drawn(table, predictions):
    rows = samples.tested(predictions, table)
    explained = made_up_page.explained(rows)
    made, pictures = study_of(rows, table, explained), samples.pictures(rows, explained)
    assert made["samples"]["cam_flag"][:3] == ["all zero", "not finite", ""]
    for draw in (pictures.cam, pictures.occlusion):
        assert draw(0) is None and draw(1) is None and draw(2).shape == (96, 96, 4)
    assert made["samples"]["occlusion_strongest"][2] == pytest.approx(np.abs(explained.windows(2)).max(), rel=1e-4)


def test_samples_have_the_positions_of_the_figures(table):
    arrays = made_up_page.components(table)
    kept = {name: values[1:] if name in ("samples", "scores_0") else values for name, values in arrays.items()}
    names = sorted(table["sample"], reverse=True)
    place = samples.feature_map(kept | {"rows_0": np.arange(23)}, table, names, "pool features")
    known = dict(zip(arrays["samples"], arrays["scores_0"], strict=True))
    for name, x, y in zip(names, place["samples"]["x"], place["samples"]["y"], strict=True):
        lost = name == arrays["samples"][0]
        assert (x is None and y is None) if lost else [x, y] == pytest.approx(known[name], rel=1e-4)
    assert place["map"]["x"] == "component 1 (31.0 % of variance)" and "pool features" in place["map"]["description"]


def test_a_fold_shows_the_curve_of_its_selected_point():
    rows = curve(folds=3, points=2)
    found = samples.training(rows.sample(frac=1, random_state=0))
    assert list(found) == ["0", "1", "2"]
    for fold, one in found.items():
        here = rows[(rows["fold"] == int(fold)) & (rows["kept"] == 1)]
        best = here.loc[here["validation_accuracy"].idxmax()]
        whole = rows[(rows["fold"] == int(fold)) & (rows["point"] == best["point"])]
        assert one["kept"] == best["epoch"] and one["epoch"] == whole["epoch"].tolist()
        assert one["validation_loss"] == pytest.approx(whole["validation_loss"].tolist(), rel=1e-4)


def test_missing_neighbours_are_left_out(table, predictions):
    rows = samples.tested(predictions, table)
    neighbours = made_up_page.neighbours(rows)
    neighbours.indices[0, 3:], neighbours.distances[0, 3:] = -1, np.nan
    made = study_of(rows, table, neighbours=neighbours)
    assert (
        made["samples"]["neighbours"][0] == neighbours.indices[0, :3].tolist()
        and len(made["samples"]["distances"][0]) == 3
    )


@example({"name": [HOSTILE]})
@given(st.dictionaries(st.text(), st.lists(st.text() | st.none() | st.integers() | st.booleans())))
def test_no_text_ends_the_script_or_is_lost(study):
    script = samples.javascript(study)
    assert script.isascii() and "<" not in script
    assert json.loads(script.removeprefix("window.STUDY = ").removesuffix(";\n")) == study


@given(st.floats(-1e300, 1e300) | st.sampled_from([np.nan, np.inf, -np.inf]))
def test_numbers_are_kept_to_five_digits_or_null(value):
    (rounded,) = samples.plain([value])
    if np.isfinite(value):
        assert rounded == pytest.approx(value, rel=6e-5, abs=0)
    else:
        assert rounded is None


def attribution_tests(cam, occlusion):
    """Their table: how much less than their control's the areas under deletion curves of both maps are."""
    rows = [
        {"map": name, "measure": measure, "gain": gain, "gain_low": gain - 0.01, "gain_high": gain + 0.01}
        for name, deletion in (("cam_class", -cam), ("occlusion", -occlusion))
        for measure, gain in (("deletion", deletion), ("insertion", 0.0))
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("cam", "occlusion", "order", "warned"),
    [
        (0.1, 0.1, ["cam", "occlusion"], []),
        (0.0, 0.1, ["occlusion", "cam"], ["cam"]),
        (0.1, 0.0, ["cam", "occlusion"], ["occlusion"]),
        (0.0, 0.0, ["occlusion", "cam"], ["cam", "occlusion"]),
    ],
)
def test_occlusion_comes_first_where_cam_shows_nothing(table, predictions, cam, occlusion, order, warned):
    rows = samples.tested(predictions, table)
    overlays = study_of(rows, table, tests=attribution_tests(cam, occlusion))["overlays"]
    assert list(overlays) == order
    assert sorted(kind for kind, one in overlays.items() if one["warning"]) == warned


def test_maps_that_were_not_tested_say_so(table, predictions):
    overlays = study_of(samples.tested(predictions, table), table)["overlays"]
    assert list(overlays) == ["cam", "occlusion"]
    assert all("no attribution tests" in one["warning"] and one["brief"] for one in overlays.values())
