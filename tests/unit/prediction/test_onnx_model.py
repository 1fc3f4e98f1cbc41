"""The final model in ONNX: the same predictions without PyTorch."""

import os
import subprocess
import sys

import numpy as np
import pytest

from micrograph import cli
from micrograph.errors import UserError
from micrograph.prediction import onnx_model, predict, storage
from project import PROJECT

from .conftest import simulate_scans

TOLERANCE = 1e-4  # of the largest value


@pytest.fixture(scope="module")
def new(tmp_path_factory):
    """Three new films."""
    return simulate_scans(tmp_path_factory.mktemp("onnx"), 3, 3, seed=98)["scan"].tolist()


@pytest.fixture(scope="module")
def read(model_path):
    """The final model as the workflow reads it."""
    return storage.read(model_path)


@pytest.fixture(scope="module")
def onnx_path(read, tmp_path_factory):
    """The final model's ONNX file."""
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    onnx_model.write(path, read)
    return path


def assert_close(ours, theirs):
    theirs = np.asarray(theirs, float)
    np.testing.assert_allclose(np.asarray(ours, float), theirs, atol=TOLERANCE * max(np.abs(theirs).max(), 1))


def test_predictions_and_maps_are_those_of_pytorch(new, read, onnx_path):
    ours, theirs = predict.predict_scans(new, onnx_path), predict.predict_scans(new, read, "cpu")
    for one, other in zip(ours, theirs, strict=True):
        assert one.error == other.error == ""
        assert (one.y_pred, one.prediction_set, len(one.reasons)) == (
            other.y_pred,
            other.prediction_set,
            len(other.reasons),
        )
        assert [near["sample"] for near in one.neighbours] == [near["sample"] for near in other.neighbours]
        assert_close(list(one.probabilities.values()), list(other.probabilities.values()))
        for name in ("value", "low", "distance", "cam", "occlusion"):
            assert_close(getattr(one, name), getattr(other, name))


def test_the_file_holds_no_paths_of_this_machine(onnx_path):
    written = onnx_path.read_bytes()
    assert str(PROJECT).encode() not in written and sys.prefix.encode() not in written


def test_a_prediction_imports_neither_pytorch_nor_what_is_of_unix_alone(new, onnx_path, tmp_path):
    script = (
        "import sys\n"
        "from importlib.abc import MetaPathFinder\n"
        "class Missing(MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in {'torch', 'timm', 'torchvision', 'safetensors', 'sklearn', 'pydantic'}:\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Missing())\n"
        "import pandas\n"
        "known = set(sys.modules)\n"
        "from micrograph import cli\n"
        "status = cli.main(sys.argv[1:])\n"
        "assert not {'fcntl', 'termios', 'pwd', 'grp', 'resource'} & (set(sys.modules) - known)\n"
        "sys.exit(status)\n"
    )
    arguments = ["predict", new[0], "--model", onnx_path, "--out", tmp_path / "out"]
    env = os.environ | {"PYTHONPATH": str(PROJECT / "workflow")}
    done = subprocess.run([sys.executable, "-c", script, *arguments], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/index.html").is_file() and (tmp_path / "out/predictions.tsv").is_file()


@pytest.mark.parametrize("damage", ["missing", "empty", "truncated", "foreign"])
def test_a_file_that_is_no_model_is_one_sentence(damage, onnx_path, tmp_path, new):
    path = tmp_path / "model.onnx"
    whole = onnx_path.read_bytes()
    if damage != "missing":
        path.write_bytes({"empty": b"", "truncated": whole[: len(whole) // 2], "foreign": b"{}"}[damage])
    with pytest.raises(UserError, match="model.onnx: (no such|cannot be read as a|not a) final model"):
        onnx_model.read(path)
    with pytest.raises(SystemExit, match=r"model\.onnx"):
        cli.main(["predict", new[0], "--model", str(path)])
