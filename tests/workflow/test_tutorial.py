"""The commands of the tutorial, as they stand on its page, one after another."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from project import PROJECT


def commands():
    """The blocks of commands of the page."""
    page = (PROJECT / "docs/tutorial.md").read_text(encoding="utf-8")
    return re.findall(r"^```sh\n(.*?)^```", page, re.M | re.S)


@pytest.mark.nightly
def test_the_tutorial_leads_from_a_folder_of_scans_to_a_prediction(tmp_path):
    (tmp_path / "config").symlink_to(PROJECT / "config")
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "micrograph").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m micrograph "$@"\n', encoding="utf-8")
    (tools / "micrograph").chmod(0o755)
    paths = (str(tools), str(Path(sys.executable).parent), os.environ["PATH"])
    environment = {**os.environ, "PATH": os.pathsep.join(paths), "PYTHONPATH": str(PROJECT / "workflow")}
    blocks = commands()
    assert len(blocks) == 6
    for block in blocks:
        done = subprocess.run(
            ["bash", "-eu", "-c", block],
            cwd=tmp_path,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=3600,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}"
    study = tmp_path / "tutorial"
    assert (study / "results/report/index.html").is_file() and (study / "measured/levelling_check.pdf").is_file()
    assert (study / "predicted/index.html").is_file()
    predicted = pd.read_csv(study / "predicted/predictions.tsv", sep="\t")
    assert len(predicted) == 3 and set(predicted["y_pred"]) <= {900, 950, 1000}
    for page in ("results/report/index.html", "predicted/index.html"):
        assert "Too few films to conclude" in (study / page).read_text(encoding="utf-8"), page
    for table in ("tables/baselines.tsv", "final_model/performance.tsv"):
        assert set(pd.read_csv(study / "results" / table, sep="\t")["data"]) == {"simulated films"}, table
