"""Chance and repeatability of torch code: its generators seeded from an rng, its sums always in one order."""

import os
from contextlib import contextmanager

import torch

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"  # without it cuBLAS may add in another order each time


@contextmanager
def seeded(rng):
    """torch's own generators, of all devices, seeded by one draw from `rng`; put back as they were afterwards."""
    with torch.random.fork_rng(devices=list(range(torch.cuda.device_count()))):
        torch.manual_seed(int(rng.integers(2**63)))
        yield


@contextmanager
def repeatable(threads=1):
    """The same sums each time: a fixed number of processor threads; on CUDA deterministic algorithms and no TF32.

    Where CUDA has no deterministic algorithm for an operation, PyTorch prints a warning. All is put back afterwards.
    """
    before = torch.get_num_threads(), torch.get_deterministic_debug_mode(), os.environ.get(WORKSPACE)
    torch.set_num_threads(threads)
    # torch.use_deterministic_algorithms does the same, but imports PyTorch's compiler, which takes a second or two.
    torch.set_deterministic_debug_mode("warn" if torch.cuda.is_available() else "default")
    os.environ[WORKSPACE] = before[2] or ":4096:8"
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            yield
    finally:
        torch.set_num_threads(before[0])
        torch.set_deterministic_debug_mode(before[1])
        if before[2] is None:
            del os.environ[WORKSPACE]
