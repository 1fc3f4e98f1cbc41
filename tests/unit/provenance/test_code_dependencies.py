"""Which modules are inputs of the rule that runs a script."""

import ast
import re

import pytest

from micrograph.provenance import code_dependencies
from micrograph.provenance.code_dependencies import INDIFFERENT, PACKAGE, code_files
from project import PROJECT

SCRIPTS = sorted((PROJECT / "workflow/scripts").glob("*.py"))


def test_modules_are_followed_through_one_another_however_they_are_imported(tmp_path, monkeypatch):
    package = tmp_path / "micrograph"
    (package / "stage").mkdir(parents=True)
    for name, text in {
        "a": "from micrograph import (\n    b,\n    indifferent,\n)\nimport numpy",
        "b": "def f():\n    from micrograph.stage.c import thing",
        "stage/c": "import micrograph.stage.d",
        "stage/d": "from micrograph import a\nfrom micrograph.stage import c",
        "unused": "",
        "indifferent": "",
    }.items():
        (package / f"{name}.py").write_text(text, encoding="utf-8")
    script = tmp_path / "script.py"
    script.write_text("from micrograph import a\n", encoding="utf-8")
    monkeypatch.setattr(code_dependencies, "PACKAGE", package)
    monkeypatch.setattr(code_dependencies, "INDIFFERENT", {"indifferent"})
    assert code_files(script) == ["a.py", "b.py", "stage/c.py", "stage/d.py"]


def test_the_script_that_fits_models_reruns_when_the_grids_change_and_not_when_a_figure_does():
    files = code_files(PROJECT / "workflow/scripts/fit_models.py")
    assert {"models/fit.py", "models/estimators.py", "models/registry.py", "splits/splitters.py"} <= set(files)
    assert not [name for name in files if name.startswith(("evaluation/", "figures/", "networks/", "scans/"))]


@pytest.mark.parametrize("name", sorted(INDIFFERENT))
def test_a_module_that_is_left_out_can_change_no_number(name):
    text = (PACKAGE / f"{name}.py").read_text(encoding="utf-8")
    assert not re.search(r"\b(numpy|scipy|torch|sklearn)\b|\bimport random\b", text)


def test_whatever_draws_random_numbers_is_an_input_of_every_rule_that_imports_it():
    drawing = [path for path in PACKAGE.rglob("*.py") if "default_rng" in path.read_text(encoding="utf-8")]
    names = {path.relative_to(PACKAGE).as_posix() for path in drawing}
    assert "rng.py" in names
    for script in SCRIPTS:
        if "import rng" in (text := script.read_text(encoding="utf-8")) or "micrograph.rng" in text:
            assert "rng.py" in code_files(script), script
    assert not names & {f"{name}.py" for name in INDIFFERENT}


def test_imports_are_those_that_python_itself_finds_in_every_module_and_script():
    files = [*PACKAGE.rglob("*.py"), *SCRIPTS]
    assert {path: code_dependencies._imported(path) for path in files} == {path: parsed(path) for path in files}


def parsed(path):
    """The package's modules that a file imports, by Python's own parser."""
    dotted = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            dotted |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            dotted |= {f"{node.module}", *(f"{node.module}.{alias.name}" for alias in node.names)}
    ours = {name.removeprefix("micrograph.").replace(".", "/") for name in dotted if name.startswith("micrograph.")}
    return {name for name in ours if (PACKAGE / f"{name}.py").is_file()}
