"""The log and the progress of one job."""

import os
import subprocess
import sys

import pytest

from micrograph import log
from project import PROJECT


def run(tmp_path, body):
    """A job of its own process: (exit status, what the terminal shows, what the log holds)."""
    script = tmp_path / "script.py"
    lines = ["from micrograph import log", "from micrograph.errors import UserError", "import os, sys, warnings"]
    lines += [f"with log.redirect_output({str(tmp_path / 'logs/a.log')!r}):", *(f"    {line}" for line in body)]
    script.write_text("\n".join(lines), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "workflow")}
    done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr, (tmp_path / "logs/a.log").read_text(encoding="utf-8")


def test_everything_that_a_job_prints_is_in_its_log_compiled_code_included(tmp_path):
    body = ["print('printed')", "os.write(2, b'from C\\n')", "warnings.warn('careful')", "os.system('echo shell')"]
    status, terminal, log = run(tmp_path, body)
    assert (status, terminal) == (0, "")
    for text in ("printed", "from C", "careful", "shell"):
        assert text in log


def test_a_user_error_ends_the_job_with_its_message_alone(tmp_path):
    status, terminal, log = run(tmp_path, ["raise UserError('scan.spm: is empty; export it again.')"])
    assert status == 1
    assert terminal.strip() == "scan.spm: is empty; export it again."
    assert "Traceback" not in log and "scan.spm: is empty" in log


def test_an_error_of_ours_ends_the_job_with_its_traceback_in_the_log(tmp_path):
    status, terminal, log = run(tmp_path, ["1 / 0"])
    assert status == 1
    assert "ZeroDivisionError" in terminal and "Traceback" not in terminal
    assert "Traceback" in log


def test_what_comes_after_the_block_is_printed_again(tmp_path, capfd):
    with log.redirect_output(tmp_path / "a.log"):
        print("inside")
    print("outside")
    assert capfd.readouterr().out == "outside\n"


@pytest.mark.parametrize("count", [0, 1, 5])
def test_progress_passes_everything_on_and_prints_the_end(count, caplog):
    caplog.set_level("INFO", "micrograph")
    assert list(log.progress(range(count), "scans")) == list(range(count))
    assert caplog.text.endswith(f"scans: {count} of {count}\n" if count else "")


def run_with_log(tmp_path, log, body):
    """A job whose log is at `log`: (exit status, what the terminal shows)."""
    text = "\n".join(
        ["from micrograph import log", "from micrograph.errors import UserError", f"with log.redirect_output({log!r}):"]
    )
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "workflow")}
    done = subprocess.run(
        [sys.executable, "-c", f"{text}\n    {body}"], env=environment, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_log_that_takes_nothing_more_ends_in_a_message_and_hides_no_error(tmp_path):
    status, terminal = run_with_log(tmp_path, "/dev/full", "print('x' * 10000)")
    assert (status, "Traceback" in terminal) == (1, False)
    assert "/dev/full: cannot be written (No space left on device)" in terminal
    status, terminal = run_with_log(tmp_path, "/dev/full", "raise UserError('scan.spm: is empty; export it again.')")
    assert (status, terminal.strip()) == (1, "scan.spm: is empty; export it again.")


def test_a_log_that_cannot_be_opened_is_named(tmp_path):
    (tmp_path / "logs").write_text("a file where a folder should be", encoding="utf-8")
    status, terminal = run_with_log(tmp_path, str(tmp_path / "logs/a.log"), "print('x')")
    assert (status, "Traceback" in terminal) == (1, False)
    assert "logs/a.log: cannot be written (" in terminal


def test_a_name_that_is_not_utf_8_is_printed_and_logged(tmp_path):
    status, terminal, log = run(tmp_path, ["raise UserError('scan\\udcff.spm: is empty.')"])
    assert (status, terminal.strip(), log.strip()) == (1, "scan\\udcff.spm: is empty.", "scan\\udcff.spm: is empty.")
