"""Imports between the folders of the package follow the flow (docs/architecture.md has the same table)."""

import ast

from project import PROJECT

PACKAGE = PROJECT / "workflow" / "micrograph"
FOUNDATION = {"errors", "io", "log", "rng", "target", "project", "__version__"}  # every folder may import these
# Modules that import no torch and no scikit-learn when they are imported.
MAPS = {"attribution/maps", "attribution/target_score"}
ALLOWED = {
    "simulation": set(),
    "splits": set(),
    "scans": set(),
    "topography": {"scans"},
    "models": {"splits"},
    "networks": {"splits", "scans/rendering"},
    "attribution": {"simulation", "scans", "networks"},
    "evaluation": {"splits", "models/registry"},
    "figures": {"splits", "scans", "evaluation", *MAPS},
    "report": {"splits", "scans", "evaluation", "figures", "outputs", *MAPS},
    "prediction": {"splits", "scans", "topography", "networks", "attribution", "evaluation", "figures"},
    "measurement": {"scans", "topography", "figures"},
    "retrieval": {"scans", "networks/backbones", "networks/checkpoints"},
    "provenance": {"scans/height_map", "scans/sample_sheet"},
    "experiments": {"splits", "models/registry"},
    "outputs": {"experiments", "models/registry", "splits/fit_spec"},
    "config": {"config_schema", "yaml_checks", "experiments", "scans", "networks/backbones"},
    "config_schema": {
        "outputs",
        "splits",
        "scans",
        "models/registry",
        "networks/backbones",
        "networks/pretraining",
        *MAPS,
    },
    "config_reference": {"config", "config_schema"},
    "yaml_checks": set(),
    "cli": {"scans", "measurement", "prediction", "provenance"},  # inside the functions
    "__main__": {"cli"},
    "__init__": {"prediction"},  # micrograph.predict, inside the function
    **dict.fromkeys(FOUNDATION, set()),
}


def imported(path):
    """The package's modules that a file imports, as folder/module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "micrograph":
            folder = node.module.split(".")[1:]
            for alias in node.names:
                own = [*folder, alias.name]
                yield "/".join(own if PACKAGE.joinpath(*own).with_suffix(".py").is_file() or not folder else folder)
        elif isinstance(node, ast.Import):
            yield from ("/".join(alias.name.split(".")[1:]) for alias in node.names if "micrograph." in alias.name)


def test_no_import_against_the_flow():
    against = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        module = path.relative_to(PACKAGE).with_suffix("").as_posix()
        folder = module.split("/")[0]
        for name in imported(path):
            own = name.split("/")[0]
            if own not in {folder, *FOUNDATION, *ALLOWED[folder]} and name not in ALLOWED[folder]:
                against.add(f"{module} -> {name}")
    assert against == set()
