"""Every public function of the package is annotated and has a docstring."""

import ast

import pytest

from project import PROJECT

PACKAGE = PROJECT / "workflow/micrograph"
PENDING = ()  # folders that are not all annotated yet
MODULES = [path.relative_to(PACKAGE).as_posix() for path in sorted(PACKAGE.rglob("*.py"))]


def public_functions(body, prefix=""):
    """Yield (name, function) of a module's or class's body, methods of public classes among them."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            if isinstance(node, ast.ClassDef):
                yield from public_functions(node.body, f"{node.name}.")
            else:
                yield prefix + node.name, node


def gaps(function, is_method):
    """What a function lacks: names of arguments without annotation, "return", "docstring"."""
    parameters = function.args
    arguments = [*parameters.posonlyargs, *parameters.args, *parameters.kwonlyargs, parameters.vararg, parameters.kwarg]
    lacking = [one.arg for one in arguments if one is not None and one.annotation is None]
    if is_method and lacking and lacking[0] in ("self", "cls"):
        lacking.pop(0)
    lacking += ["return"] if function.returns is None else []
    return lacking + (["docstring"] if ast.get_docstring(function) is None else [])


@pytest.mark.parametrize("module", [name for name in MODULES if not name.startswith(PENDING)])
def test_public_functions_are_annotated_and_have_a_docstring(module):
    functions = public_functions(ast.parse((PACKAGE / module).read_text(encoding="utf-8")).body)
    assert {name: missing for name, one in functions if (missing := gaps(one, "." in name))} == {}
