"""Figure 10: for every temperature films that were told right, each with its class activation map and its occlusion.

Functions as in figures.py: tables and arrays in, a Figure out, inputs left alone. Maps come from attribution/maps.py,
of the network of the fold that tests the film; how they are drawn stands in map_drawing.py.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from micrograph.attribution import target_score
from micrograph.attribution.maps import read
from micrograph.errors import UserError
from micrograph.evaluation.labels import fit_label
from micrograph.figures import attribution_maps, style
from micrograph.figures.style import DOUBLE_MM, INK, SOFT
from micrograph.scans.rendering import read_png

PANEL_MM, APART_MM, EDGE_MM, BETWEEN_MM = 20.5, 1.0, 4.0, 5.0  # pictures, gaps, the page's edge, two films of a row
HEAD_MM, CLASS_MM, FILM_MM, FOOT_MM = 21.0, 6.0, 26.0, 15.0
FILMS_A_ROW = 2
COLUMNS = ("micrograph", None, "overlay", "occlusion")  # None: the name of the map


@dataclass(frozen=True)
class Chosen:
    """The films of one temperature that figure 10 shows: names and confidences (None where a scheme has none), of how
    many told right and how many tested."""

    celsius: int
    samples: tuple
    confidences: tuple
    right: int
    tested: int


def chosen(predictions, classes, films_per_class):
    """The Chosen of every class, by a rule: no film is picked by hand.

    predictions: the waist's table, of which part test is looked at; every film once (UserError otherwise). Of a class's
    films that were told right, by falling confidence (the score of the predicted class; of a regressor the nearness of
    its value to the class; of equals by name), those at evenly spaced ranks, the surest and the least sure among
    them. All of them where there are no more than films_per_class; of one alone the surest.
    """
    test = predictions[predictions["split"] == "test"]
    for sample in test.loc[test.duplicated("sample"), "sample"]:
        raise UserError(
            f"Figure 10: sample {sample} is tested more than once; give predictions of the strict protocol."
        )
    found = []
    for celsius in classes:
        here = test[test["y_true"] == celsius]
        right = here[here["y_pred"].eq(celsius).fillna(False).astype(bool)]
        sure, said = _sureness(right, celsius)
        order = np.lexsort((right["sample"].to_numpy(str), -sure))
        kept = order[evenly(len(right), films_per_class)]
        found.append(
            Chosen(
                celsius,
                tuple(right["sample"].iloc[kept]),
                tuple(said.iloc[kept]) if said is not None else (None,) * len(kept),
                len(right),
                len(here),
            )
        )
    return found


def evenly(many, wanted):
    """Places (min(many, wanted),) of 0 .. many - 1, evenly spaced, first and last among them; of one the first."""
    count = min(many, wanted)
    if count < 2:
        return np.arange(count)
    return (2 * np.arange(count) * (many - 1) + count - 1) // (2 * (count - 1))


def _sureness(right, celsius):
    """(n,) by which films are ranked, and the confidences to be written (None for a regressor)."""
    scores = right.get(f"score_{celsius}")
    if scores is not None and scores.notna().all():
        return scores.to_numpy(float), scores
    return -np.abs(right["y_pred_value"].to_numpy(float) - celsius), None


def draw_files(maps, fits, samples, classes, films_per_class, data):
    """Figure 10 of one fit; maps: paths, the micrographs are read where `samples` says. As :func:`draw`."""
    images, (fit,) = [read_png(path) for path in samples["micrograph"]], fits
    return draw(read(maps), fit, samples, images, classes, films_per_class, data)


@style.look()
def draw(explained, fit, samples, images, classes, films_per_class, data):
    """Figure 10: up to films_per_class films of every temperature: micrograph, CAM, overlay, occlusion; two films a row.

    explained: maps.Attributions; fit: Fit, the predictions of the same networks (strict) and their words; samples:
    the table of accepted samples (sample, pixel_nm); images: (pixels, pixels) uint8, one a row of `samples`; classes:
    temperatures (C). A film whose network, asked again for the maps, no longer says the same counts as not right.
    UserError where a film that is shown has no maps or no micrograph.
    """
    rows = chosen(_still(fit.predictions, explained), classes, films_per_class)
    down = [-(-len(one.samples) // FILMS_A_ROW) for one in rows]
    tall = HEAD_MM + sum(CLASS_MM + FILM_MM * count for count in down) + FOOT_MM
    figure = style.canvas(DOUBLE_MM, tall, data)
    _head(figure, explained, fit)
    places = {name: place for place, name in enumerate(samples["sample"])}
    marks, top = style.class_marks(classes), HEAD_MM
    for one, count in zip(rows, down, strict=True):
        _class_line(figure, top, one, marks[one.celsius])
        for place, (name, sure) in enumerate(zip(one.samples, one.confidences, strict=True)):
            if name not in places:
                raise UserError(f"sample {name} has predictions and is not in samples.tsv; fit the models again.")
            film = samples.iloc[places[name]]
            spot = EDGE_MM + place % FILMS_A_ROW * _film_width(True), top + CLASS_MM + place // FILMS_A_ROW * FILM_MM
            _film(figure, spot, explained, film, images[places[name]], sure)
        top += CLASS_MM + FILM_MM * count
    _foot(figure, top + 2, explained)
    return figure


def _still(predictions, explained):
    """The predictions, with none where the explained network says another temperature than these."""
    said = pd.Series(explained.predicted.astype(float), index=explained.samples)
    said = predictions["sample"].map(said)
    for sample in predictions.loc[(predictions["split"] == "test") & said.isna(), "sample"]:
        raise UserError(f"sample {sample} has predictions and no explanation; explain all folds of this network.")
    named = predictions["y_pred"]
    return predictions.assign(y_pred=named.where(named == said))


def _film_width(with_gap=False):
    return len(COLUMNS) * PANEL_MM + (len(COLUMNS) - 1) * APART_MM + (BETWEEN_MM if with_gap else 0)


def fit_title(fit):
    """Which networks these are: "CNN, nominal, pre-trained on imagenet, strict protocol"."""
    spec = fit.spec
    return f"{fit_label(spec, ('model', 'scheme'))}, pre-trained on {spec.pretraining}, {spec.protocol} protocol"


def _head(figure, explained, fit):
    style.text_mm(figure, EDGE_MM, 2.2, f"What speaks for the predicted temperature: {fit_title(fit)}", weight="bold")
    rule = (
        "Each film is explained by the network of the fold that tests it, which saw no film of its growth day.\n"
        "Shown by rule: of the films told right those at evenly spaced ranks of confidence, the surest first."
    )
    style.text_mm(figure, EDGE_MM, 6.4, rule, color=SOFT, linespacing=1.4)
    named = [name or attribution_maps.NAMES[explained.weighted_name] for name in COLUMNS]
    for block in range(FILMS_A_ROW):
        for place, name in enumerate(named):
            middle = EDGE_MM + block * _film_width(True) + place * (PANEL_MM + APART_MM) + PANEL_MM / 2
            style.text_mm(figure, middle, HEAD_MM - 3.6, name, ha="center", color=INK)


def _class_line(figure, top, one, mark):
    colour, marker = mark
    wide, tall = figure.get_size_inches() * style.MM_PER_INCH
    spot = [(EDGE_MM + 1.3) / wide], [1 - (top + 2.4) / tall]
    figure.add_artist(Line2D(*spot, color=colour, marker=marker, ms=5, mew=0, ls=""))
    style.text_mm(figure, EDGE_MM + 3.6, top + 1, style.celsius(one.celsius), weight="bold")
    style.text_mm(figure, EDGE_MM + 17.5, top + 1, _counted(one), color=SOFT)


def _counted(one):
    """How many films are shown of how many, in words."""
    told, shown = f"{one.right} of {one.tested} films told right", len(one.samples)
    if one.right == 0:
        return f"{told}: none to show"
    return f"{told}, {shown} of them shown" if shown < one.right else f"{told}, all of them shown"


def _film(figure, spot, explained, film, image, sure):
    """One film: a line of words, and its four pictures."""
    left, top = spot
    place = explained.index(film["sample"])
    axes = [
        style.axes_mm(figure, left + step * (PANEL_MM + APART_MM), top + 3.4, PANEL_MM, PANEL_MM)
        for step in range(len(COLUMNS))
    ]
    style.show_picture(axes[0], image)
    style.scale_bar(axes[0], film.get("pixel_nm"))
    cam = explained.weighted_map(place)
    attribution_maps.show_heat(axes[1], cam, explained.cam_flag[place])
    attribution_maps.show_overlay(axes[2], image, cam, explained.cam_flag[place])
    hidden, flag = explained.occlusion_map(place), explained.occlusion_flag[place]
    attribution_maps.show_occlusion(axes[3], image, hidden, flag)
    said = "" if sure is None else f", {100 * sure:.0f} % sure"
    style.text_mm(figure, left, top, f"{cut(film['sample'], 30)}{said}", fontsize=6.5)
    if not flag:
        right = left + _film_width()
        words = f"scale ±{strength(hidden, explained.scheme)}"
        style.text_mm(figure, right, top, words, fontsize=6, color=SOFT, ha="right")


def cut(words, most):
    """Words cut to so many letters."""
    return words if len(words) <= most else words[: most - 1] + "…"


def strength(values, scheme):
    """The largest effect in a map, of a regressor with its unit: "1.6", "12 °C"."""
    said = f"{attribution_maps.largest(values):#.2g}".rstrip(".")
    return f"{said} °C" if target_score.n_targets(scheme, (0, 1)) == 1 else said


def _foot(figure, top, explained):
    """Both scales and what they mean."""
    attribution_maps.heat_scale(figure, EDGE_MM + 1, top, 22, heat_words(explained))
    attribution_maps.occlusion_scale(figure, EDGE_MM + 76, top, 22, occlusion_words(explained))


def heat_words(explained, shown="shown as they are,\nin the overlay enlarged smoothly"):
    """What the colours of class activation maps mean."""
    name, (rows, columns) = attribution_maps.NAMES[explained.weighted_name], explained.cam.shape[1:]
    return f"{name} ÷ its largest value:\n{rows} × {columns} values, {shown}"


def occlusion_words(explained, scale="scale"):
    """What the colours of occlusion maps mean."""
    side, patch = explained.side, explained.patch
    return (
        f"occlusion: fall of the {target_score.describe(explained.scheme)}\n"
        f"where {patch} × {patch} of {side} × {side} pixels are hidden, ÷ {scale}.\n"
        "Green, solid line at half: for the temperature; red, dashed: against it"
    )
