"""Which modules a script runs."""

import ast

from micrograph import sources
from project import PROJECT


def test_modules_are_followed_through_one_another_however_they_are_imported(tmp_path, monkeypatch):
    package = tmp_path / "micrograph"
    (package / "stage").mkdir(parents=True)
    for name, text in {
        "a": "from micrograph import (\n    b,\n    errors,\n)\nimport numpy",
        "b": "def f():\n    from micrograph.stage.c import thing",
        "stage/c": "import micrograph.stage.d",
        "stage/d": "from micrograph import a\nfrom micrograph.stage import c",
        "unused": "",
        "errors": "",
    }.items():
        (package / f"{name}.py").write_text(text, encoding="utf-8")
    script = tmp_path / "script.py"
    script.write_text("from micrograph import a, log\n", encoding="utf-8")
    monkeypatch.setattr(sources, "PACKAGE", package)
    assert sources.modules_of(script) == ["a", "b", "stage/c", "stage/d"]


def test_the_script_that_fits_models_reruns_when_the_grids_change_and_not_when_a_figure_does():
    modules = sources.modules_of(PROJECT / "workflow/scripts/fit_models.py")
    assert {"models/fit", "models/estimators", "models/registry", "splits/splitters"} <= set(modules)
    assert not [name for name in modules if name.startswith(("evaluation/", "figures/", "networks/", "scans/"))]


def test_imports_are_those_that_python_itself_finds_in_every_module_and_script():
    files = [*sources.PACKAGE.rglob("*.py"), *(PROJECT / "workflow/scripts").glob("*.py")]
    assert {path: sources._imported(path) for path in files} == {path: parsed(path) for path in files}


def parsed(path):
    """The package's modules that a file imports, by Python's own parser."""
    dotted = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            dotted |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            dotted |= {f"{node.module}", *(f"{node.module}.{alias.name}" for alias in node.names)}
    ours = {name.removeprefix("micrograph.").replace(".", "/") for name in dotted if name.startswith("micrograph.")}
    return {name for name in ours if (sources.PACKAGE / f"{name}.py").is_file()}
