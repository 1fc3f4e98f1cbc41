"""The arrays of attribution maps, from what a network computed. No torch is imported."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from micrograph.attribution import maps, target_score
from micrograph.target import Target, decode


@dataclass(frozen=True)
class Computed:
    """What a network computed of n images.

    Parameters
    ----------
    outputs : ndarray of shape (n, n_outputs)
        In the precision that the network was trained in.
    cam : ndarray of shape (n, h, w)
        Sum over channels.
    weighted_name : {"cam_class", "grad_cam"}
    weighted : ndarray of shape (n, n_targets, h, w)
    occluded : ndarray of shape (n, n_windows, n_windows, n_outputs)
        Outputs with every window hidden.
    original : ndarray of shape (n, n_outputs)
        Outputs that `occluded` is compared with.
    side : int
        Pixels of the images.
    """

    outputs: NDArray[np.float32]
    cam: NDArray[np.float32]
    weighted_name: str
    weighted: NDArray[np.float32]
    occluded: NDArray[np.float32]
    original: NDArray[np.float32]
    side: int

    def arrays(self, scheme: str, growth: Target, settings: maps.AttributionSettings) -> dict[str, NDArray[Any]]:
        """Return the arrays of `maps.Attributions` but for ``samples``, ``fold`` and ``y_true``."""
        classes = growth.classes
        predicted = decode(scheme, self.outputs, growth)[0]
        target = target_score.predicted_target(scheme, predicted, classes)
        scores = target_score.target_scores(scheme, self.original, classes)[:, None, None]
        decrease = scores - target_score.target_scores(scheme, self.occluded, classes)
        effects = np.ascontiguousarray(decrease.transpose(0, 3, 1, 2), dtype=np.float32)
        rows = np.arange(len(self.outputs))
        return {
            "outputs": self.outputs,
            "target_scores": target_score.target_scores(scheme, self.outputs, classes).astype(np.float32),
            "target": target, "y_pred": predicted.astype(np.asarray(classes).dtype),
            "cam": self.cam, self.weighted_name: self.weighted, "occlusion": effects,
            "cam_flag": maps.worst_flags(self.cam, self.weighted[rows, target]),
            "occlusion_flag": maps.worst_flags(effects[rows, target]),
            "patch": np.asarray(settings.patch), "stride": np.asarray(settings.stride),
            "baseline": np.asarray(settings.baseline), "side": np.asarray(self.side), "scheme": np.asarray(scheme),
            "classes": np.asarray(classes),
        }  # fmt: skip
