"""What here is unlike the circumstances of the record, in words."""

import copy

from micrograph.provenance import circumstances, record
from project import PROJECT


def here():
    """The circumstances of a run that is made here and now."""
    run = record.begin(["snakemake"], {"seed": 7}, [], PROJECT)
    return record._facts(PROJECT, run, "finished")


def test_nothing_is_unlike_a_run_made_here_and_memory_alone_is_no_difference():
    run = here()
    run["machine"]["memory_gib"] = 1.5
    assert circumstances.unlike([run], PROJECT) == []


def test_code_packages_python_and_the_machine_are_named_where_any_run_has_others():
    run = here()
    other = copy.deepcopy(run)
    other["code"] |= {"sha256": "0" * 64, "commit": "abcdef0123"}
    was = other["packages"]["numpy"]
    other["packages"]["numpy"] = "1.0"
    other["python"] = "CPython 2.7.1"
    other["machine"] |= {"processor": "Z80", "c_library": None}
    code, packages, python, machine = circumstances.unlike([other, run], PROJECT)
    assert code.startswith("the code (commit abcdef0, now ")
    assert packages == f"1 packages (numpy 1.0, now {was})"
    assert python == f"Python (CPython 2.7.1, now {run['python']})"
    assert machine == "the machine (processor, c library)"
