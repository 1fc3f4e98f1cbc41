"""What stands where a picture is hidden, and its words. No torch is imported.

A row: the value of the baseline, made of the picture's means per channel as the network takes it (a tensor or an
array), of the same shape; and the words for readers.
"""

from collections.abc import Callable
from typing import NamedTuple


class Baseline(NamedTuple):
    """One row of BASELINES."""

    of: Callable
    words: str


BASELINES = {
    "zero": Baseline(lambda mean: 0 * mean, "the grey that the network takes for zero"),
    "mean": Baseline(lambda mean: mean, "the picture's own mean grey"),
}
