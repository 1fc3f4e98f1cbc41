"""The project's folder, and the real workflow run in a folder of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

PROJECT = Path(__file__).resolve().parents[1]
# The command of this checkout, whatever is installed.
START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from micrograph.cli import main; sys.exit(main())"
MICROGRAPH = [sys.executable, "-c", START, str(PROJECT / "workflow")]
SMOKE = PROJECT / "tests" / "smoke" / "config.yaml"


class Study:
    """A folder in which the workflow is run, with its own config.yaml."""

    def __init__(self, folder, settings=None):
        """Write the settings (a dict, or text) as the folder's config.yaml; without them the folder has its own."""
        self.folder = folder
        if settings is None:
            return
        text = settings if isinstance(settings, str) else yaml.safe_dump(settings, sort_keys=False)
        (folder / "config.yaml").write_text(text, encoding="utf-8")

    def run(self, *arguments, cores=2, succeeds=True):
        """Everything that snakemake prints; fails the test where its success is not as expected."""
        command = [
            sys.executable,
            "-m",
            "snakemake",
            "--cores",
            str(cores),
            "--directory",
            str(self.folder),
            "--scheduler",
            "greedy",
            *arguments,
        ]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "MKL_"))}
        done = subprocess.run(
            command,
            cwd=PROJECT,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=2700,
        )
        assert (done.returncode == 0) == succeeds, done.stdout
        return done.stdout

    def results(self, killed=False):
        """Relative path -> bytes of every result; the record of the runs, which holds their times, is none.

        killed: leave out all fine-tuned networks. Those that nothing reads any more are removed as a run goes on, and a
        run that is killed at that moment leaves them.
        """
        root = self.folder / "results"
        paths = [path for path in sorted(root.rglob("*")) if path.is_file() and path.name != "ro-crate-metadata.json"]
        found = {str(path.relative_to(root)): path.read_bytes() for path in paths}
        return {name: found[name] for name in found if not (killed and re.match(r"networks/.*/folds[\d-]+/", name))}
