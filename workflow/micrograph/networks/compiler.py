"""torch without its compiler, whose import takes as long as that of torch, in jobs that compile nothing."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

COMPILER = "torch._dynamo"


@contextmanager
def without_compiler() -> Iterator[None]:
    """Give a stand-in to torchvision and torch's optimisers, which import the compiler to say where it has to stop.

    Whatever else is asked of it is answered by the compiler itself, which is then imported. If it is imported already,
    nothing is done.
    """
    if COMPILER in sys.modules:
        yield
        return
    stand_ins: dict[str, Any] = {name: ModuleType(name) for name in (COMPILER, f"{COMPILER}.utils")}
    compiler, utils = stand_ins.values()
    compiler.disable = lambda function, *_, **__: function
    compiler.graph_break = lambda: None
    utils.is_compile_supported = lambda _: False

    def remove() -> None:
        for name, module in stand_ins.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]

    def real(module: str, attribute: str) -> Any:
        if attribute.startswith("__"):  # `inspect` looks through all modules for their files
            raise AttributeError(attribute)
        remove()
        return getattr(importlib.import_module(module), attribute)

    for name, module in stand_ins.items():
        module.__getattr__ = lambda attribute, name=name: real(name, attribute)
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        remove()
