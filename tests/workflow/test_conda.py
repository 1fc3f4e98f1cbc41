"""`--sdm conda`: every rule runs in the environment that it names. No conda solves anything here: a stand-in answers
Snakemake's calls and gives each environment a Python of its own that sees the installed packages."""

import os
import stat
import sys

from project import PROJECT, Study

STAND_IN = """#!{python}
import json, pathlib, subprocess, sys
root = pathlib.Path(__file__).resolve().parent.parent
asked = sys.argv[1:]


def environment(prefix):
    subprocess.run([{python!r}, "-m", "venv", "--without-pip", "--system-site-packages", prefix], check=True)
    site = next(pathlib.Path(prefix, "lib").glob("python*/site-packages"))
    (site / "installed.pth").write_text({packages!r})


if asked == ["--version"]:
    print("conda 25.1.0")
elif asked[:2] == ["info", "--json"]:
    print(json.dumps({{"conda_prefix": str(root), "platform": "linux-64"}}))
elif asked[:2] == ["config", "--get"]:
    print(json.dumps({{"get": {{"channel_priority": "strict"}}}}))
elif asked[:2] == ["env", "create"]:
    prefix = asked[asked.index("--prefix") + 1]
    environment(prefix)
    pathlib.Path(prefix, "asked.yaml").write_text(pathlib.Path(asked[asked.index("--file") + 1]).read_text())
elif asked[:1] == ["create"]:
    environment(asked[asked.index("--prefix") + 1])
elif asked[:1] != ["clean"]:
    sys.exit(f"no stand-in for conda {{asked}}")
"""


def test_every_rule_runs_in_the_environment_that_it_names(tmp_path, smoke_settings, monkeypatch):
    tools = tmp_path / "conda" / "bin"
    tools.mkdir(parents=True)
    packages = next(path for path in map(str, sys.path) if path.endswith("site-packages"))
    (tools / "conda").write_text(STAND_IN.format(python=sys.executable, packages=packages), encoding="utf-8")
    (tools / "conda").chmod((tools / "conda").stat().st_mode | stat.S_IXUSR)
    (tools / "activate").write_text('export PATH="$1/bin:$PATH"\n', encoding="utf-8")
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    weights = f"resources/weights/{smoke_settings['networks']['backbone']}-imagenet.safetensors"
    of_each = ["resources/samples.tsv", "results/tables/fidelity.tsv", weights]
    Study(tmp_path, smoke_settings).run("--sdm", "conda", "--", *of_each)
    assert all((tmp_path / path).is_file() for path in of_each)
    asked = {path.read_text(encoding="utf-8") for path in (tmp_path / ".snakemake/conda").glob("*/asked.yaml")}
    assert asked == {path.read_text(encoding="utf-8") for path in (PROJECT / "envs").glob("*.yaml")}
