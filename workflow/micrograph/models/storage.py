"""Fitted shallow models on disk: one .skops a fit, the same models the same bytes, nothing unpickled."""

import json
import sys
import zipfile
from io import BytesIO

from micrograph import io
from micrograph.errors import UserError

GAUSSIAN = "sklearn.gaussian_process"
TRUSTED = (
    "micrograph.models.estimators.KernelRidgeClassifier",
    "micrograph.models.estimators.RadiusClassifier",
    "micrograph.models.estimators.RadiusRegressor",
    "micrograph.models.estimators.UnitRows",
    "micrograph.models.proportional_odds.OrdinalLogit",
    "numpy.dtype",  # of the table that an OrdinalLogit filled the gaps of
    f"{GAUSSIAN}._gpc._BinaryGaussianProcessClassifierLaplace",
    *(f"{GAUSSIAN}.kernels.{kernel}" for kernel in ("ConstantKernel", "Product", "RBF", "Sum", "WhiteKernel")),
    "sklearn.tree._tree.Tree",
)


def write_models(path, models):
    """Write fold -> fitted estimator as one .skops; the same models give the same bytes."""
    stored = _skops().dumps({str(fold): model for fold, model in models.items()})
    with io.atomic_write(path) as partial:
        partial.write_bytes(_plain(stored))


def read_models(path):
    """Read what write_models wrote: fold -> estimator. Loads nothing but scikit-learn's types and those in TRUSTED."""
    skops = _skops()
    strange = sorted(set(skops.get_untrusted_types(file=path)) - set(TRUSTED))
    if strange:
        raise UserError(f"{path}: holds types that this pipeline never writes ({', '.join(strange)}): do not load it.")
    return {int(fold): model for fold, model in skops.load(path, trusted=list(TRUSTED)).items()}


def _skops():
    """skops.io, imported without torch.

    It lists scikit-learn's estimators by importing every package in there, one of which would import torch, 3 s a job;
    an absent torch is passed over.
    """
    import sklearn.utils  # noqa: F401  first, for scipy, which it imports, looks into torch wherever it is listed

    hidden = "torch" not in sys.modules
    if hidden:
        sys.modules["torch"] = None
    try:
        import skops.io
    finally:
        if hidden:
            del sys.modules["torch"]
    return skops.io


def _plain(stored):
    """The bytes of a .skops without its times and memory addresses: members numbered in order, dates fixed."""
    source = zipfile.ZipFile(BytesIO(stored))
    schema = json.loads(source.read("schema.json"))
    numbers, members = {}, {}
    _renumber(schema, numbers, members)
    text = json.dumps(schema, separators=(",", ":"))
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for old, new in members.items():
            archive.writestr(zipfile.ZipInfo(new), source.read(old))
        archive.writestr(zipfile.ZipInfo("schema.json"), text, zipfile.ZIP_DEFLATED)
    return target.getvalue()


def _renumber(node, numbers, members):
    """Replace, in place, every object's address by its order of appearance, and its member's name with it.

    Plain values (JsonNode) get a number each: whether two equal strings are one object is up to the interpreter.
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
