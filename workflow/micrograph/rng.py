"""Random streams, named by literals: renaming code changes no number."""

import hashlib

import numpy as np


def random_stream(seed: int, *names: object) -> np.random.Generator:
    """Return the random generator of one job.

    Parameters
    ----------
    seed : int
        Of the study.
    *names : object
        Literal name of the stage, and what distinguishes its jobs; used as text.

    Returns
    -------
    Generator
        The same on every machine for the same arguments, independent for others.
    """
    text = "/".join(str(name) for name in names).encode()
    return np.random.default_rng([int(seed), *hashlib.sha256(text).digest()])
