"""The command `micrograph`: its help, exit statuses, and one sentence for what is wrong."""

import subprocess
import sys

import pytest

from micrograph import __version__, cli
from project import MICROGRAPH, SMOKE


def run(*arguments):
    return subprocess.run([*MICROGRAPH, *map(str, arguments)], capture_output=True, text=True, timeout=300, check=False)


def test_the_help_lists_every_command_and_each_has_its_own(capsys):
    with pytest.raises(SystemExit, match="^0$"):
        cli.main(["--help"])
    listed = capsys.readouterr().out
    for name in cli.COMMANDS:
        with pytest.raises(SystemExit, match="^0$"):
            cli.main([name, "--help"])
        assert f"micrograph {name}" in capsys.readouterr().out and f"    {name} " in listed


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit, match="^0$"):
        cli.main(["--version"])
    assert capsys.readouterr().out.split() == ["micrograph", __version__]


@pytest.mark.parametrize(
    "arguments",
    [[], ["plot"], ["sheet"], ["scans", "a", "b"], ["verify", "--cores", "x"], ["predict", "a", "--device", "gpu"]],
)
def test_a_command_line_that_cannot_be_read_is_status_2(arguments, capsys):
    with pytest.raises(SystemExit, match="^2$"):
        cli.main(arguments)
    assert "usage: micrograph" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["sheet", "nowhere"], "no such folder"),
        (["scans", "nowhere"], "no such file or folder nowhere"),
        (["scans", ".", "--levelling", "flat"], "levelling 'flat' is not known; choose one of: published"),
        (["predict", "nowhere"], "no such file or folder nowhere"),
        (["run"], "no config.yaml"),
        (["run", "-n", "--directory", "nowhere"], "no config.yaml"),
        (["report", "-d", "nowhere"], "no config.yaml"),
        (["verify"], "there is no record of this study"),
    ],
)
def test_an_error_of_the_user_is_one_sentence(arguments, part, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert part in stopped.value.code  # a text is printed, and the status 1
    assert len(stopped.value.code.strip().splitlines()) == 1


def test_a_group_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "snakemake", None)
    with pytest.raises(SystemExit, match=r"needs the package snakemake.*\[run\]"):
        cli.main(["run", "-n"])


def test_run_takes_snakemakes_options_in_any_order_and_ends_with_its_status(tmp_path):
    (tmp_path / "config.yaml").write_bytes(SMOKE.read_bytes())
    planned = run("run", "table1", "-n", "--directory", tmp_path, "--quiet", "all")
    assert planned.returncode == 0, planned.stderr
    wrong = run("run", "--directory", tmp_path, "-n", "no_such_table")
    assert wrong.returncode == 1 and "no_such_table" in wrong.stdout + wrong.stderr
