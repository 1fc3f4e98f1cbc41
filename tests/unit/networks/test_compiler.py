"""PyTorch's compiler is not imported by what compiles nothing, and is there for whoever asks for it."""

import os
import subprocess
import sys

from project import PROJECT

CHILD = """
import sys
import torch
from micrograph.networks import backbones
from micrograph.networks.compiler import without_compiler

network = backbones.build("timm:test_efficientnet", n_classes=3)
with without_compiler():
    optimiser = torch.optim.Adam(network.parameters(), fused=True)
    network(torch.ones(2, 3, 32, 32)).sum().backward()
    optimiser.step()
print([name for name in sys.modules if name.startswith("torch._dynamo")])
with without_compiler():
    torch._dynamo.list_backends()
    print(sys.modules["torch._dynamo"].__file__ is not None)
torch._dynamo.utils.is_compile_supported("cpu")
optimiser.step()
"""


def test_building_and_training_a_network_import_no_compiler_which_is_there_when_asked_for():
    path = os.environ | {"PYTHONPATH": str(PROJECT / "workflow")}
    done = subprocess.run([sys.executable, "-c", CHILD], env=path, capture_output=True, text=True, check=False)
    assert (done.stdout.split("\n"), done.returncode) == (["[]", "True", ""], 0), done.stderr
