"""Names of features, schemes and fits as tables, figures and the report print them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from micrograph.splits.fit_spec import FitSpec
from micrograph.target import NAMES

SCHEMES = {
    "nominal": "nominal",
    "nnrank": "NNRank",
    "corn": "CORN",
    "regression": "regression",
    "ordinal": "ordinal",
    "unordered": "nominal",
}
FEATURES = {  # those that are not a block of the network
    "tuned": "fine-tuned features",
    "image": "micrographs",
    "metadata": "growth metadata",
    "physical": "physical features",
}


def scheme_label(scheme: str) -> str:
    """Name a scheme: ``nnrank`` is "NNRank"."""
    return SCHEMES.get(scheme, scheme)


def column_label(column: str) -> str:
    """Name a column of the sheet, with its unit where it is known: growth time (s)."""
    name, unit = NAMES.get(column, (column.replace("_", " "), ""))
    return f"{name} ({unit})" if unit else name


def features_label(features: str) -> str:
    """Name a set of features: ``block2_cev85`` is "block2, 85 % of variance", ``tuned`` "fine-tuned features"."""
    block, _, variance = features.partition("_cev")
    return f"{block}, {variance} % of variance" if variance else FEATURES.get(block, block)


# Field of FitSpec -> its label; in the order in which the parts of a name stand.
PARTS: dict[str, Callable[[str], str]] = {
    "model": str,
    "features": features_label,
    "scheme": scheme_label,
    "pretraining": str,
    "policy": str,
    "protocol": str,
}


def model_label(model: str, features: str) -> str:
    """Name a model on its features: "SVC, block2, 85 % of variance"."""
    return f"{model}, {features_label(features)}"


def fit_label(spec: FitSpec, parts: Iterable[str]) -> str:
    """Name a fit by some of the fields of its spec.

    Parameters
    ----------
    spec : FitSpec
    parts : iterable of str
        Keys of `PARTS`.

    Returns
    -------
    str
        "CNN, NNRank" for ``("model", "scheme")``.
    """
    return ", ".join(PARTS[part](getattr(spec, part)) for part in parts)


def fit_labels(specs: Sequence[FitSpec], always: Sequence[str] = ("model",)) -> list[str]:
    """Name each of several fits, as shortly as distinguishes them.

    Parameters
    ----------
    specs : sequence of FitSpec
    always : sequence of str
        Fields that every name holds; of the others those that distinguish fits.

    Returns
    -------
    list of str
        One name a fit.
    """
    parts = list(always)
    for part in PARTS:
        if part not in parts and _number(specs, [*parts, part]) > _number(specs, parts):
            parts.append(part)
    return [fit_label(spec, parts) for spec in specs]


def _number(specs: Sequence[FitSpec], parts: Sequence[str]) -> int:
    """Count the fits that these fields distinguish."""
    return len({tuple(getattr(spec, part) for part in parts) for spec in specs})
