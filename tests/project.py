"""The project's folder, and the real workflow run in a folder of its own."""

import json
import os
import re
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import yaml

PROJECT = Path(__file__).resolve().parents[1]
# The command of this checkout, whatever is installed.
START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from micrograph.cli import main; sys.exit(main())"
MICROGRAPH = [sys.executable, "-c", START, str(PROJECT / "workflow")]
SMOKE = PROJECT / "tests" / "smoke" / "config.yaml"


@cache
def starter():
    """The process that starts runs, one for each process of pytest."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT / "workflow")}
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, PROJECT / "tests" / "forks.py"], env=environment, **streams)


def plain_environment():
    """The environment without the numbers of threads that `make test` sets."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "MKL_"))}


class Study:
    """A folder in which the workflow is run, with its own config.yaml."""

    def __init__(self, folder, settings=None):
        """Write the settings (a dict, or text) as the folder's config.yaml; without them the folder has its own."""
        self.folder = folder
        if settings is None:
            return
        text = settings if isinstance(settings, str) else yaml.safe_dump(settings, sort_keys=False)
        (folder / "config.yaml").write_text(text, encoding="utf-8")

    def run(self, *arguments, cores=2, succeeds=True, forked=True):
        """Everything that snakemake prints; fails the test where its success is not as expected.

        forked: start the run and its jobs as forks of a process that has their imports (`forks`), else as users do.
        """
        options = ["--cores", str(cores), "--directory", str(self.folder), "--scheduler", "greedy"]
        options += map(str, arguments)
        with tempfile.NamedTemporaryFile() as printed:
            if forked:
                print(json.dumps([options, plain_environment(), printed.name]), file=starter().stdin, flush=True)
                status = int(starter().stdout.readline())
            else:
                to = {"cwd": PROJECT, "env": plain_environment(), "stdout": printed, "stderr": subprocess.STDOUT}
                status = subprocess.run([*MICROGRAPH, "run", *options], **to).returncode
            said = printed.read().decode()
        assert (status == 0) == succeeds, said
        return said

    def results(self, killed=False):
        """Relative path -> bytes of every result; the record of the runs, which holds their times, is none.

        killed: leave out all fine-tuned networks. Those that nothing reads any more are removed as a run goes on, and a
        run that is killed at that moment leaves them.
        """
        root = self.folder / "results"
        paths = [path for path in sorted(root.rglob("*")) if path.is_file() and path.name != "ro-crate-metadata.json"]
        found = {str(path.relative_to(root)): path.read_bytes() for path in paths}
        return {name: found[name] for name in found if not (killed and re.match(r"networks/.*/folds[\d-]+/", name))}
