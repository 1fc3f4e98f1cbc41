"""Weights: the right file, whole and verified, or a sentence."""

import hashlib

import pytest
import torch
from safetensors.torch import load_file

import loopback
from loopback import Answer
from micrograph.errors import UserError
from micrograph.networks import backbones, checkpoints
from micrograph.retrieval import http, weights

NAME, PIN = "resnet18_pretrained_microscopynet_v1.0.pth.tar", "w.safetensors.sha256"


@pytest.fixture(scope="module")
def micronet(tmp_path_factory):
    """A file as a parallel training run leaves it: checkpoint, prefix "module.", counters missing."""
    torch.manual_seed(1)
    tensors = backbones.build("resnet18").state_dict()
    kept = {f"module.{name}": part for name, part in tensors.items() if "num_batches" not in name}
    path = tmp_path_factory.mktemp("server") / NAME
    torch.save({"epoch": 3, "arch": "resnet18", "state_dict": kept, "val_loss": [1.0, 0.5]}, path)
    return tensors, path.read_bytes()


@pytest.fixture
def web(monkeypatch):
    """A web server of this test alone."""
    monkeypatch.setattr(http, "FIRST_WAIT_SECONDS", 0.01)
    with loopback.running() as running:
        yield running


def test_the_packages_weights_say_where_they_come_from_and_are_the_same_twice(tmp_path):
    paths = [weights.retrieve("efficientnet_lite0", "imagenet", tmp_path / name) for name in ("a", "b")]
    facts = checkpoints.read_metadata(paths[0])
    assert facts["backbone"] == "efficientnet_lite0" and facts["pretraining"] == "imagenet"
    assert facts["sha256"].startswith("57934424") and facts["source"].endswith("57934424.pth")
    assert facts["mean"] == [127 / 255] * 3 and facts["std"] == [128 / 255] * 3
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_training_checkpoint_is_downloaded_unwrapped_and_pinned(web, micronet, tmp_path):
    tensors, body = micronet
    web.say(f"/mirror/{NAME}", body)
    path = weights.retrieve("resnet18", "micronet", tmp_path / "w.safetensors", base_url=f"{web.url}/mirror/")
    stored = load_file(path)
    assert stored.keys() == tensors.keys()
    assert all(torch.equal(stored[name], tensors[name]) for name in tensors)
    facts = checkpoints.read_metadata(path)
    assert facts["sha256"] == hashlib.sha256(body).hexdigest() == (tmp_path / PIN).read_text().strip()
    assert facts["source"] == f"{web.url}/mirror/{NAME}"
    assert sorted(part.name for part in tmp_path.iterdir()) == [path.name, PIN]


def test_another_file_than_the_first_is_refused_and_the_first_stays(web, micronet, tmp_path):
    web.say(f"/{NAME}", micronet[1], micronet[1] + b"x")
    path = weights.retrieve("resnet18", "micronet", tmp_path / "w.safetensors", base_url=web.url)
    before = path.read_bytes()
    with pytest.raises(
        UserError, match=r"damaged or replaced .*delete .*w.safetensors.sha256 if the new file is meant"
    ):
        weights.retrieve("resnet18", "micronet", path, base_url=web.url)
    assert path.read_bytes() == before
    assert sorted(part.name for part in tmp_path.iterdir()) == [path.name, PIN]


def test_a_checksum_that_is_known_whole_is_checked_while_it_is_fetched(web, tmp_path):
    web.say("/w.pth", b"weights")
    known = hashlib.sha256(b"weights").hexdigest()
    assert weights._download(f"{web.url}/w.pth", tmp_path / "w", known).read_bytes() == b"weights"
    with pytest.raises(UserError, match=f"damaged or replaced .sha256 {known}, expected 0000"):
        weights._download(f"{web.url}/w.pth", tmp_path / "v", "0" * 64)
    assert [path.name for path in tmp_path.iterdir()] == ["w"]


@pytest.mark.parametrize(
    ("pretraining", "answer", "sentence"),
    [
        ("imagenet", Answer(b"PK\x03\x04 not the weights"), "damaged or replaced .*expected f37072fd"),
        ("imagenet", Answer(b"gone", status=404), "the server answers 404 Not Found.*as networks.weights_file"),
        ("imagenet", Answer(status=503), "the server answers 503.*try again later. Or fetch http"),
        ("imagenet", Answer(b"\n<!DOCTYPE html><html>Please log in</html>"), "a web page was sent"),
        ("micronet", Answer(b"PK\x03\x04 not the weights"), "no weights can be read from it safely"),
        ("micronet", Answer(b""), "no weights can be read from it safely"),
    ],
    ids=["corrupt", "missing", "unavailable", "page", "no-archive", "empty"],
)
def test_a_bad_download_gets_its_sentence_and_leaves_nothing(web, tmp_path, pretraining, answer, sentence):
    web.say(f"/{NAME}", answer)
    web.say("/resnet18-f37072fd.pth", answer)
    with pytest.raises(UserError, match=sentence):
        weights.retrieve("resnet18", pretraining, tmp_path / "w.safetensors", base_url=web.url)
    assert list(tmp_path.iterdir()) == []


def test_a_machine_without_network_is_given_what_to_fetch_and_where_to_name_it(web, tmp_path):
    url = loopback.closed_url()
    with pytest.raises(UserError) as caught:
        weights.retrieve("resnet18", "imagenet", tmp_path / "w.safetensors", base_url=url)
    said = str(caught.value)
    assert "no network" in said
    assert f"Or fetch {url}/resnet18-f37072fd.pth where there is a network" in said
    assert "networks.weights_file" in said and "networks.weights_mirror" in said
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_ones_own_serves_any_pretraining(micronet, tmp_path):
    (tmp_path / "mine.pth").write_bytes(micronet[1])
    path = weights.retrieve("resnet18", "lab", tmp_path / "w.safetensors", user_file=tmp_path / "mine.pth")
    assert checkpoints.read_metadata(path)["source"] == "mine.pth"
    again = weights.retrieve("resnet18", "lab", tmp_path / "v.safetensors", user_file=path)
    assert load_file(again).keys() == micronet[0].keys()
    with pytest.raises(UserError, match=r"nowhere.pth: no such file"):
        weights.retrieve("resnet18", "lab", tmp_path / "w", user_file=tmp_path / "nowhere.pth")


def test_a_network_without_a_source_asks_for_a_file(tmp_path):
    with pytest.raises(UserError, match="name a file of your own"):
        weights.retrieve("timm:resnet18", "imagenet", tmp_path / "w")
