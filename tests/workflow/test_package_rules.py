"""What holds for every module: no Snakemake, nothing unpickled, no path of one machine."""

import ast

import pytest

from project import PROJECT

MODULES = sorted((PROJECT / "workflow" / "micrograph").rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_the_package_never_imports_snakemake_and_never_unpickles(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    imported |= {node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    # The command looks whether Snakemake is installed, before it becomes Snakemake; finetune starts processes and reads
    # nothing; safe_pickle is the restricted unpickler.
    allowed = {"cli": {"snakemake"}, "finetune": {"joblib"}, "safe_pickle": {"pickle"}}.get(path.stem, set())
    assert not imported & ({"snakemake", "pickle", "joblib", "cloudpickle", "dill"} - allowed)
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert not called & {"pickle.load", "pickle.loads", "joblib.load", "load", "loads"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
            assert "weights_only=True" in ast.unparse(node)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "np.load":
            assert "allow_pickle=False" in ast.unparse(node)


def test_nothing_names_a_path_of_one_machine_or_a_registry():
    # The forbidden words are put together here, so that this file does not hold them itself.
    words = ["/" + "work/", "/" + "tmp/", "/." + "library", "pypi" + ".org", "python" + "hosted", "npm" + "js"]
    for path in [
        p
        for p in PROJECT.rglob("*")
        if p.suffix in {".py", ".smk", ".yaml", ".md", ".in", ".lock", ".rst", ".j2", ".js", ".css", ".sh"}
    ]:
        if path.relative_to(PROJECT).parts[0] in {".venv", ".audit", ".snakemake", "results", "resources", "logs"}:
            continue
        text = path.read_text(encoding="utf-8")
        assert not [word for word in words if word in text], path
