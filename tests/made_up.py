"""Predictions and curves that nobody fitted, of a chosen skill, in the shape of real ones; and checks of a figure."""

import itertools

import numpy as np
import pandas as pd
from matplotlib.colors import same_color
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from micrograph.evaluation.bootstrap import Resampling
from micrograph.evaluation.summaries import Fit, RunInfo
from micrograph.figures.style import PAPER
from micrograph.splits.fit_spec import FitSpec

CLASSES = [900, 950, 1000]
SHARES = {2: [0.4, 0.6], 3: [0.11, 0.5, 0.39], 5: [0.1, 0.2, 0.3, 0.25, 0.15]}
RUN = RunInfo("simulated films", "resnet18", "default", 96, 30)
SKILLS = {"train": 0.92, "validation": 0.7, "test": 0.62}


def resampling(n_bootstrap, seed=0, classes=CLASSES):
    """Resamples as a table draws them from its random stream."""
    return Resampling(classes, n_bootstrap, int(np.random.default_rng(seed).integers(2**31)))


def samples(count=24, classes=CLASSES, seed=1):
    """A samples table: three films a growth day, the paper's shares of the classes, times and substrates with gaps."""
    rng = np.random.default_rng(seed)
    celsius = np.concatenate([classes, rng.choice(classes, count - len(classes), p=SHARES[len(classes)])])
    days = [f"MCV1-2{day // 360}{day // 30 % 12 + 1:02d}{day % 30 + 1:02d}" for day in range(0, 7 * count, 7)]
    seconds = np.round(rng.uniform(100, 1650, count))
    substrates = rng.choice(["c-Sapphire", "Al2O3 c-plane", "A-Sapphire"], count, p=[0.6, 0.3, 0.1])
    return pd.DataFrame(
        {
            "sample": [f"{days[place // 3]}A-{place % 3:02d}" for place in range(count)],
            "batch": [days[place // 3] for place in range(count)],
            "growth_celsius": celsius,
            "y_true": celsius,
            "growth_seconds": np.where(rng.uniform(size=count) < 0.1, np.nan, seconds),
            "substrate": np.where(rng.uniform(size=count) < 0.1, None, substrates),
            "pixel_nm": 1000 / 224,
        }
    )


def parts(table, protocol, folds):
    """Rows (fold, part, place of the sample) as the protocols split them: batches in turn, or a shared test set."""
    batch = table["batch"].factorize()[0]
    for fold in range(folds):
        batch_fold = batch % folds
        test = np.arange(len(table)) % 10 == 9 if protocol == "published" else batch_fold == fold
        validation = ~test & (batch_fold == (fold + 1) % folds)
        for part, inside in (("train", ~test & ~validation), ("validation", validation), ("test", test)):
            yield from ((fold, part, place) for place in np.flatnonzero(inside))


def fit(table=None, classes=CLASSES, folds=5, better=0.0, seed=0, unanswered=0.0, **fields):
    """A Fit whose predictions are right as often as SKILLS say, plus `better`, else a neighbouring class."""
    table = samples(classes=classes) if table is None else table
    fields = {
        "protocol": "strict",
        "pretraining": "imagenet",
        "policy": "aug3",
        "features": "image" if fields.get("model") == "CNN" else "tuned",
        "scheme": "nominal",
        "model": "SVC",
    } | fields
    rng = np.random.default_rng([seed, *"".join(fields.values()).encode()])
    rows = pd.DataFrame(parts(table, fields["protocol"], folds), columns=["fold", "split", "place"])
    skill = np.clip(rows["split"].map(SKILLS) + better + rng.normal(0, 0.06, folds)[rows["fold"]], 0.05, 1)
    truth = np.searchsorted(classes, table["y_true"])[rows["place"]]
    missed = rng.uniform(size=len(rows)) > skill
    guess = np.clip(np.where(missed, truth + rng.choice([-1, 1], len(rows)), truth), 0, len(classes) - 1)
    predicted = pd.array(
        np.asarray(classes)[guess], dtype="Int64" if all(one == int(one) for one in classes) else "Float64"
    )
    predicted[rng.uniform(size=len(rows)) < unanswered] = pd.NA
    value = np.asarray(classes)[guess] + rng.uniform(-24, 24, len(rows))
    films = table.iloc[rows["place"]].reset_index(drop=True)
    predictions = pd.DataFrame(
        {
            "fold": rows["fold"],
            "split": rows["split"],
            "sample": films["sample"],
            "augmentation": 0,
            "batch": films["batch"],
            "y_true": films["y_true"],
            "y_true_value": films.get("y_true_value", films["y_true"]),
            "y_pred": predicted,
            "y_pred_value": value if fields["scheme"] == "regression" else np.nan,
        }
    )
    return Fit(FitSpec(**fields), predictions)


def repeated(*fits):
    """Join fits of one model, each of a repeat of the cross-validation."""
    before = np.cumsum([0] + [one.predictions["fold"].max() + 1 for one in fits])
    frames = [
        one.predictions.assign(fold=one.predictions["fold"] + before[repeat], repeat=repeat)
        for repeat, one in enumerate(fits)
    ]
    return Fit(fits[0].spec, pd.concat(frames, ignore_index=True))


def seeded(*fits):
    """Join fits of one model, each with a seed on the same splits."""
    one = repeated(*fits)
    return Fit(one.spec, one.predictions.rename(columns={"repeat": "seed"}).assign(repeat=0))


def curve(folds=5, epochs=25, seed=0, points=1):
    """A table of learning curves: losses that fall, the validation one to rise again; the lowest of it is kept."""
    rng, rows = np.random.default_rng(seed), []
    for fold, point in itertools.product(range(folds), range(points)):
        length = int(rng.integers(epochs // 2, epochs + 1))
        epoch = np.arange(length)
        train = 1.1 * np.exp(-epoch / 7) + 0.05 + rng.normal(0, 0.02, length)
        validation = 0.5 + 0.6 * np.exp(-epoch / 4) + 0.012 * epoch + rng.normal(0, 0.04, length)
        kept = epoch == np.argmin(validation)
        right = np.clip(0.4 + 0.3 * (1 - np.exp(-epoch / 4)) + rng.normal(0, 0.03, length), 0, 1)
        rows += zip([fold] * length, [point] * length, epoch, train, validation, right, kept.astype(int), strict=True)
    names = ["fold", "point", "epoch", "train_loss", "validation_loss", "validation_accuracy", "kept"]
    return pd.DataFrame(rows, columns=names)


def panel(figure, title):
    """The first axes of a figure whose title begins so."""
    return next(axes for axes in figure.axes if axes.get_title(loc="left").startswith(title))


def marks(axes, hollow=None, colour=None):
    """(x, y) of the single marks of axes, in the order of drawing; hollow, colour: of these alone."""
    lines = [line for line in axes.lines if line.get_marker() not in ("None", "", "_") and len(line.get_xdata()) == 1]
    found = []
    for line in lines:
        empty = line.get_markerfacecolor() == PAPER
        shade = line.get_markeredgecolor() if empty else line.get_markerfacecolor()
        if hollow in (None, empty) and (colour is None or same_color(shade, colour)):
            found.append(tuple(float(values[0]) for values in line.get_data()))
    return found


def words_in(figure):
    """All texts of a figure, separated by bars."""
    return " | ".join(text.get_text() for text in figure.findobj(lambda thing: hasattr(thing, "get_text")))


def laid_out_well(figure):
    """Fail where something is cut off, texts overlap or one is smaller than six points."""
    figure.draw_without_rendering()
    drawn, paper = figure.get_tightbbox(), figure.bbox_inches
    assert drawn.x0 >= 0 and drawn.y0 >= 0 and drawn.x1 <= paper.width and drawn.y1 <= paper.height, drawn
    ticks = {label for axes in figure.axes for label in axes.get_xticklabels() + axes.get_yticklabels()}
    texts = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
    assert min(text.get_fontsize() for text in texts) >= 6
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts if text not in ticks]
    for (one, first), (other, second) in itertools.combinations(boxes, 2):
        shared = Bbox.intersection(first, second)
        assert shared is None or shared.width < 1 or shared.height < 1.5, (one, other)
