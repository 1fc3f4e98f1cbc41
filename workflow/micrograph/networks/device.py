"""Devices, precision, and the repeatability of PyTorch's computations."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from micrograph.errors import UserError, lookup

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"  # unset, cuBLAS adds in an order of its own each time


@contextmanager
def seeded(rng: np.random.Generator) -> Iterator[None]:
    """Seed PyTorch's generators of all devices in the block, and restore their states afterwards.

    Parameters
    ----------
    rng : Generator
        One draw from it is the seed.
    """
    with torch.random.fork_rng(devices=list(range(torch.cuda.device_count()))):
        torch.manual_seed(int(rng.integers(2**63)))
        yield


@contextmanager
def deterministic(threads: int = 1) -> Iterator[None]:
    """Compute the same sums each time in the block, and restore PyTorch's settings afterwards.

    Parameters
    ----------
    threads : int, default 1
        Threads of the processor: with another number the last bits of a sum change, and so the bytes.

    Notes
    -----
    On CUDA, algorithms are deterministic and cuDNN computes without TF32. Where CUDA has no deterministic algorithm for
    an operation, PyTorch warns.
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


def resolve_device(name: str) -> torch.device:
    """Return the device of a name.

    Parameters
    ----------
    name : {"auto", "cpu", "cuda"}
        auto is CUDA where it is available.

    Returns
    -------
    device

    Raises
    ------
    UserError
        If the name is unknown, or CUDA is requested and not available.
    """
    available = torch.cuda.is_available()
    chosen = lookup(name, {"auto": "cuda" if available else "cpu", "cpu": "cpu", "cuda": "cuda"}, "device")
    if chosen == "cuda" and not available:
        raise UserError("device 'cuda': this machine or this PyTorch has no CUDA; choose auto or cpu.")
    return torch.device(chosen)


def resolve_dtype(precision: str, device: torch.device) -> torch.dtype:
    """Return the dtype of a precision.

    Parameters
    ----------
    precision : {"fp32", "bf16"}
        bf16 becomes fp32, with a line in the log, on a processor without bf16 arithmetic.
    device : device
        Device to compute on.

    Returns
    -------
    dtype

    Raises
    ------
    UserError
        If the precision is unknown.
    """
    dtype = lookup(precision, PRECISIONS, "precision")
    if dtype is torch.bfloat16 and device.type == "cpu" and not _has_native_bf16():
        print("this processor has no bf16 arithmetic; computing in fp32", flush=True)
        return torch.float32
    return dtype


def _has_native_bf16() -> bool:
    """Return whether the processor multiplies bf16 numbers itself (AVX512-BF16, AMX, or ARM's BF16)."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16"))
