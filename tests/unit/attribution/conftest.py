"""A small network, and arrays of a fold's maps with known values."""

import numpy as np

from micrograph.networks import heads, pretraining, replace_head

BACKBONE, CLASSES = "timm:mobilenetv3_small_050", [900, 950, 1000]


def small_network(head, side, dropout=0.0):
    """(network, metadata) as checkpoints.read_network returns them."""
    start = pretraining.random_backbone(BACKBONE, np.random.default_rng(0))
    network = replace_head.replace_head(start, BACKBONE, head, CLASSES, dropout, np.random.default_rng(1)).eval()
    heads.fit_label_scaling(network, np.array(CLASSES))
    metadata = {
        "target": {"column": "growth_celsius", "classes": CLASSES},
        "backbone": BACKBONE, "head": head, "classes": CLASSES, "fold": 3, "pixels": side, "mean": [0.5] * 3,
        "std": [0.25] * 3, "settings": {"dropout": dropout, "precision": "fp32"},
    }  # fmt: skip
    return network, metadata


def random_images(count, side):
    return np.random.default_rng(5).integers(0, 256, (count, side, side), dtype=np.uint8)


def fold_arrays(samples, fold=0, weighted="cam_class", **changes):
    """The arrays of a fold's file: map values are the number in the sample's name, times 10 plus the target."""
    number, count = np.array([int(name[1:]) for name in samples], dtype=np.float32), len(samples)
    of_targets = number[:, None] * 10 + np.arange(3)
    arrays = {
        "samples": np.array(samples), "fold": np.full(count, fold), "y_true": np.full(count, 900),
        "y_pred": np.full(count, 950), "target": np.ones(count, int),
        "outputs": of_targets, "target_scores": of_targets, "cam": np.tile(number[:, None, None], (1, 3, 3)),
        weighted: np.tile(of_targets[:, :, None, None], (1, 1, 3, 3)),
        "occlusion": np.tile(of_targets[:, :, None, None], (1, 1, 4, 4)),
        "cam_flag": np.full(count, ""), "occlusion_flag": np.full(count, ""),
        "scheme": "nominal", "classes": np.array(CLASSES), "side": 20, "patch": 8, "stride": 4, "baseline": "zero",
    }  # fmt: skip
    return {name: value for name, value in (arrays | changes).items() if value is not None}
