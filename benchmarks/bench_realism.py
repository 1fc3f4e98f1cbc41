"""Realism: how far simulated micrographs are from real ones, at the same pixels and field.

No published way to compare with, so there are no times and no rows for benchmarks.tsv. A folder of real pictures has a
samples.tsv (sample, scan, batch, width_nm); simulated micrographs come from the simulator of the embedded study,
levelled and rendered as in the workflow, cropped to the central `width_nm` and averaged to as many pixels.

Real films are split by growth day, every other day in order of time: films looked at while the simulator was changed
(look_at), and films held out (held_out). Every number is of one of both, or of all.

Measures: topography of the grey values. Distances, in the pooled features of the shipped backbone: Frechet distance,
beside that between halves of the real films, and a two-sample test: how well an SVC tells real from simulated films of
growth days it has not seen (50 %: not at all), beside the same for the halves.
"""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from micrograph import io
from micrograph.config import validate
from micrograph.networks import backbones, checkpoints, features
from micrograph.prediction import novelty
from micrograph.retrieval import weights
from micrograph.rng import random_stream
from micrograph.scans import levelling, rendering
from micrograph.simulation import simulate
from micrograph.splits.stratified_groups import assign_folds
from micrograph.topography.measure import measure_map

PROJECT = Path(__file__).parents[1]
HALVES = ("look_at", "held_out")
RESAMPLING = ("area", "nearest")
MEASURES = (
    "Sq", "Rq", "Ssk", "Sku", "correlation_along_nm", "correlation_across_nm", "Str", "psd_slope", "grain_density_um2",
    "coverage_pct", "bimodality", "step_spacing_nm", "directionality",
)  # fmt: skip
WORST = 8  # films of the picture
FOLDS = 10
SCAN_PIXELS = 256  # of most scans: those that were stopped or are not square have bands, which no real picture has


def run(pictures, out="results/benchmarks", films=480, draws=100, half="all", resampling="area"):
    """Write realism_measures.tsv, realism_distances.tsv and realism_worst.png into `out`; no rows of times.

    pictures: the folder of real ones; films: how many are simulated; draws: of simulated days, and bootstrap resamples;
    half: look_at, held_out or all, the real films that are compared and shown; resampling: area or nearest, how
    simulated micrographs come to the size of the real pictures.
    """
    if resampling not in RESAMPLING:
        raise SystemExit(f"--resampling {resampling}: give {' or '.join(RESAMPLING)}.")
    if half not in ("all", *HALVES):
        raise SystemExit(f"--half {half}: give all, {HALVES[0]} or {HALVES[1]}.")
    config = validate(yaml.safe_load((PROJECT / "config.yaml").read_text(encoding="utf-8")))
    real, real_images, width_nm = read_pictures(pictures)
    simulated, simulated_images = simulate_pictures(config, films, width_nm, real_images.shape[1], resampling)
    subsets = {name: np.flatnonzero(real["half"] == name) for name in HALVES} | {"all": np.arange(len(real))}
    subsets = {name: rows for name, rows in subsets.items() if half in (name, "all")}
    pixel_nm = width_nm / real_images.shape[1]
    rng = random_stream(config["seed"], "realism")

    real_values, simulated_values = (measured(images, pixel_nm) for images in (real_images, simulated_images))
    measures = [
        {"films": name, **row}
        for name, rows in subsets.items()
        for row in compare_measures(
            real_values.iloc[rows], real["batch"].to_numpy()[rows], simulated_values, simulated["batch"], draws, rng
        )
    ]
    embedded = [embed(images, config["networks"]["backbone"]) for images in (real_images, simulated_images)]
    distances = [
        {"films": name, **row}
        for name, rows in subsets.items()
        for row in (
            *frechet_rows(embedded, real["batch"], simulated["batch"], rows, draws, rng),
            *two_sample_rows(embedded, real["batch"], simulated["batch"], real["half"], rows, draws, rng),
        )
    ]
    for name, rows in (("measures", measures), ("distances", distances)):
        table = pd.DataFrame(rows)
        io.write_table(Path(out) / f"realism_{name}.tsv", table, significant=4)
        print(table.to_string(index=False, float_format="%.4g"))
    shown = subsets[half]
    draw_worst(
        (real_images[shown], simulated_images),
        novelty.distances(embedded[0][shown], embedded[1]),
        (real["sample"].iloc[shown].tolist(), simulated["sample"].tolist()),
        Path(out) / "realism_worst.png",
    )
    return []


def read_pictures(folder):
    """The sheet of the real pictures with the column half, the pictures (n, pixels, pixels), and their width in nm."""
    sheet = io.read_table(Path(folder) / "samples.tsv").sort_values("sample", ignore_index=True)
    images = [rendering.read_png(Path(folder) / scan) for scan in sheet["scan"]]
    shapes, widths = {image.shape for image in images}, sheet["width_nm"].unique()
    if len(shapes) > 1 or len(widths) > 1:
        raise SystemExit(f"{folder}: pictures of several sizes or widths cannot be compared.")
    return sheet.assign(half=halves(sheet["batch"])), np.stack(images), float(widths[0])


def halves(batches):
    """Of every film, look_at or held_out: every other growth day, in the order of the days' names."""
    days, day = np.unique(batches, return_inverse=True)
    return np.array(HALVES)[day % 2]


def simulate_pictures(config, count, width_nm, pixels, resampling="area"):
    """Simulated micrographs as the embedded study's, growth days in proportion: their sheet, and the pictures."""
    settings, rendered = config["simulation"], config["micrographs"]
    days = max(1, round(count * settings["days"] / settings["samples"]))
    rng = random_stream(config["seed"], "realism", "plan_samples")
    sheet = simulate.plan_samples(count, days, settings["shares"], rng)
    images = []
    with tempfile.TemporaryDirectory() as folder:
        for row in sheet.to_dict("records"):
            paths = Path(folder) / "scan.spm", Path(folder) / "truth.npz"
            scan = simulate.simulate_scan(row, config["seed"], *paths, SCAN_PIXELS)
            height_nm = levelling.level(scan.trace_nm.astype(np.float64), config["heights"]["levelling"])
            grey, _ = rendering.render(height_nm, rendered["pixels"], rendered["clip_percentiles"], rendered["aspect"])
            images.append(central(grey, simulate.WIDTH_NM, width_nm, pixels, resampling))
    return sheet, np.stack(images)


def central(image, image_nm, width_nm, pixels, resampling="area"):
    """The central `width_nm` of a square picture in `pixels`: averages, rounded to 8 bits, or the nearest values."""
    margin = len(image) * (1 - width_nm / image_nm) / 2
    if resampling == "nearest":
        places = (margin + (np.arange(pixels) + 0.5) * (len(image) - 2 * margin) / pixels).astype(int)
        return image[np.ix_(places, places)]
    box = (margin, len(image) - margin, margin, len(image) - margin)
    return rendering.to_uint8(rendering.resize_area(image.astype(float), pixels, pixels, box))


def measured(images, pixel_nm):
    """A row of topography a picture; Sq and Rq in grey values."""
    return pd.DataFrame([measure_map(image, (pixel_nm, pixel_nm)) for image in images])[list(MEASURES)]


def compare_measures(real, real_days, simulated, simulated_days, draws, rng):
    """Medians with 95 % intervals (bootstrap over growth days), and by how much simulated values exceed real ones."""
    for name in real:
        first, second = real[name].to_numpy(), simulated[name].to_numpy()
        row = {"measure": name}
        for label, values, days in (("real", first, real_days), ("simulated", second, simulated_days)):
            finite = np.isfinite(values)
            medians = [np.median(values[finite][rows]) for rows in resampled(np.asarray(days)[finite], draws, rng)]
            low, high = np.percentile(medians, [2.5, 97.5]) if finite.any() else (np.nan, np.nan)
            middle = np.median(values[finite]) if finite.any() else np.nan
            row |= {f"{label}_n": finite.sum(), f"{label}_median": middle, f"{label}_low": low, f"{label}_high": high}
        yield row | {"simulated_exceeds": exceedance(second, first)}


def exceedance(values, reference):
    """The probability that a value exceeds one of the reference, ties half (0.5: equal distributions); NaN left out."""
    values, reference = values[np.isfinite(values)], np.sort(reference[np.isfinite(reference)])
    if not (len(values) and len(reference)):
        return float("nan")
    below, not_above = (np.searchsorted(reference, values, side=side) for side in ("left", "right"))
    return float((below + not_above).mean() / (2 * len(reference)))


def resampled(days, draws, rng):
    """Rows of bootstrap resamples over whole growth days."""
    names, day = np.unique(days, return_inverse=True)
    rows = [np.flatnonzero(day == number) for number in range(len(names))]
    for _ in range(draws if rows else 0):
        yield np.concatenate([rows[number] for number in rng.integers(len(names), size=len(names))])


def drawn_days(days, count, rng):
    """Rows of `count` films, growth day after growth day in random order."""
    names, day = np.unique(days, return_inverse=True)
    return np.argsort(rng.permutation(len(names))[day], kind="stable")[:count]


def frechet(first, second):
    """Squared Frechet distance of two sets of features (n, k) as if they were normally distributed.

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)); the last trace is the sum of the singular values of X1 X2' / sqrt((n1 -
    1) (n2 - 1)) of the centred sets, exact for fewer films than features. It grows as n falls: compare equal n.
    """
    means = first.mean(axis=0), second.mean(axis=0)
    parts = [(values - mean) / np.sqrt(len(values) - 1) for values, mean in zip((first, second), means, strict=True)]
    product = np.linalg.svd(parts[0] @ parts[1].T, compute_uv=False).sum()
    return float(((means[0] - means[1]) ** 2).sum() + sum((part**2).sum() for part in parts) - 2 * product)


def frechet_rows(embedded, real_days, simulated_days, rows, draws, rng):
    """Frechet distance of `rows` from the other real films, from as many simulated ones, and their ratio.

    Where `rows` are all films: of random halves by growth day. The medians over draws of simulated days (and of
    halves), and intervals of a bootstrap over growth days in every set.
    """
    real, simulated = embedded
    real_days, simulated_days = np.asarray(real_days), np.asarray(simulated_days)
    found = {"drawn": [], "resampled": []}
    for _ in range(draws):
        first = rows
        if len(rows) == len(real):
            first = drawn_days(real_days, len(real) // 2, rng)
            first = np.flatnonzero(np.isin(real_days, real_days[first]))
        other = np.setdiff1d(np.arange(len(real)), first)
        films = drawn_days(simulated_days, len(other), rng)
        sets = [(real, first, real_days), (real, other, real_days), (simulated, films, simulated_days)]
        again = [values[index[next(resampled(days[index], 1, rng))]] for values, index, days in sets]
        for name, (own, halved, simulation) in (
            ("drawn", [values[index] for values, index, _ in sets]),
            ("resampled", again),
        ):
            between, to_simulated = frechet(own, halved), frechet(own, simulation)
            found[name].append((between, to_simulated, to_simulated / between))
    middle = np.median(found["drawn"], axis=0)
    low, high = np.percentile(found["resampled"], [2.5, 97.5], axis=0)
    names = ("frechet_real_halves", "frechet_simulated", "frechet_ratio")
    for place, name in enumerate(names):
        yield {
            "quantity": name, "real_n": len(rows), "value": middle[place], "low": low[place], "high": high[place],
        }  # fmt: skip


def two_sample_rows(embedded, real_days, simulated_days, real_halves, rows, draws, rng):
    """Balanced accuracy of the two-sample test of `rows` and as many simulated films, and of the real halves, percent.

    The classifier learns from the real films of other growth days, of both halves, and as many simulated ones.
    """
    real, simulated = embedded
    real_days, simulated_days = np.asarray(real_days), np.asarray(simulated_days)
    right, chosen = np.zeros((draws, len(real))), []
    simulated_right = np.full((draws, len(simulated)), np.nan)
    for draw in range(draws):
        chosen = drawn_days(simulated_days, len(real), rng)
        labels = np.repeat([1, 0], len(real))
        days = np.concatenate([real_days, simulated_days[chosen] + " simulated"])
        correct = two_sample_correct(np.concatenate([real, simulated[chosen]]), labels, days, rng)
        right[draw], simulated_right[draw, chosen] = correct[: len(real)], correct[len(real) :]
    yield {"quantity": "two_sample_pct", "real_n": len(rows)} | interval(
        (right.mean(axis=0)[rows], real_days[rows]),
        (np.nanmean(simulated_right[:, seen := ~np.isnan(simulated_right).all(axis=0)], axis=0), simulated_days[seen]),
        draws, rng,
    )  # fmt: skip
    is_first = np.asarray(real_halves) == HALVES[0]
    correct = np.mean([two_sample_correct(real, is_first.astype(int), real_days, rng) for _ in range(10)], axis=0)
    yield {"quantity": "two_sample_real_halves_pct", "real_n": len(real)} | interval(
        (correct[is_first], real_days[is_first]), (correct[~is_first], real_days[~is_first]), draws, rng
    )


def two_sample_correct(values, labels, days, rng):
    """Whether each film's label is predicted by an SVC that has seen films of other growth days."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    n_folds = min(FOLDS, *(len(set(days[labels == label])) for label in np.unique(labels)))
    fold = assign_folds(labels, days, n_folds, rng)
    correct = np.zeros(len(labels))
    for number in range(n_folds):
        test = fold == number
        model = make_pipeline(StandardScaler(), SVC(class_weight="balanced"))
        correct[test] = model.fit(values[~test], labels[~test]).predict(values[test]) == labels[test]
    return correct


def interval(first, second, draws, rng):
    """Balanced accuracy in percent of two classes, (correct, days) each, with a 95 % bootstrap interval over days."""
    value = 50 * (first[0].mean() + second[0].mean())
    means = [[correct[rows].mean() for rows in resampled(days, 10 * draws, rng)] for correct, days in (first, second)]
    low, high = np.percentile(50 * np.sum(means, axis=0), [2.5, 97.5])
    return {"value": value, "low": low, "high": high}


def embed(images, backbone):
    """Pooled ImageNet features (n, channels) of the pictures at their own size."""
    with tempfile.TemporaryDirectory() as folder:
        network = checkpoints.load(
            backbone, weights.retrieve(backbone, "imagenet", Path(folder) / "weights.safetensors")
        )
    *_, (block, module) = backbones.get(backbone).blocks.items()
    mean, std = backbones.normalisation(backbone, "imagenet")
    return features.extract(network, {block: module}, images, mean, std)[block].astype(np.float64)


def farthest(distances, count):
    """Of the rows (n, m), those whose nearest column is farthest, and that column."""
    nearest = distances.argmin(axis=1)
    order = np.argsort(-distances.min(axis=1), kind="stable")[:count]
    return order, nearest[order]


def draw_worst(images, distances, names, path):
    """A picture of the films whose nearest neighbour in the other set is farthest, each above that neighbour."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.6 * WORST, 7.6), layout="constrained")
    axes = figure.subplots(4, WORST)
    for first, label in ((0, "real"), (1, "simulated")):
        other = 1 - first
        pairs = farthest(distances if first == 0 else distances.T, WORST)
        for column, (own, nearest) in enumerate(zip(*pairs, strict=True)):
            distance = distances[own, nearest] if first == 0 else distances[nearest, own]
            for line, which, index in ((0, first, own), (1, other, nearest)):
                axis = axes[2 * first + line, column]
                axis.imshow(images[which][index], cmap="gray", vmin=0, vmax=255)
                axis.set_xticks([])
                axis.set_yticks([])
                kind = label if line == 0 else "nearest " + ("simulated" if first == 0 else "real")
                axis.set_title(
                    f"{kind}\n{names[which][index]}" + (f"\n{distance:.2f}" if line == 0 else ""), fontsize=6
                )
    for axis in axes.ravel():
        axis.set_axis_off()
    path.parent.mkdir(parents=True, exist_ok=True)
    with io.atomic_write(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110, metadata={"Software": None})
