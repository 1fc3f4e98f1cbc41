"""Devices, precision, and the repeatability of PyTorch's computations."""

import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import torch

from micrograph.errors import UserError, lookup
from micrograph.log import notice

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
DEVICES = ("auto", "cpu", "cuda", "mps")
ASSIGNED = ("SLURM_JOB_GPUS", "SLURM_STEP_GPUS", "CUDA_VISIBLE_DEVICES")
NO_GPU = ("", "-1", "NoDevFiles", "none")  # values of these variables that assign none
DRIVER_FILE = "/proc/driver/nvidia/version"
DRIVER = re.compile(r"Kernel Module\D*([\d.]+)")
LEAST_DRIVER = {"13": "580", "12": "525"}  # of NVIDIA on Linux, by the major version of CUDA
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
    name : {"auto", "cpu", "cuda", "mps"}
        auto is CUDA where it is available, otherwise the processor, which is logged; mps is an Apple GPU.

    Returns
    -------
    device

    Raises
    ------
    UserError
        If the name is unknown, or CUDA does not work where it is requested or a scheduler assigned a GPU (ASSIGNED): a
        job that was given a GPU must not compute on the processor for hours. Or if mps is requested and not there.
    """
    lookup(name, dict.fromkeys(DEVICES), "device")
    if name == "mps" and not torch.backends.mps.is_available():
        raise UserError("device 'mps': this machine or this PyTorch has no Apple GPU; choose auto or cpu.")
    if name in ("auto", "cuda"):
        works, assigned = torch.cuda.is_available(), _assigned_gpus()
        if not works and (name == "cuda" or assigned):
            given = "device 'cuda' is requested" if name == "cuda" else f"a GPU was assigned ({assigned})"
            raise UserError(
                f"{given}, but {_why_no_cuda()}; install a driver or another build of PyTorch (docs/cluster.md), or "
                "set networks.device: cpu."
            )
        name = "cuda" if works else "cpu"
        if not works:
            _log_processor()
    return torch.device(name)


def _assigned_gpus() -> str:
    """Return the variable by which a scheduler, or the user, assigned GPUs to this process; empty without."""
    found = ((name, os.environ.get(name, "").strip()) for name in ASSIGNED)
    return next((f"{name}={value}" for name, value in found if value not in NO_GPU), "")


def _why_no_cuda() -> str:
    """Say why CUDA does not work: the build, the driver, or what CUDA itself reports."""
    build, driver = torch.version.cuda, DRIVER.search(_text(DRIVER_FILE))
    if build is None:
        return f"PyTorch {torch.__version__} is a build without CUDA"
    needed = LEAST_DRIVER.get(build.partition(".")[0], "that its release notes name")
    wanted = f"PyTorch {torch.__version__} needs CUDA {build} (NVIDIA driver {needed} or newer)"
    if driver is None:
        return f"{wanted} and there is none"
    return f"{wanted} and does not work with the driver {driver[1]} or with the GPU here"


@cache
def _log_processor() -> None:
    """Write into the log, once, that the processor computes, and why where there is an NVIDIA driver."""
    model = re.search(r"(?m)^model name\s*: (.*)$", _text("/proc/cpuinfo"))
    why = _why_no_cuda() if _text(DRIVER_FILE) else "no GPU"
    notice(f"{why}; computing on the processor ({model[1] if model else platform.machine()})")


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


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
        notice("this processor has no bf16 arithmetic; computing in fp32")
        return torch.float32
    return dtype


def _has_native_bf16() -> bool:
    """Return whether the processor multiplies bf16 numbers itself (AVX512-BF16, AMX, or ARM's BF16)."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16"))
