"""Fitted shallow models on disk: one .skops per fit; the same models give the same bytes, and nothing is unpickled."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from micrograph import io
from micrograph.errors import UserError

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

_GAUSSIAN = "sklearn.gaussian_process"
TRUSTED = (
    "micrograph.models.estimators.KernelRidgeClassifier",
    "micrograph.models.estimators.RadiusClassifier",
    "micrograph.models.estimators.RadiusRegressor",
    "micrograph.models.estimators.CenteredNormalizer",
    "micrograph.models.proportional_odds.OrdinalLogit",
    "micrograph.models.proportional_odds.NominalLogit",
    "numpy.dtype",  # of the features that an OrdinalLogit imputes
    f"{_GAUSSIAN}._gpc._BinaryGaussianProcessClassifierLaplace",
    *(f"{_GAUSSIAN}.kernels.{kernel}" for kernel in ("ConstantKernel", "Product", "RBF", "Sum", "WhiteKernel")),
    "sklearn.tree._tree.Tree",
)


def write_models(path: str | Path, models: Mapping[int, BaseEstimator]) -> None:
    """Write the fitted estimators of all folds as one .skops file.

    Parameters
    ----------
    path : path
    models : dict of int to estimator
        Fitted estimator of every fold.
    """
    stored = _skops().dumps({str(fold): model for fold, model in models.items()})
    with io.atomic_write(path) as partial:
        partial.write_bytes(_reproducible(stored))


def read_models(path: str | Path) -> dict[int, BaseEstimator]:
    """Read the estimators of all folds, as `write_models` wrote them.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict of int to estimator

    Raises
    ------
    UserError
        If the file holds other types than scikit-learn's and those in TRUSTED; nothing is loaded then.
    """
    skops = _skops()
    untrusted = sorted(set(skops.get_untrusted_types(file=path)) - set(TRUSTED))
    if untrusted:
        raise UserError(f"{path}: holds types that this workflow never writes ({', '.join(untrusted)}); not loaded.")
    return {int(fold): model for fold, model in skops.load(path, trusted=list(TRUSTED)).items()}


def _skops() -> ModuleType:
    """skops.io, imported without torch.

    skops lists scikit-learn's estimators by importing all its packages, one of which would import torch, 3 s per job.
    """
    import sklearn.utils  # noqa: F401  before torch is hidden: scipy, which it imports, inspects torch where listed

    hidden = "torch" not in sys.modules
    if hidden:
        sys.modules["torch"] = None  # type: ignore[assignment]  # importing it is then an ImportError
    try:
        import skops.io
    finally:
        if hidden:
            del sys.modules["torch"]
    return skops.io


def _reproducible(stored: bytes) -> bytes:
    """Return the bytes of a .skops without its times and memory addresses: members numbered in order, dates fixed."""
    source = zipfile.ZipFile(BytesIO(stored))
    schema = json.loads(source.read("schema.json"))
    numbers: dict[Any, int] = {}
    members: dict[str, str] = {}
    _renumber(schema, numbers, members)
    text = json.dumps(schema, separators=(",", ":"))
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for old, new in members.items():
            archive.writestr(zipfile.ZipInfo(new), source.read(old))
        archive.writestr(zipfile.ZipInfo("schema.json"), text, zipfile.ZIP_DEFLATED)
    return target.getvalue()


def _renumber(node, numbers, members):
    """Replace, in place, every object's address by its order of appearance, and the name of its member likewise.

    Plain values (JsonNode) get a number each: whether equal strings are one object depends on the interpreter.
    """
    if isinstance(node, list):
        for inner in node:
            _renumber(inner, numbers, members)
    if not isinstance(node, dict):
        return
    if "__id__" in node:
        address = (node["__id__"], len(numbers)) if node.get("__loader__") == "JsonNode" else node["__id__"]
        node["__id__"] = numbers.setdefault(address, len(numbers) + 1)
    if isinstance(node.get("file"), str):
        suffix = node["file"].rpartition(".")[2]
        node["file"] = members.setdefault(node["file"], f"{len(members) + 1}.{suffix}")
    for inner in node.values():
        _renumber(inner, numbers, members)
