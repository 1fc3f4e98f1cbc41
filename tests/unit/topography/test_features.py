"""What a model learns from: no number missing, none that depends on other films."""

import numpy as np
import pandas as pd
import pytest

from micrograph.topography import features
from micrograph.topography.measure import HEIGHT_UNIT, MEASURES

WHOLE = dict.fromkeys(MEASURES, 2.0)


def column(table, name):
    return features.matrix(table)[:, features.COLUMNS.index(name)]


def test_measures_that_are_inputs_have_one_column_each():
    assert set(features.FEATURES) < set(MEASURES)
    assert features.matrix(pd.DataFrame([WHOLE])).shape == (1, len(features.COLUMNS))


def test_lengths_enter_by_their_logarithm_and_shares_as_they_are():
    table = pd.DataFrame([WHOLE | {"grain_diameter_nm": 100.0, "coverage_pct": 25.0, "Ssk": -0.5}])
    assert column(table, "grain_diameter_nm") == pytest.approx([2.0])
    assert column(table, "coverage_pct") == pytest.approx([0.25])
    assert column(table, "Ssk") == pytest.approx([np.arcsinh(-0.5)])


def test_a_film_that_has_no_measures_has_numbers_all_the_same_and_says_that_they_are_missing():
    nothing = dict.fromkeys(MEASURES, np.nan) | {"Sq": 3.0, "Sa": 2.0, "Sdc": 9.0}
    table = pd.DataFrame([nothing | {"Ssk": 0.0, "Sku": 3.0}, WHOLE])
    found = features.matrix(table)
    assert np.isfinite(found).all()
    assert column(table, "no_steps").tolist() == [1.0, 0.0]
    assert column(table, "no_bands").tolist() == [1.0, 0.0]
    assert 0 < column(table, "no_others")[0] < 1 and column(table, "no_others")[1] == 0
    assert column(table, "band_8_16")[0] == pytest.approx(np.log10(0.4 * 3.0))  # a share of its own roughness


def test_a_films_numbers_do_not_depend_on_which_others_are_there():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.uniform(1, 50, (6, len(MEASURES))), columns=list(MEASURES))
    table.loc[2, ["step_spacing_nm", "band_256_512"]] = np.nan
    before = table.copy()
    np.testing.assert_array_equal(features.matrix(table)[[2]], features.matrix(table.iloc[[2]]))
    pd.testing.assert_frame_equal(table, before)


def test_heights_in_another_unit_shift_columns_by_a_constant_alone():
    rng = np.random.default_rng(1)
    table = pd.DataFrame(rng.uniform(1, 50, (4, len(MEASURES))), columns=list(MEASURES))
    table.loc[0, ["layer_height", "band_8_16"]] = np.nan
    heights = [name for name, kind in MEASURES.items() if kind.unit == HEIGHT_UNIT]
    shift = features.matrix(table.assign(**{name: 10 * table[name] for name in heights})) - features.matrix(table)
    expected = [1.0 if name in heights else 0.0 for name in features.COLUMNS]
    np.testing.assert_allclose(shift, np.tile(expected, (4, 1)), atol=1e-12)


def test_a_height_of_zero_has_a_logarithm():
    assert np.isfinite(features.matrix(pd.DataFrame([dict.fromkeys(MEASURES, 0.0)]))).all()


def test_every_name_is_described_with_its_unit_and_column():
    measures = features.describe_measures("grey").set_index("name")
    assert list(measures.index) == [*MEASURES, *features.MISSING]
    assert measures.loc["Sq", "unit"] == "grey" and measures.loc["grain_diameter_nm", "unit"] == "nm"
    assert measures["column"].dropna().sort_values().tolist() == list(range(len(features.COLUMNS)))
    assert [features.COLUMNS[place] for place in measures["column"].dropna()] == measures.index[
        measures["column"].notna()
    ].tolist()
    assert measures["description"].str.len().min() > 10
