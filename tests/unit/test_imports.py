"""A job imports only what it computes with: each script's own imports, in fresh processes, against one small table."""

import ast
import json
import os
import subprocess
import sys

import pytest

from project import PROJECT

SCRIPTS = PROJECT / "workflow/scripts"
WATCHED = ["docutils", "jinja2", "joblib", "matplotlib", "PIL", "pydantic", "requests", "scipy", "skimage", "skops"]
WATCHED += ["sklearn", "snakemake", "statsmodels", "timm", "torch", "torchvision"]

# What a script may import as it starts, beyond numpy and pandas: what it computes with in every case. What it needs in
# some cases alone (scikit-learn's models, scipy's statistics) is imported where it is used. Scripts not named: nothing.
NETWORKS = {"torch"}
DRAWING = {"matplotlib", "PIL"}  # matplotlib brings PIL
MAY = {
    "fit_models": {"sklearn", "scipy", "joblib"},
    "permute_labels": {"sklearn", "scipy", "joblib"},
    "predict_growth_variables": {"sklearn", "scipy", "joblib"},
    "fit_mlp": NETWORKS,
    "extract_features": NETWORKS,
    "pretrain": NETWORKS,
    "pretrain_supervised": NETWORKS,
    "train_networks": NETWORKS,
    "train_final_model": NETWORKS,
    "compute_attributions": NETWORKS,
    "evaluate_attributions": NETWORKS,
    "predict": NETWORKS | {"jinja2"},
    "export_onnx": NETWORKS,
    "report": {"jinja2", "docutils"},
    "retrieve_list": {"requests"},
    "retrieve_weights": {"requests"},
    "retrieve_zenodo": {"requests"},
}
MAY["draw_attribution"] = DRAWING

# Imports one script after another, and says of each what it was the first to bring.
CHILD = """
import json, sys
import numpy, pandas
before = set(sys.modules)
for name, imports in json.loads(sys.stdin.read()):
    exec(compile(imports, name, "exec"), {})
    new, before = set(sys.modules) - before, set(sys.modules)
    print(name, *sorted({module.partition(".")[0] for module in new}))
"""


def imports_of(script):
    """The import statements of a script."""
    body = ast.parse((SCRIPTS / f"{script}.py").read_text(encoding="utf-8")).body
    return "\n".join(ast.unparse(node) for node in body if isinstance(node, ast.Import | ast.ImportFrom))


def alike():
    """The scripts by what they may import: {packages: [script, ...]}."""
    groups = {}
    for path in sorted(SCRIPTS.glob("*.py")):
        groups.setdefault(frozenset(MAY.get(path.stem, ())), []).append(path.stem)
    return groups


@pytest.mark.parametrize("may", alike(), ids=lambda may: "-".join(sorted(may)) or "nothing")
def test_a_script_imports_nothing_heavy_that_it_does_not_compute_with(may):
    found = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=json.dumps([(script, imports_of(script)) for script in alike()[may]]),
        env=os.environ | {"PYTHONPATH": str(PROJECT / "workflow")}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    brought = [line.split() for line in found.stdout.splitlines()]
    assert len(brought) == len(alike()[may])
    assert {name: heavy for name, *new in brought if (heavy := set(new) & set(WATCHED) - may)} == {}


def test_the_table_names_scripts_that_there_are():
    assert {name for name in MAY if not (SCRIPTS / f"{name}.py").is_file()} == set()
