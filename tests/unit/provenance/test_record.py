"""The record tells which run made which bytes from what, is read by RO-Crate's own library, and keeps no secret."""

import errno
import hashlib
import json
import os
import platform
import re
import threading
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from micrograph.errors import UserError
from micrograph.provenance import record
from project import PROJECT

CONFIG = {"seed": 7, "scans": {"sheet": "samples.tsv"}, "shares": {900: 0.5}, "list": {"credentials": None}}
ONE, TWO = "results/tables/one.tsv", "results/tables/two.tsv"


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.fixture
def study(tmp_path):
    """A working folder with a sheet, a scan inside, one outside, settings, weights and two results."""
    folder = tmp_path / "study"
    put(folder / "config.yaml", b"seed: 7\n")
    put(folder / "scans/a.spm", b"a scan")
    put(tmp_path / "elsewhere/b.spm", b"another")
    sheet = f"sample\tscan\nA\tscans/a.spm\nB\t{tmp_path}/elsewhere/b.spm\nC\t../elsewhere/b.spm\nD\tgone.spm\n"
    put(folder / "samples.tsv", sheet.encode())
    put(folder / "resources/weights/net.safetensors", b"weights")
    put(folder / ONE, b"1\n")
    put(folder / TWO, b"2\n")
    return folder


def recorded(folder, outcome="finished", config=CONFIG):
    """(record, message) after a run has ended."""
    message = record.write(folder, record.Run(config, ["config.yaml"]), outcome)
    return record.read(folder), message


def makers(written):
    """Which run made each result, by number."""
    return {
        f"results/{reference['@id']}": int(run["@id"].removeprefix("#run-"))
        for run in written.runs
        for reference in run["result"]
    }


def test_every_input_and_result_stands_there_with_the_sha256_of_its_bytes(study, tmp_path):
    written, message = recorded(study)
    assert {name: file["sha256"] for name, file in written.results.items()} == {
        ONE: sha256(b"1\n"),
        TWO: sha256(b"2\n"),
    }
    assert set(written.inputs) == {
        "config.yaml", "samples.tsv", "scans/a.spm", f"{tmp_path}/elsewhere/b.spm", "../elsewhere/b.spm",
        "resources/weights/net.safetensors",
    }  # fmt: skip
    assert written.inputs["../elsewhere/b.spm"]["sha256"] == sha256(b"another")
    assert written.inputs["../elsewhere/b.spm"]["contentSize"] == "7"
    assert "2 results, 2 of them new in run 1" in message


def test_rocrate_reads_the_record_and_follows_a_run_to_its_inputs_results_and_settings(study):
    from rocrate.rocrate import ROCrate

    recorded(study, "failed")
    crate = ROCrate(study / "results")
    (run,) = crate.get_by_type("CreateAction")
    assert {file.id for file in crate.data_entities} == {file.id for file in run["result"]} == {
        "tables/one.tsv", "tables/two.tsv",
    }  # fmt: skip
    assert run["actionStatus"] == "http://schema.org/FailedActionStatus" and run["startTime"] <= run["endTime"]
    assert "scans/a.spm" in {file["name"] for file in run["object"]}
    facts = {fact["name"]: fact["value"] for fact in run["additionalProperty"]}
    assert yaml.safe_load(facts["config"]) == CONFIG
    assert f"numpy=={__import__('numpy').__version__}" in facts["packages"].splitlines()
    assert run["instrument"]["version"] == facts["code version"]
    assert crate.root_dataset["conformsTo"].id == record.PROFILE and crate.root_dataset["mentions"] == [run]


def test_a_result_keeps_its_first_run_until_its_bytes_change_and_leaves_when_it_is_removed(study):
    recorded(study)
    put(study / ONE, b"1\n")  # made again, with the same bytes
    put(study / TWO, b"other\n")
    put(study / "results/tables/three.tsv", b"3\n")
    written, message = recorded(study)
    assert makers(written) == {ONE: 1, TWO: 2, "results/tables/three.tsv": 2}
    assert "2 of them new in run 2" in message
    (study / ONE).unlink()
    written, _ = recorded(study)
    assert makers(written) == {TWO: 2, "results/tables/three.tsv": 2}, "of run 1 nothing is left"


def test_an_earlier_run_keeps_the_settings_and_inputs_that_it_had(study):
    recorded(study)
    put(study / "scans/a.spm", b"changed")
    put(study / TWO, b"other\n")
    written, _ = recorded(study, config={**CONFIG, "seed": 8})
    assert [yaml.safe_load(written.facts(run)["config"])["seed"] for run in written.runs] == [7, 8]
    scans = [
        [written.entities[one["@id"]]["sha256"] for one in run["object"] if one["@id"].endswith("a.spm")]
        for run in written.runs
    ]
    assert scans == [[sha256(b"a scan")], [sha256(b"changed")]]
    assert written.inputs["scans/a.spm"]["sha256"] == sha256(b"changed")


def test_a_run_that_changed_nothing_leaves_the_record_as_it_is(study):
    recorded(study)
    before = (study / record.RECORD).read_bytes()
    _, message = recorded(study)
    assert "nothing has changed" in message and (study / record.RECORD).read_bytes() == before


@pytest.mark.parametrize("change", ["config.yaml", "scans/a.spm", "resources/weights/net.safetensors", "the seed"])
def test_a_changed_input_or_setting_makes_a_run_worth_recording(study, change):
    recorded(study)
    if change != "the seed":
        put(study / change, b"changed")
    written, _ = recorded(study, config={**CONFIG, "seed": 8} if change == "the seed" else CONFIG)
    assert len(written.runs) == 2 and set(makers(written).values()) == {1}
    assert change == "the seed" or written.inputs[change]["sha256"] == sha256(b"changed")


def test_half_written_files_marks_and_the_record_itself_are_no_results(study):
    put(study / "results/.partial-x/half.tsv", b"half")
    put(study / "results/heights/.snakemake_timestamp", b"")
    recorded(study)
    put(study / "results/tables/new.tsv", b"3\n")
    assert len(recorded(study)[0].results) == 3


@pytest.mark.parametrize("broken", [
    b"", b"{", b"[]", b'{"@graph": 3}', b"\xff\xfe\x00", b"[" * 100_000, b'{"@graph": []}',
    b'{"@graph": [{"@id": "#run-1", "@type": "CreateAction"}]}', b'{"@graph": [{"@id": 1}]}',
])  # fmt: skip
def test_a_file_that_is_no_record_is_refused_and_the_next_run_writes_a_new_one(study, broken):
    put(study / record.RECORD, broken)
    with pytest.raises(UserError, match="not a provenance record"):
        record.read(study)
    written, _ = recorded(study)
    assert len(written.runs) == 1 and len(written.results) == 2


def test_a_record_that_cannot_be_written_is_a_message_and_no_error(study, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "the disk is full: \udcff")

    monkeypatch.setattr(record.io, "write_text", full)
    message = record.write(study, record.Run(CONFIG, ["config.yaml"]))
    assert "not written" in message and message.isascii() and (study / ONE).read_bytes() == b"1\n"


@pytest.mark.parametrize("config", [{}, {"scans": {}}, {"scans": {"sheet": "results"}}, {"scans": None}])
def test_settings_of_any_shape_are_recorded(study, config):
    assert recorded(study, config=config)[0].results


def test_a_pipe_or_a_broken_link_among_the_results_neither_hangs_nor_vanishes_silently(study):
    os.mkfifo(study / "results/pipe")
    (study / "results/link").symlink_to("nowhere")
    done = []
    thread = threading.Thread(target=lambda: done.append(recorded(study)), daemon=True)
    thread.start()
    thread.join(timeout=60)
    (written, message), *_ = done
    assert len(written.results) == 2 and "2 could not be read" in message


@pytest.mark.parametrize("name", [b"\xff\xe4.tsv", b"a b#c?d%20.tsv", b"https:x.tsv", "größe.tsv".encode()])
def test_names_of_any_kind_are_read_as_they_were_written(study, name):
    path = f"results/{os.fsdecode(name)}"
    put(study / path, b"odd\n")
    written, message = recorded(study)
    assert written.results[path]["sha256"] == sha256(b"odd\n") and message.isascii()
    assert record.check(study, written) == []


def test_new_scans_are_inputs_file_by_file(study):
    put(study / "new/x y.spm", b"x")
    written, _ = recorded(study, config={**CONFIG, "new_scans": "new"})
    assert written.inputs["new/x y.spm"]["sha256"] == sha256(b"x")
    put(study / "new/sheet.csv", b"scan,sample\nx y.spm,F1\n")  # its paths start at its folder
    written, _ = recorded(study, config={**CONFIG, "new_scans": "new/sheet.csv"})
    assert written.inputs["new/x y.spm"]["sha256"] == sha256(b"x")


def test_only_files_of_another_size_or_time_are_read_again_and_a_check_reads_every_byte(study):
    os.utime(study / ONE, ns=(10**18, 10**18))
    recorded(study)
    put(study / ONE, b"9\n")
    os.utime(study / ONE, ns=(10**18, 10**18))  # same size and time
    put(study / TWO, b"9\n")
    written, _ = recorded(study)
    assert (written.results[ONE]["sha256"], written.results[TWO]["sha256"]) == (sha256(b"1\n"), sha256(b"9\n"))
    assert record.check(study, written) == [f"{ONE}: has changed"]


def test_a_check_names_what_was_changed_or_removed_since(study):
    written, _ = recorded(study)
    assert record.check(study, written) == []
    (study / ONE).write_bytes(b"7\n")
    (study / TWO).unlink()
    put(study / "scans/a.spm", b"b scan")
    found = dict(line.split(": ") for line in record.check(study, written))
    assert set(found) == {"scans/a.spm", ONE, TWO}
    assert found[ONE] == "has changed" and "missing" in found[TWO]


# --- secrets and places ---------------------------------------------------------------------------------------------


@given(
    st.text(min_size=1, alphabet=st.characters(categories=("L", "N"))),
    st.sampled_from(["credentials", "API_key", "Cookie", "Authorization", "token"]),
)
def test_whatever_stands_under_a_secret_key_is_masked_at_any_depth(secret, key):
    secret = f"{secret}-S3CRET"
    settings = {"list": [{"deep": {key: {"a": [secret], "b": secret}}}], "seed": 7, "open": "shown"}
    masked = record.masked(settings)
    assert secret not in json.dumps(masked, ensure_ascii=False)
    assert masked["seed"] == 7 and masked["open"] == "shown"


def test_logins_and_queries_in_addresses_are_masked_and_the_rest_of_them_shown():
    masked = record.masked({"url": "https://u:S3CRET@h/a/b?sig=S3CRET&x=S3CRET", "note": ["why?", "a?b=c"]})
    assert masked == {"url": "https://(masked)@h/a/b?(masked)", "note": ["why?", "a?b=c"]}


def test_settings_without_secrets_stay_what_they_are():
    settings = yaml.safe_load((PROJECT / "config/default.yaml").read_text(encoding="utf-8"))
    assert settings["list_database"]["credentials"] is None and record.masked(settings) == settings


def test_the_record_names_neither_machine_nor_user_nor_the_studys_place(study):
    import getpass

    put(study / "samples.tsv", b"sample\tscan\nA\tscans/a.spm\n")
    recorded(study)
    text = (study / record.RECORD).read_text(encoding="utf-8")
    for name in (platform.node(), getpass.getuser()):
        assert not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)
    assert str(study) not in text and not re.search(rf"{re.escape(str(Path.home()))}(?![\w-])", text)
