"""The final model's file: what is read is what was written, and nothing else."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from micrograph.errors import UserError
from micrograph.prediction import storage


def test_what_is_read_is_what_was_written(model, model_path):
    found = storage.read(model_path)
    for ours, theirs in ((model.network, found.network), (model.backbone, found.backbone)):
        assert ours.state_dict().keys() == theirs.state_dict().keys()
        assert all(torch.equal(ours.state_dict()[name], part) for name, part in theirs.state_dict().items())
    np.testing.assert_array_equal(found.embeddings, model.embeddings)
    np.testing.assert_array_equal(found.images, model.images)
    assert {name: found.facts[name] for name in model.facts} == model.facts


def test_a_missing_file_and_one_that_holds_something_else_say_how_to_make_one(tmp_path):
    with pytest.raises(UserError, match="no such final model.*train it: snakemake"):
        storage.read(tmp_path / "none.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match="not a final model"):
        storage.read(tmp_path / "other.safetensors")
    for text in ("no JSON", "[]", "3"):
        save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors", metadata={"micrograph": text})
        with pytest.raises(UserError, match=rf"final model .*train it again: {storage.COMMAND}$"):
            storage.read(tmp_path / "other.safetensors")


def test_a_file_of_text_an_empty_one_and_a_cut_one_say_how_to_train_it_again(model_path, tmp_path):
    whole = model_path.read_bytes()
    for data in (b"hello", b"", whole[:5], whole[: len(whole) // 2], b"\xff" * 100):
        (tmp_path / "m.safetensors").write_bytes(data)
        with pytest.raises(UserError, match=r"m.safetensors: cannot be read as .*train it again: snakemake") as error:
            storage.read(tmp_path / "m.safetensors")
        assert "weights" not in str(error.value) and "\n" not in str(error.value)


def parts(path):
    with safe_open(path, "pt") as opened:
        facts = json.loads(opened.metadata()["micrograph"])
        return {name: opened.get_tensor(name) for name in opened.keys()}, facts  # noqa: SIM118 (no dict)


def change_a_weight(tensors, facts):
    name = next(name for name in tensors if name.startswith("network.") and tensors[name].ndim == 4)
    tensors[name][0, 0, 0, 0] += 1e-3


def change_a_fact(tensors, facts):
    facts["calibration"]["temperature"] = 1.0


def drop_a_film(tensors, facts):
    tensors["films.looks"] = tensors["films.looks"][1:].contiguous()


@pytest.mark.parametrize("change", [change_a_weight, change_a_fact, drop_a_film])
def test_a_changed_file_is_refused(model_path, tmp_path, change):
    tensors, facts = parts(model_path)
    change(tensors, facts)
    path = tmp_path / "changed.safetensors"
    save_file(tensors, path, metadata={"micrograph": json.dumps(facts)})
    with pytest.raises(UserError, match="checksum"):
        storage.read(path)
