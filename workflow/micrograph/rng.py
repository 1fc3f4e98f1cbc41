"""Random streams, named by literals: renaming code changes no number."""

import hashlib

import numpy as np


def random_stream(seed, *words):
    """The random generator of one job: the study's seed and the words (rule, wildcards) that name the job.

    Different words give independent streams; the same words give the same stream on every machine.
    """
    name = "/".join(str(word) for word in words).encode()
    return np.random.default_rng([int(seed), *hashlib.sha256(name).digest()])
