"""The final model as one ONNX file: the same predictions by onnxruntime, without PyTorch.

The graph takes images and micrographs as the networks do. Its outputs are the network's outputs, its class activation
maps and the texture of micrographs; occlusion is computed here, by batches of images with a window hidden. All is fp32,
as `storage.FinalModel.attribute` is. Unlike the safetensors file, the graph has no checksum.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from micrograph import log
from micrograph.attribution import maps
from micrograph.attribution.arrays import Computed
from micrograph.errors import UserError
from micrograph.io import atomic_write
from micrograph.prediction import novelty
from micrograph.target import Target

if TYPE_CHECKING:
    import torch

    from micrograph.prediction.storage import FinalModel

VERSION = "1"  # of the file's layout
OPSET = 18
BATCH_SIZE = 32  # images that pass the network at once
OUTPUTS = ("outputs", "maps", "texture")
COMMAND = "snakemake --cores 8 onnx"


@dataclass(frozen=True, eq=False)
class OnnxModel:
    """The final model in onnxruntime; `facts`, `embeddings` and `images` as of `storage.FinalModel`.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
    facts : dict
    embeddings : ndarray of float32, shape (n, k)
    images : ndarray of uint8, shape (n, side, side)
    """

    session: Any
    facts: dict[str, Any]
    embeddings: NDArray[np.float32]
    images: NDArray[np.uint8]

    def attribute(self, images: NDArray[np.uint8], device: str = "auto") -> dict[str, NDArray[Any]]:
        """Compute outputs and maps of images, as `attribute.attribute`; `device` is always the processor."""
        settings = maps.AttributionSettings(**self.facts["attribution"])
        inputs = self._normalise(images)
        outputs = self._outputs(inputs)
        made = maps.interleave(lambda shown: self._batches("maps", image=shown), inputs, settings.cam_values)
        occluded = self._occlude(inputs, settings)
        cam, weighted = np.ascontiguousarray(made[:, 0]), np.ascontiguousarray(made[:, 1:])
        computed = Computed(outputs, cam, "cam_class", weighted, occluded, outputs, images.shape[-1])
        return computed.arrays(self.facts["head"], Target.from_config(self.facts["target"]), settings)

    def embed(self, micrographs: Iterable[NDArray[np.uint8]], device: str = "auto") -> NDArray[np.float32]:
        """Compute the textures of micrographs, as `novelty.embed`."""
        rest, results = iter(micrographs), []
        while batch := list(islice(rest, BATCH_SIZE)):
            results.append(self._batches("texture", micrograph=self._normalise(np.stack(batch))))
        return np.concatenate(results)

    def _normalise(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Repeat grey values three times and normalise them, as `transforms.normalise`."""
        mean, std = (np.asarray(self.facts[name], float) for name in ("mean", "std"))
        scale, shift = (np.float32(part).reshape(3, 1, 1) for part in (1 / (255 * std), -mean / std))
        return images[:, None].astype(np.float32) * scale + shift

    def _outputs(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._batches("outputs", image=inputs)

    def _batches(self, output: str, **inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute one output of the graph; the input that it does not depend on is one empty image."""
        ((name, images),) = inputs.items()
        sides = {one.name: one.shape[-1] for one in self.session.get_inputs()}
        other = {one: np.zeros((1, 3, side, side), np.float32) for one, side in sides.items() if one != name}
        starts = range(0, len(images), BATCH_SIZE)
        return np.concatenate(
            [self.session.run([output], {name: images[start : start + BATCH_SIZE], **other})[0] for start in starts]
        )

    def _occlude(self, inputs: NDArray[np.float32], settings: maps.AttributionSettings) -> NDArray[np.float32]:
        """Compute the outputs (n, n_windows, n_windows, n_outputs) with every window hidden."""
        masks = maps.window_masks(inputs.shape[-1], settings.patch, settings.stride)
        flat, fills = (
            masks.reshape(-1, 1, *masks.shape[2:]),
            maps.BASELINES[settings.baseline].value(inputs.mean((2, 3))),
        )
        occluded = []
        for image, fill in log.progress(list(zip(inputs, fills, strict=True)), "occlusion"):
            parts = np.array_split(flat, -(-len(flat) // BATCH_SIZE))
            hidden = [self._outputs(np.where(part, fill[:, None, None], image)) for part in parts]
            occluded.append(np.concatenate(hidden).reshape(*masks.shape[:2], -1))
        return np.stack(occluded)


def read(path: str | Path) -> OnnxModel:
    """Read a file of `write`.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    OnnxModel

    Raises
    ------
    UserError
        If the file is missing, damaged, not a final model, or of another version.
    """
    import onnxruntime

    if not Path(path).is_file():
        raise UserError(f"{path}: no such final model; correct the path, or write it: {COMMAND}")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        stored = session.get_modelmeta().custom_metadata_map
        if stored.get("final_model") != VERSION:
            raise UserError(f"{path}: not a final model of this version; write it again: {COMMAND}")
        with np.load(io.BytesIO(base64.b64decode(stored["arrays"])), allow_pickle=False) as arrays:
            return OnnxModel(session, json.loads(stored["facts"]), arrays["embeddings"], arrays["images"])
    except UserError:
        raise
    except Exception:  # onnxruntime has an exception of its own for each kind of damage
        raise UserError(
            f"{path}: cannot be read as a final model (truncated, empty or something else); copy it again, or write it "
            f"again: {COMMAND}"
        ) from None


def write(path: str | Path, model: FinalModel) -> None:
    """Write the model; the same model gives the same bytes.

    Parameters
    ----------
    path : str or Path
    model : FinalModel
        As `storage.read` returns it: layers that training replaces cannot be exported. Its head must be linear in the
        pooled maps, as those of nominal and nnrank are.

    Raises
    ------
    UserError
        If the head has more layers: Grad-CAM needs gradients, which onnxruntime does not have.
    """
    import torch

    from micrograph.scans.conversion import Preprocessing

    sides = model.facts["pixels"], Preprocessing(**model.facts["preprocessing"]).pixels
    examples = tuple(torch.zeros(2, 3, side, side) for side in sides)
    n, m = torch.export.Dim("n"), torch.export.Dim("m")
    program = torch.onnx.export(
        _graph(model, examples[0]), examples, dynamo=True, opset_version=OPSET, verbose=False,
        input_names=["image", "micrograph"], output_names=list(OUTPUTS), dynamic_shapes=({0: n}, {0: m}),
    )  # fmt: skip
    assert program is not None
    packed = io.BytesIO()
    np.savez_compressed(packed, embeddings=model.embeddings, images=model.images)
    arrays = base64.b64encode(packed.getvalue()).decode()
    graph = program.model
    part: Any  # the four kinds have no common type with metadata_props
    for part in (graph.graph, *graph.graph.all_nodes(), *graph.graph.inputs, *graph.graph.outputs):
        part.metadata_props.clear()  # the exporter's, with paths of this machine
    graph.metadata_props.clear()
    graph.metadata_props.update(final_model=VERSION, facts=json.dumps(model.facts, sort_keys=True), arrays=arrays)
    with atomic_write(path) as partial:
        program.save(str(partial))


def _graph(model: FinalModel, example: torch.Tensor) -> torch.nn.Module:
    """Return a module from (images, micrographs) to OUTPUTS; UserError where the head is not linear."""
    import torch

    from micrograph.attribution import cam
    from micrograph.networks import backbones

    name = model.facts["backbone"]
    row = backbones.get(name)
    linear = cam.linear_weights(cam.activate(model.network, name, example))
    if linear is None:
        raise UserError(f"the head {model.facts['head']} is not linear; predict with model.safetensors.")
    weights = linear.detach().clone()

    class Graph(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network, self.backbone = model.network.eval(), model.backbone.eval()

        def forward(self, image: torch.Tensor, micrograph: torch.Tensor) -> tuple[torch.Tensor, ...]:
            seen: dict[str, torch.Tensor] = {}
            pool = self.network.get_submodule(row.blocks["pool"])
            block = self.backbone.get_submodule(row.blocks[novelty.BLOCK])
            with (
                pool.register_forward_pre_hook(lambda module, args: seen.update(maps=args[0])),
                block.register_forward_hook(lambda module, args, output: seen.update(texture=output)),
            ):
                outputs = self.network(image)
                self.backbone(micrograph)  # what lies behind the block is left out of the file
            shown = torch.cat([seen["maps"].sum(1, keepdim=True), cam.cam(seen["maps"], weights)], 1)
            moments = [seen["texture"].mean((2, 3)), seen["texture"].std((2, 3), correction=0)]
            return outputs, shown, torch.cat(moments, 1)

    return Graph().eval()
