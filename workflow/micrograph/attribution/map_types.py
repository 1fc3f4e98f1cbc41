"""The kinds of map that are tested, laid over the pictures, and which other films' maps a film's own is held against.

No torch is imported. arrays: what explain.of_fold made of one fold (see maps.Explained for shapes and words).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from micrograph.attribution import maps

ANOTHER = "another_"  # before the name of a kind: the control
OTHERS = 10  # other films that the control is the mean of, at most


@dataclass(frozen=True)
class Kind:
    """One row: the array it is read from, the array of its flags, whether it has a map a target, whether it is spread
    from windows, and what is done to the pixels."""

    array: str
    flag: str
    targets: bool
    windows: bool = False
    pixels: Callable = np.asarray


KINDS = {
    "cam": Kind("cam", "cam_flag", targets=False),
    "cam_class": Kind("cam_class", "cam_flag", targets=True),
    "grad_cam": Kind("grad_cam", "cam_flag", targets=True),
    "occlusion": Kind("occlusion", "occlusion_flag", targets=True, windows=True),
    "occlusion_abs": Kind("occlusion", "occlusion_flag", targets=True, windows=True, pixels=np.abs),
}


def there(arrays):
    """The kinds of which the arrays hold maps, in the order of KINDS."""
    return [name for name, kind in KINDS.items() if kind.array in arrays]


def raw(arrays, name, rows):
    """The values of a kind, as computed, of some films (rows, (k,) ints), each for its own target: (k, h, w)."""
    kind = KINDS[name]
    return arrays[kind.array][rows, arrays["target"][rows]] if kind.targets else arrays[kind.array][rows]


def laid(arrays, name, rows):
    """The maps of some films, each for its own target, over the picture: (k, side, side) float32, raw, of both signs.

    CAMs are enlarged (bilinear, maps.enlarge), effects of windows are spread (the mean over a pixel's windows).
    """
    kind, side = KINDS[name], int(arrays["side"])
    values = raw(arrays, name, rows)
    if kind.windows:
        values = maps.spread(values, side, int(arrays["patch"]), int(arrays["stride"]))
    else:
        values = maps.enlarge(values, side)
    return kind.pixels(np.float32(values))


def usable(arrays, name):
    """Which films have a map of this kind without a flag: (m,) bool."""
    return arrays[KINDS[name].flag] == ""


def others(batches, targets, good, rng, most=OTHERS):
    """For every film, the rows of up to `most` other films with good maps, in an order by chance.

    Films of other batches, since films of one batch are alike: with one of them as control, a map that shows what a
    batch has in common would look as if it showed nothing. And films with the same target, since maps of the class that
    a network chose are not like those of a class that it did not. Where there is none of both kinds a film of another
    batch will do, and where all are of one batch any other. batches, targets: (m,); good: (m,) bool. Returns a list of
    (k,) int arrays; k is 0 where there is no other good film.
    """
    batches, targets, good = np.asarray(batches), np.asarray(targets), np.asarray(good)
    found = []
    for i in range(len(batches)):
        rest = good & (np.arange(len(batches)) != i)
        far = rest & (batches != batches[i])
        choice = next((some for some in (far & (targets == targets[i]), far) if some.any()), rest)
        found.append(rng.permutation(np.flatnonzero(choice))[:most])
    return found
