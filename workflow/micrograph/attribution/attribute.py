"""Explain: class activation maps and occlusion of films, by one network, as the arrays of its file.

A film is explained by the network of the fold that tests it (of_fold), a new scan by the production network (explain).
"""

import numpy as np
import torch

from micrograph.attribution import cam, maps, occlusion, target_score
from micrograph.errors import UserError
from micrograph.networks import heads, replace_head, training, transforms
from micrograph.networks.device import deterministic, resolve_device, resolve_dtype
from micrograph.target import decode

SHOWN = 64  # pictures that pass the network at once for its answers, as when the study's predictions were made


def of_fold(network, facts, images, samples, y_true, classes, settings, device="auto"):
    """What files.write_arrays writes of the films that one fold tests, sorted by name; read again by maps.gather.

    network, facts: of headed.read; images: (m, side, side) uint8, array or tensor; samples, y_true: (m,), in
    the images' order; the rest as in `explain`. Arrays: samples, fold (m,), truth, and those of `explain`.
    """
    samples, truth = np.asarray(samples, dtype=str), np.asarray(y_true)
    if not len(samples) == len(truth) == len(images):
        raise UserError(
            f"explanations of fold {facts['fold']}: {len(samples)} names and {len(truth)} temperatures for "
            f"{len(images)} pictures; give one of each a film."
        )
    order = np.argsort(samples)
    shown = torch.as_tensor(images)[torch.from_numpy(order)]
    arrays = attribute(network, facts, shown, classes, settings, device, what=f"occlusion of fold {facts['fold']}")
    return {
        "samples": samples[order],
        "fold": np.full(len(samples), facts["fold"]),
        "truth": truth[order].astype(int),
        **arrays,
    }


def attribute(network, facts, images, classes, settings, device="auto", what="occlusion"):
    """Explain n > 0 pictures. Returns a dict of arrays, ready for files.write_arrays.

    network, facts: of headed.read (facts: backbone, head, classes, mean, std, pixels, settings); the network is left as
    it was, but for its mode and device. images: (n, side, side) uint8, array or tensor, side = facts["pixels"].
    classes: in Celsius, rising, those of the network. settings: {patch, stride (pixels), baseline (zero, mean),
    precision (of the occlusion: fp32, bf16), memory_mb}. device: auto, cpu (one thread, so that bytes do not depend on
    the number of cores) or cuda.

    outputs (n, o), as the study predicted, in the precision that the network was trained in: a class by bf16 is not
    always that by fp32; evidence (n, t), target, predicted (n,); cam (n, h, w); cam_class (n, t, h, w), or grad_cam
    where the head has more than one layer; occlusion (n, t, rows, cols), float32, the evidence of the picture minus
    that of the picture with the window hidden; cam_flag (of the paper's and of the target's map) and occlusion_flag
    (of the target's), see maps.flag; side, patch, stride, baseline, scheme, classes.
    """
    shown, scheme = _checked(facts, images, classes), heads.scheme_of(facts["head"])
    spot = resolve_device(device)
    network, colour = (
        network.to(spot),
        transforms.to_input(shown.to(spot), range(len(shown)), facts["mean"], facts["std"]),
    )
    with training.explain_out_of_memory(what, "attribution.memory_mb"):
        outputs = _answers(network, facts, colour)
        said = target_score.evidence(scheme, outputs, classes)
        predicted = decode(scheme, outputs, classes)[0]
        target = target_score.targets(scheme, predicted, classes)
        summed, name, weighted = cam.explain(network, facts["backbone"], colour, scheme, classes)
        effects = _effects(network, facts["backbone"], colour, scheme, classes, settings, what)
    rows = np.arange(len(shown))
    return {
        "outputs": outputs, "evidence": said.astype(np.float32), "target": target, "predicted": predicted.astype(int),
        "cam": summed, name: weighted, "occlusion": effects,
        "cam_flag": maps.flags(summed, weighted[rows, target]),
        "occlusion_flag": maps.flags(effects[rows, target]),
        **{key: settings[key] for key in ("patch", "stride", "baseline")},
        "side": shown.shape[-1], "scheme": scheme, "classes": np.asarray(classes),
    }  # fmt: skip


def _checked(facts, images, classes):
    """The pictures as a tensor; UserError where they, or the classes, are not what the network was trained with."""
    shown, side = torch.as_tensor(images), facts["pixels"]
    if shown.ndim != 3 or shown.dtype != torch.uint8 or tuple(shown.shape[1:]) != (side, side):
        kind = f"{tuple(shown.shape)} of {shown.dtype}"
        raise UserError(
            f"explanations: pictures must be (n, {side}, {side}) of 8 bits, not {kind}; shrink them to that."
        )
    if not len(shown):
        raise UserError("explanations: there is no picture to explain; give at least one.")
    if list(classes) != list(facts["classes"]):
        raise UserError(
            f"explanations: the network knows the classes {facts['classes']}, not {list(classes)}; use those."
        )
    return shown


def _answers(network, facts, colour):
    """Raw outputs (n, o) float32, computed as the study's predictions were."""
    kind = resolve_dtype(facts["settings"].get("precision", "fp32"), colour.device)
    return replace_head.forward(network, facts["backbone"], facts["head"], colour.split(SHOWN), kind)


def _effects(network, backbone, colour, scheme, classes, settings, what):
    """What every window takes away from the evidence: (n, t, rows, cols) float32."""
    asked = {key: settings[key] for key in ("patch", "stride", "baseline", "precision", "memory_mb")}
    with deterministic():
        occluded, untouched = occlusion.occlude(network, backbone, colour, threads=1, what=what, **asked)
    plain = target_score.evidence(scheme, untouched, classes)[:, None, None]
    lost = plain - target_score.evidence(scheme, occluded, classes)
    return np.ascontiguousarray(lost.transpose(0, 3, 1, 2), dtype=np.float32)


def tested_samples(copies, splits, fold):
    """The films that `fold` tests, sorted by name: sample, micrograph (path), batch, growth_celsius.

    copies: the table of a policy's pictures (sample, copy, micrograph), of which copy 0 is scored; splits: the table of
    all folds. Raises UserError where the fold tests no film, or one of them has no picture.
    """
    rows = splits.loc[(splits["fold"] == fold) & (splits["split"] == "test"), ["sample", "batch", "growth_celsius"]]
    if rows.empty:
        raise UserError(f"fold {fold} tests no film; ask for a fold below splits.folds.")
    found = copies.loc[copies["augmentation"] == 0, ["sample", "micrograph"]].merge(rows, on="sample", how="right")
    for lost in found.loc[found["micrograph"].isna(), "sample"]:
        raise UserError(
            f"sample {lost} is tested and has no picture of its own (copy 0); make the policy's pictures anew."
        )
    return found.sort_values("sample", ignore_index=True)
