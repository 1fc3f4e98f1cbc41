"""Models on disk: they come back answering the same, strange files are refused, nothing depends on the hour."""

import zipfile

import numpy as np
import pytest

from micrograph.errors import UserError
from micrograph.models import registry, storage
from micrograph.splits import model_selection

CLASSES = [900, 950, 1000]
LABELS = np.repeat(CLASSES, 15)
FEATURES = np.random.default_rng(4).normal(size=(45, 8)) + (LABELS[:, None] - 950) / 40


@pytest.mark.parametrize("protocol", ["strict", "published"])
@pytest.mark.parametrize(
    ("model", "scheme"), [(model, scheme) for model in registry.SHALLOW for scheme in registry.MODELS[model].schemes]
)
def test_models_come_back_from_disk_with_the_same_predictions(protocol, scheme, model, tmp_path):
    settings = registry.param_grid(model, scheme, protocol, "default")[0]
    settings |= {"n_estimators": 3} if model == "GBC" else {}
    truth = LABELS.astype(float) if scheme == "regression" else LABELS
    made = registry.make_estimator(model, scheme, protocol, settings, CLASSES, 0).fit(FEATURES, truth)
    storage.write_models(tmp_path / "m.skops", {0: made, 7: made})
    read = storage.read_models(tmp_path / "m.skops")
    assert sorted(read) == [0, 7]
    assert np.array_equal(read[7].predict(FEATURES), made.predict(FEATURES), equal_nan=True)


def test_a_file_with_an_unknown_type_is_refused(tmp_path):
    import skops.io

    skops.io.dump({"0": model_selection.Choice(0, 0.0, 0.0)}, tmp_path / "m.skops")
    with pytest.raises(UserError, match=r"model_selection\.Choice"):
        storage.read_models(tmp_path / "m.skops")


def test_a_models_file_holds_no_time_and_no_memory_address(tmp_path):
    made = registry.make_estimator("KRC", "nominal", "strict", {"alpha": 1}, CLASSES, 0).fit(FEATURES, LABELS)
    storage.write_models(tmp_path / "m.skops", {0: made})
    with zipfile.ZipFile(tmp_path / "m.skops") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert all(len(member.filename.split(".")[0]) < 7 for member in archive.infolist())
