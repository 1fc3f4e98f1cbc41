"""Devices: what is asked for is used, or the job fails with a sentence."""

import pytest
import torch

from micrograph.errors import UserError
from micrograph.networks import device

VERSION = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  {}  Wed Oct 26 09:12:38 UTC 2022\nGCC version:  gcc 12\n"
without_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a working GPU")


@pytest.fixture(autouse=True)
def unassigned(monkeypatch):
    """No scheduler assigned a GPU."""
    for name in device.ASSIGNED:
        monkeypatch.delenv(name, raising=False)
    device._log_processor.cache_clear()


@without_gpu
def test_auto_without_a_gpu_is_the_processor_which_the_log_names_once(caplog):
    caplog.set_level("INFO", "micrograph")
    assert device.resolve_device("auto") == device.resolve_device("auto") == torch.device("cpu")
    assert caplog.text.count("computing on the processor (") == 1


@without_gpu
@pytest.mark.parametrize("variable", ["SLURM_JOB_GPUS", "CUDA_VISIBLE_DEVICES"])
def test_an_assigned_gpu_that_does_not_work_is_an_error_but_for_cpu(variable, monkeypatch):
    monkeypatch.setenv(variable, "2")
    with pytest.raises(UserError, match=f"assigned \\({variable}=2\\).*networks.device: cpu"):
        device.resolve_device("auto")
    assert device.resolve_device("cpu") == torch.device("cpu")


@without_gpu
@pytest.mark.parametrize("value", ["", "-1", "NoDevFiles"])
def test_variables_that_hide_all_gpus_assign_none(value, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert device.resolve_device("auto") == torch.device("cpu")


@without_gpu
@pytest.mark.parametrize(
    ("build", "driver", "parts"),
    [
        ("13.0", "535.129.03", ["needs CUDA 13.0", "580 or newer", "driver 535.129.03"]),
        ("12.6", None, ["needs CUDA 12.6", "525 or newer", "and there is none"]),
        (None, None, ["a build without CUDA"]),
    ],
)
def test_the_error_names_the_build_the_driver_and_the_driver_that_is_needed(
    build, driver, parts, monkeypatch, tmp_path
):
    monkeypatch.setattr(torch.version, "cuda", build)
    monkeypatch.setattr(device, "DRIVER_FILE", str(tmp_path / "version"))
    if driver:
        (tmp_path / "version").write_text(VERSION.format(driver), encoding="utf-8")
    with pytest.raises(UserError) as raised:
        device.resolve_device("cuda")
    assert all(part in str(raised.value) for part in parts) and len(str(raised.value).splitlines()) == 1


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="an Apple machine")
def test_mps_elsewhere_and_unknown_names_are_errors():
    for name in ("mps", "tpu"):
        with pytest.raises(UserError, match=f"device '{name}'"):
            device.resolve_device(name)
