"""Made-up explanations: maps of films, and long tables of tests as evaluate.evaluate makes them, of known answers."""

import numpy as np
import pandas as pd
from matplotlib.text import Text

from micrograph import io
from micrograph.attribution import maps

CLASSES = [900, 950, 1000]
FEATURES = ("boundaries", "domains", "islands", "terraces", "pits", "particles", "artefacts", "background", "padding")
MAPS = ("cam", "cam_class", "occlusion", "occlusion_abs")
NETWORK = {"protocol": "strict", "pretraining": "imagenet", "policy": "aug3", "scheme": "nominal"}


def explained(folder, predictions, scheme="nominal", targets=3, size=3, flags=(), weighted="cam_class", seed=0):
    """The Attributions of every film that the predictions test, written and read as real ones are.

    flags: {sample: flag} of films whose maps cannot be drawn. A film without an answer is explained as the first class.
    """
    test, rng = predictions[predictions["split"] == "test"], np.random.default_rng(seed)
    flags, paths = dict(flags), []
    for fold, here in test.groupby("fold"):
        names = here["sample"].to_numpy(str)
        count = len(names)
        predicted = here["y_pred"].fillna(CLASSES[0]).to_numpy(int)
        zeros = np.array([name in flags for name in names])
        arrays = {
            "samples": names,
            "fold": np.full(count, fold),
            "y_true": here["y_true"].to_numpy(int),
            "y_pred": predicted,
            "target": np.searchsorted(CLASSES, predicted) if targets > 1 else np.zeros(count, int),
            "outputs": rng.normal(size=(count, targets)),
            "target_scores": rng.normal(size=(count, targets)),
            "cam": np.float32(rng.uniform(1, 9, (count, size, size))),
            weighted: np.float32(rng.normal(1, 1, (count, targets, size, size))),
            "occlusion": np.float32(rng.normal(0.2, 1, (count, targets, 7, 7))),
            "cam_flag": np.array([flags.get(name, "") for name in names]),
            "occlusion_flag": np.array([flags.get(name, "") for name in names]),
        }
        for name in ("cam", weighted, "occlusion"):
            arrays[name][zeros] = 0
        study = {"scheme": scheme, "classes": CLASSES, "side": 32, "patch": 8, "stride": 4, "baseline": "zero"}
        paths.append(folder / f"fold{fold}.npz")
        io.write_arrays(paths[-1], **arrays, **study)
    return maps.read(paths)


def tests(films=60, days=20, folds=4, features=FEATURES, seed=0, looks=(), scars=1.0, keeps=0.1):
    """A long table a fold: maps hold a feature's area, times 1.5 where the network `looks`, and another's map the area.

    scars: how many times their area scars hold; keeps: the rank correlation with the map of randomised weights.
    """
    rng = np.random.default_rng(seed)
    day = np.sort(rng.integers(days, size=films))
    rows = []
    for film in range(films):
        key = (f"film{film:03d}", f"day{day[film]:02d}", int(day[film] % folds), 950, 950)
        for name in MAPS:
            rows += [(*key, *row) for row in _of_film(name, features, looks, scars, keeps, rng)]
    names = [
        "sample",
        "batch",
        "fold",
        "y_true",
        "y_pred",
        "map",
        "measure",
        "feature",
        "value",
        "area",
    ]
    table = pd.DataFrame(rows, columns=names)
    return [here for _, here in table.groupby("fold")]


def _of_film(name, features, looks, scars, keeps, rng):
    other = f"control_{name}"
    for feature in features:
        area = float(rng.uniform(0.05, 0.2))
        times = 1.5 if feature in looks else scars if feature == "artefacts" else 1.0
        for who, factor in ((name, times), (other, 1.0)):
            yield who, "mass", feature, factor * area * rng.uniform(0.9, 1.1), area
            yield who, "pointing", feature, float(rng.random() < factor * area), area
    for measure, better in (("deletion", -0.05), ("insertion", 0.05)):
        start = rng.uniform(0.4, 0.6)
        yield name, measure, "", start + better + rng.normal(0, 0.01), np.nan
        yield other, measure, "", start, np.nan
    for measure in ("randomised_head", "randomised_all"):
        yield name, measure, "", keeps + rng.normal(0, 0.05), np.nan
        yield other, measure, "", 0.1 + rng.normal(0, 0.05), np.nan
    if name in ("cam", "cam_class"):
        yield name, "agreement", "", 0.3 + rng.normal(0, 0.1), np.nan
        yield other, "agreement", "", rng.normal(0, 0.1), np.nan


def words_in(figure):
    """All texts of a figure, separated by bars."""
    return " | ".join(text.get_text() for text in figure.findobj(Text))
