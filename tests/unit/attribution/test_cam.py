"""Class activation maps by hand, on the real backbones, and against Captum."""

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from micrograph import target
from micrograph.attribution import cam, maps, target_score
from micrograph.errors import UserError
from micrograph.networks import heads, pretraining, replace_head

CLASSES, SIDE = [900, 950, 1000], 64
LAST = {"resnet18": "layer4", "efficientnet_lite0": "bn2"}  # the modules whose output the pool reads
TWO_LAYERS = ("nnrank", "corn", "regression")


class OneFilter(nn.Module):
    """A network of one filter that sums 2 x 2 pixels of red, with the module names of resnet18."""

    def __init__(self, weights):
        super().__init__()
        self.filter = nn.Conv2d(3, 1, 2, stride=2, bias=False)
        self.global_pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(nn.ReLU(), nn.Linear(1, len(weights)))
        with torch.no_grad():
            self.filter.weight[:] = torch.tensor([1.0, 0, 0])[None, :, None, None]
            self.fc[1].weight[:, 0] = torch.tensor(weights)

    def forward(self, images):
        return self.fc(self.global_pool(self.filter(images).relu()).flatten(1))


@pytest.fixture(scope="module")
def starts():
    return {name: pretraining.random_backbone(name, np.random.default_rng(0)) for name in LAST}


def network(starts, backbone, head):
    made = replace_head.replace_head(starts[backbone], backbone, head, CLASSES, 0.2, np.random.default_rng(1))
    heads.fit_label_scaling(made, np.array(CLASSES))
    return made.eval()


def images(count=2, seed=2):
    return torch.randn(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


def ladder():
    """A picture whose red is 0, 1, 2, 3 from the top; the filter ignores its blue."""
    red = torch.arange(4.0)[:, None].expand(4, 4)
    return torch.stack([red, torch.zeros(4, 4), torch.full((4, 4), 9.0)])[None]


def test_the_maps_of_a_network_of_one_filter_by_hand():
    one = OneFilter([2.0, -1.0])
    filtered = np.array([[2, 2], [10, 10]])  # 0 + 0 + 1 + 1, and 2 + 2 + 3 + 3
    np.testing.assert_array_equal(cam.activate(one, "resnet18", ladder()).maps.detach()[0, 0], filtered)
    summed, name, weighted = cam.class_activation_maps(one, "resnet18", ladder(), "nominal", [900, 950])
    assert name == "cam_class"
    np.testing.assert_array_equal(summed, [filtered])
    np.testing.assert_array_equal(weighted, [[2 * filtered, -filtered]])
    gradients = cam.grad_cam(cam.activate(one, "resnet18", ladder()), "nominal", [900, 950])
    np.testing.assert_allclose(gradients, [[2 * filtered / 4, -filtered / 4]])  # the mean is over four pixels


@pytest.mark.parametrize("backbone", LAST)
def test_the_mean_of_cam_is_the_output_of_a_linear_head_and_grad_cam_is_cam_over_its_pixels(starts, backbone):
    net, inputs = network(starts, backbone, "nominal"), images()
    last = net.get_submodule({"resnet18": "fc"}.get(backbone, "classifier")).last
    activations = cam.activate(net, backbone, inputs)
    maps_before_pool = activations.maps.detach()
    assert float(maps_before_pool.min()) >= 0 and maps_before_pool.shape[2:] == (2, 2)
    summed, name, weighted = cam.class_activation_maps(net, backbone, inputs, "nominal", CLASSES)
    assert name == "cam_class" and summed.dtype == weighted.dtype == np.float32
    with torch.no_grad():
        output = net(inputs).numpy()
    np.testing.assert_allclose(weighted.mean((2, 3)) + last.bias.detach().numpy(), output, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(summed, maps_before_pool.sum(1), rtol=1e-5)
    gradients = cam.grad_cam(activations, "nominal", CLASSES).numpy() * maps_before_pool[0, 0].numel()
    np.testing.assert_allclose(gradients, weighted, rtol=1e-3, atol=1e-5 * np.abs(weighted).max())


def test_displaced_images_fill_the_places_between_the_values_of_a_coarse_map():
    """A network with a value at every 32nd pixel: at 0, 32 and 64 of 80; in between by displacements of -3, 8, 18."""
    ramp = torch.arange(80.0)
    across = ramp.expand(1, 3, 80, 80)

    def every_32nd(shown):
        return shown[:, :2, ::32, ::32].numpy()

    np.testing.assert_array_equal(cam.interleave(every_32nd, across, 3)[0, 0], [[0, 32, 64]] * 3)
    found = cam.interleave(every_32nd, across, 7)
    seen = [-3 + 6, 8, 18, 29, 40, 50, 61, 72, 82 - 6]  # beyond the border its reflection: 3 for -3, 76 for 82
    places = [np.mean(seen[place : place + 3]) for place in range(7)]  # each with its neighbours
    assert found.shape == (1, 2, 7, 7)
    np.testing.assert_allclose(found[0, 1], [places] * 7, rtol=1e-6)
    down = cam.interleave(every_32nd, across.transpose(2, 3), 7)
    np.testing.assert_allclose(down[0, 0], np.transpose([places] * 7), rtol=1e-6)


def test_displaced_images_with_other_outputs_leave_no_pattern():
    """Maps are even, those of one displacement higher than those of another: so is the mean of all."""
    heights = iter([0.0, *range(1, 10)])
    found = cam.interleave(lambda shown: np.full((1, 3, 3), next(heights)), torch.zeros(1, 3, 80, 80), 7)
    np.testing.assert_allclose(found, np.full((1, 7, 7), 5.0))  # the mean of 1 to 9


@pytest.mark.parametrize(("side", "coarse", "fine"), [(32, 1, 7), (64, 2, 10), (80, 3, 7), (160, 5, 15), (224, 7, 7)])
def test_maps_have_seven_values_or_more_whatever_the_size_of_the_image(starts, side, coarse, fine):
    net, inputs = network(starts, "efficientnet_lite0", "nominal"), torch.zeros(1, 3, side, side)
    for least, wanted in ((1, coarse), (7, fine)):
        summed, _, weighted = cam.class_activation_maps(net, "efficientnet_lite0", inputs, "nominal", CLASSES, least)
        assert summed.shape == (1, wanted, wanted) and weighted.shape == (1, 3, wanted, wanted)


@given(st.integers(0, 99), st.integers(1, 5), st.integers(1, 4))
def test_cam_adds_up_to_the_output_after_the_heads_relu_even_of_negative_maps(seed, channels, rows):
    rng = np.random.default_rng(seed)
    pooled, weights = rng.normal(size=(3, channels, rows, 2)), rng.normal(size=(4, channels))
    found = cam.cam(pooled, weights)
    output = np.maximum(pooled.mean((2, 3)), 0) @ weights.T
    np.testing.assert_allclose(found.mean((2, 3)), output, atol=1e-9)
    np.testing.assert_allclose(cam.cam(torch.from_numpy(pooled), torch.from_numpy(weights)), found, atol=1e-9)


@pytest.mark.parametrize("head", TWO_LAYERS)
@pytest.mark.parametrize("backbone", LAST)
def test_grad_cam_of_every_target_is_captums(starts, backbone, head):
    net, inputs = network(starts, backbone, head), images()

    class Score(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, shown):
            return cam.differentiable_scores(head, self.net(shown), CLASSES)

    _, name, found = cam.class_activation_maps(net, backbone, inputs, head, CLASSES)
    captum = LayerGradCam(Score(), net.get_submodule(LAST[backbone]))
    assert name == "grad_cam" and found.shape == (2, target_score.n_targets(head, CLASSES), 2, 2)
    for column in range(found.shape[1]):
        theirs = captum.attribute(inputs, target=column, relu_attributions=False).detach().numpy()[:, 0]
        np.testing.assert_allclose(found[:, column], theirs, rtol=1e-3, atol=1e-5 * np.abs(theirs).max())
    assert found.any()


@pytest.mark.parametrize("scheme", target.SCHEMES)
def test_scores_with_a_graph_are_the_target_scores(scheme):
    outputs = np.random.default_rng(3).random((20, target.output_width(scheme, CLASSES)))
    found = cam.differentiable_scores(scheme, torch.from_numpy(outputs), CLASSES)
    np.testing.assert_allclose(found, target_score.target_scores(scheme, outputs, CLASSES), atol=1e-12)


def test_a_backbone_with_a_layer_after_its_pool_gets_grad_cam():
    name = "timm:mobilenetv3_small_050"
    net = replace_head.replace_head(
        pretraining.random_backbone(name, np.random.default_rng(0)),
        name,
        "nominal",
        CLASSES,
        0,
        np.random.default_rng(1),
    )
    assert cam.class_activation_maps(net, name, images(), "nominal", CLASSES)[1] == "grad_cam"


def test_maps_that_are_not_finite_stay_visible():
    broken = OneFilter([2.0, -1.0])
    with torch.no_grad():
        broken.filter.weight[0, 0, 0, 0] = float("nan")
    summed, name, weighted = cam.class_activation_maps(broken, "resnet18", ladder(), "nominal", [900, 950])
    assert name == "cam_class" and maps.flag(summed) == maps.flag(weighted) == "not finite"


def test_a_network_that_pools_no_maps_is_refused():
    flat = OneFilter([2.0])
    flat.filter = nn.Flatten()
    flat.global_pool = nn.Linear(48, 1)
    with pytest.raises(UserError, match="pools no maps"):
        cam.activate(flat, "resnet18", ladder())
