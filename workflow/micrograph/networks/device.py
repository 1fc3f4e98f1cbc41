"""Chance and repeatability of torch code: its generators seeded from an rng, its sums always in one order."""

import os
from contextlib import contextmanager

import torch

from micrograph.errors import UserError, lookup

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
THREADS = 2  # of the processor, always: with another number the last bits of a sum change, and so the bytes
WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"  # without it cuBLAS may add in another order each time


@contextmanager
def seeded(rng):
    """torch's own generators, of all devices, seeded by one draw from `rng`; put back as they were afterwards."""
    with torch.random.fork_rng(devices=list(range(torch.cuda.device_count()))):
        torch.manual_seed(int(rng.integers(2**63)))
        yield


@contextmanager
def deterministic(threads=1):
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


@contextmanager
def exact():
    """The same sums each time: always THREADS, and cuDNN without its shortcuts (one algorithm, no TF32 in fp32)."""
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            yield
    finally:
        torch.set_num_threads(before)


def device_of(name):
    """The torch device of auto (CUDA where there is one), cpu or cuda; UserError where CUDA is wanted and missing."""
    there = torch.cuda.is_available()
    chosen = lookup(name, {"auto": "cuda" if there else "cpu", "cpu": "cpu", "cuda": "cuda"}, "device")
    if chosen == "cuda" and not there:
        raise UserError("device 'cuda': this machine or this PyTorch has no CUDA; choose auto or cpu.")
    return torch.device(chosen)


def kind_of(precision, device):
    """The torch dtype of a precision; fp32, with a printed line, where the processor cannot multiply in bf16."""
    kind = lookup(precision, PRECISIONS, "precision")
    if kind is torch.bfloat16 and device.type == "cpu" and not has_bf16():
        print("features: this processor has no bf16 arithmetic, so fp32 is computed", flush=True)
        return torch.float32
    return kind


def has_bf16():
    """Whether the processor multiplies bf16 numbers by itself (AVX512-BF16, AMX, or ARM's BF16)."""
    abilities = torch.cpu.get_capabilities()
    return any(abilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16"))
