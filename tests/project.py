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

# Half of what a dry run takes are Snakemake's imports: here they are done once, and each run is a fork of this process.
# It reads a run a line, and writes its exit status.
RUNS = """
import json, os, signal, sys
import pandas
from snakemake import cli
cli.get_argument_parser()  # imports the plugins
from micrograph import config, experiments, outputs
from micrograph.provenance import record
for line in sys.stdin:
    if not (run := os.fork()):
        break
    print(os.waitstatus_to_exitcode(os.waitpid(run, 0)[1]), flush=True)
else:
    sys.exit()
sys.argv[1:], environment, printed = json.loads(line)
os.environ.clear()
os.environ.update(environment)
for stream, path, how in ((0, os.devnull, os.O_RDONLY), (1, printed, os.O_WRONLY), (2, printed, os.O_WRONLY)):
    os.dup2(os.open(path, how | os.O_APPEND), stream)
signal.alarm(2700)
cli.main()
"""


@cache
def starter():
    """The process that starts runs, one for each process of pytest."""
    environment = {**plain_environment(), "PYTHONPATH": str(PROJECT / "workflow")}
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", RUNS], cwd=PROJECT, env=environment, **streams)


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

    def run(self, *arguments, cores=2, succeeds=True):
        """Everything that snakemake prints; fails the test where its success is not as expected."""
        options = ["--cores", str(cores), "--directory", str(self.folder), "--scheduler", "greedy"]
        with tempfile.NamedTemporaryFile() as printed:
            asked = [*options, *map(str, arguments)], plain_environment(), printed.name
            print(json.dumps(asked), file=starter().stdin, flush=True)
            status, said = starter().stdout.readline(), printed.read().decode()
        assert (int(status) == 0) == succeeds, said
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
