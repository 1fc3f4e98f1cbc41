"""The record says which run made which bytes, keeps no secret, and never spoils a run."""

import hashlib
import json
import os
import re
import subprocess
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micrograph.errors import UserError
from micrograph.provenance import circumstances, hashes, record
from project import PROJECT

CONFIG = {"seed": 7, "scans": {"sheet": "samples.tsv"}, "shares": {900: 0.5}, "list": {"credentials": None}}


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
    put(folder / "results/tables/one.tsv", b"1\n")
    put(folder / "results/tables/two.tsv", b"2\n")
    return folder


def run_of(config=CONFIG, command=("snakemake", "--cores", "2")):
    return record.begin(command, config, ["config.yaml"], PROJECT)


def entered(folder, outcome="finished", **words):
    said = record.write(folder, run_of(**words), outcome)
    return json.loads((folder / record.RECORD).read_text(encoding="utf-8")), said


def test_every_input_and_result_stands_there_with_the_sha256_of_its_bytes(study, tmp_path):
    written, said = entered(study)
    assert written["results"] == {
        "results/tables/one.tsv": {"sha256": sha256(b"1\n"), "bytes": 2, "run": 0},
        "results/tables/two.tsv": {"sha256": sha256(b"2\n"), "bytes": 2, "run": 0},
    }
    assert set(written["inputs"]) == {
        "config.yaml", "samples.tsv", "scans/a.spm", f"{tmp_path}/elsewhere/b.spm", "../elsewhere/b.spm",
        "resources/weights/net.safetensors",
    }  # fmt: skip
    assert written["inputs"]["../elsewhere/b.spm"] == {"sha256": sha256(b"another"), "bytes": 7}
    assert "2 results, 2 of them new in run 0" in said


def test_a_run_says_with_what_it_was_run(study):
    (run,) = entered(study, outcome="failed")[0]["runs"]
    lock = (PROJECT / "requirements.lock").read_bytes()
    assert run["command"] == ["snakemake", "--cores", "2"] and run["outcome"] == "failed" and run["seed"] == 7
    assert run["lock_sha256"] == sha256(lock)
    assert run["packages"]["numpy"] == __import__("numpy").__version__
    assert run["config"]["shares"] == {"900": 0.5}
    assert run["config_sha256"] == sha256(json.dumps(run["config"], sort_keys=True, separators=(",", ":")).encode())
    assert run["started"] <= run["ended"] and run["seconds"] >= 0
    assert run["machine"]["cores"] == os.cpu_count() and run["machine"]["memory_gib"] > 0
    flags = Path("/proc/cpuinfo")
    if flags.is_file() and "avx2" in flags.read_text(encoding="utf-8"):
        assert "avx2" in run["machine"]["instruction_sets"]


def test_a_result_keeps_its_first_run_until_its_bytes_change_and_leaves_when_it_is_removed(study):
    entered(study)
    put(study / "results/tables/two.tsv", b"other\n")
    put(study / "results/tables/three.tsv", b"3\n")
    written, said = entered(study)
    assert {name: now["run"] for name, now in written["results"].items()} == {
        "results/tables/one.tsv": 0,
        "results/tables/three.tsv": 1,
        "results/tables/two.tsv": 1,
    }
    assert "2 of them new in run 1" in said
    (study / "results/tables/one.tsv").unlink()
    written, _ = entered(study)
    assert "results/tables/one.tsv" not in written["results"] and len(written["runs"]) == 3


def test_a_result_made_again_with_the_same_bytes_keeps_its_run(study):
    entered(study)
    put(study / "results/tables/new.tsv", b"new\n")
    put(study / "results/tables/one.tsv", b"1\n")
    assert entered(study)[0]["results"]["results/tables/one.tsv"]["run"] == 0


def test_a_run_that_changed_nothing_leaves_the_record_as_it_is(study):
    entered(study)
    before = (study / record.RECORD).read_bytes()
    _, said = entered(study, command=("snakemake", "--cores", "4"))
    assert "nothing has changed since run 0" in said
    assert (study / record.RECORD).read_bytes() == before


@pytest.mark.parametrize("change", ["config.yaml", "scans/a.spm", "resources/weights/net.safetensors"])
def test_a_changed_input_makes_a_run_worth_recording(study, change):
    entered(study)
    put(study / change, b"changed")
    written, _ = entered(study)
    assert len(written["runs"]) == 2
    assert written["inputs"][change]["sha256"] == sha256(b"changed")
    assert {now["run"] for now in written["results"].values()} == {0}


def test_a_changed_setting_makes_a_run_worth_recording(study):
    entered(study)
    assert len(entered(study, config={**CONFIG, "seed": 8})[0]["runs"]) == 2


def test_half_written_files_marks_and_the_record_itself_are_no_results(study):
    put(study / "results/.partial-x/half.tsv", b"half")
    put(study / "results/heights/.snakemake_timestamp", b"")
    entered(study)
    put(study / "results/tables/new.tsv", b"3\n")
    assert len(entered(study)[0]["results"]) == 3


@pytest.mark.parametrize(
    "broken",
    [b"", b"{", b"[]", b'{"runs": 3}', b"\xff\xfe\x00", b"[" * 100_000, json.dumps({"format": record.FORMAT}).encode(),
     json.dumps({"format": record.FORMAT, "runs": [], "inputs": {},
                 "results": {"results/x": {"sha256": "0", "bytes": 1, "run": 5}}}).encode()],
    ids=["empty", "cut", "list", "foreign", "bytes", "deep", "hollow", "run that is none"],
)  # fmt: skip
def test_a_record_that_is_broken_or_foreign_is_set_aside_and_a_new_one_begins(study, broken):
    put(study / record.RECORD, broken)
    written, said = entered(study)
    assert "a new record begins" in said and record.ASIDE in said
    assert (study / record.ASIDE).read_bytes() == broken
    assert len(written["runs"]) == 1 and len(written["results"]) == 2


@pytest.mark.parametrize(
    "broken", [b"", b"[1]", b'{"results/tables/one.tsv": [2, "x"]}', b'{"results/tables/one.tsv": 3}']
)
def test_a_broken_memory_of_sums_costs_time_and_nothing_else(study, broken):
    put(study / record.KNOWN, broken)
    assert entered(study)[0]["results"]["results/tables/one.tsv"]["sha256"] == sha256(b"1\n")


def test_a_record_that_cannot_be_written_is_a_sentence_and_no_error(study):
    (study / record.RECORD).mkdir(parents=True)
    put(study / record.RECORD / "in the way", b"")
    (study / record.ASIDE).mkdir()
    put(study / record.ASIDE / "in the way", b"")
    said = record.write(study, run_of())
    assert "not written" in said and "results themselves are not touched" in said
    assert (study / "results/tables/one.tsv").read_bytes() == b"1\n"


@pytest.mark.parametrize("config", [{}, {"scans": {}}, {"scans": {"sheet": "results"}}, {"scans": None}])
def test_settings_of_any_shape_never_raise(study, config):
    assert isinstance(record.write(study, run_of(config=config)), str)


def test_a_pipe_or_a_broken_link_among_the_results_neither_hangs_nor_vanishes_unsaid(study):
    os.mkfifo(study / "results/pipe")
    (study / "results/link").symlink_to("nowhere")
    done = []
    thread = threading.Thread(target=lambda: done.append(entered(study)), daemon=True)
    thread.start()
    thread.join(timeout=60)
    (written, said), *_ = done
    assert len(written["results"]) == 2
    assert "results/link, results/pipe" in said


def test_names_in_no_known_encoding_are_entered_and_the_sentence_can_be_printed_anywhere(study):
    name = os.fsdecode(b"results/\xff\xe4.tsv")
    put(study / name, b"odd\n")
    (study / os.fsdecode(b"results/\xfe")).symlink_to("nowhere")
    written, said = entered(study)
    assert written["results"][name]["sha256"] == sha256(b"odd\n")
    assert "Could not be read" in said and said.isascii()
    assert record.faults(study, record.read(study)) == [(os.fsdecode(b"results/\xfe"), record.NEW)]


def test_new_scans_are_inputs_file_by_file(study):
    put(study / "new/x y.spm", b"x")
    written, _ = entered(study, config={**CONFIG, "new_scans": "new"})
    assert written["inputs"]["new/x y.spm"]["sha256"] == sha256(b"x")


def test_only_files_of_another_size_or_time_are_read_again(study):
    name = "results/tables/one.tsv"
    os.utime(study / name, ns=(10**18, 10**18))
    _, known, _ = hashes.of_files(study, [name])
    assert known == {name: [2, 10**18, sha256(b"1\n")]}
    put(study / name, b"9\n")
    os.utime(study / name, ns=(10**18, 10**18))  # same size, same time: taken as unchanged; `faults` reads every byte
    assert hashes.of_files(study, [name], known)[0][name]["sha256"] == sha256(b"1\n")
    os.utime(study / name, ns=(10**18, 10**18 + 1))
    assert hashes.of_files(study, [name], known)[0][name]["sha256"] == sha256(b"9\n")


def test_a_file_written_a_moment_ago_is_not_trusted_by_its_time(study):
    assert hashes.of_files(study, ["results/tables/one.tsv"])[1] == {}


def test_ten_thousand_files_are_entered(study):
    for index in range(10_000):
        path = study / f"results/many/{index % 50}/{index}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(index), encoding="ascii")
    written, _ = entered(study)
    assert written["results"]["results/many/49/9999.txt"]["sha256"] == sha256(b"9999")
    assert len(written["results"]) == 10_002


def test_faults_names_what_was_changed_removed_or_added_since(study):
    entered(study)
    name = study / "results/tables/one.tsv"
    facts = name.stat()
    name.write_bytes(b"7\n")
    os.utime(name, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    (study / "results/tables/two.tsv").unlink()
    put(study / "results/tables/three.tsv", b"3\n")
    put(study / "scans/a.spm", b"b scan")
    assert record.faults(study, record.read(study)) == [
        ("scans/a.spm", "is not what the record says"),
        ("results/tables/one.tsv", "is not what the record says"),
        ("results/tables/two.tsv", "is missing or cannot be read"),
        ("results/tables/three.tsv", record.NEW),
    ]


def test_an_untouched_study_has_no_faults(study):
    entered(study)
    assert record.faults(study, record.read(study)) == []


def test_a_record_of_another_version_is_refused_with_a_sentence(study):
    put(study / record.RECORD, b'{"format": "another"}')
    with pytest.raises(UserError, match="not written by this version"):
        record.read(study)


# --- secrets and places ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ["--config", 'list={"credentials": "S3CRET"}'],
        ["--config", "list={credentials: {X-Key: S3CRET}, query: {}}"],
        ["--config", "list={'credentials': 'S3CRET'"],
        ["--config", "credentials=S3CRET"],
        ["--config", 'networks={"weights_mirror": "https://me:S3CRET@mirror.example/x"}'],
        ["--config=list={credentials: S3CRET}"],
        ["--storage-s3-secret-key", "S3CRET"],
        ["--storage-x-token=S3CRET"],
        ["https://me:S3CRET@host/x"],
        ["https://h/?access_token=S3CRET"],
        ["https://h/a?page=1&sig=S3CRET&x=S3CRET"],
        ["--default-storage-prefix", "https://h/a?X-Amz-Signature=S3CRET"],
        ["--config", "url=https://h/?sig=S3CRET"],
        ["--config", 'zenodo={"url": "https://h/?sig=S3CRET", "records": [7]}'],
        ["--config", "zenodo={url: https://h/?sig=S3CRET, records"],
        ["--password", "-S3CRET"],
        ["--api-token", "--S3CRET"],
        ["--no-password", "--token", "S3CRET"],
    ],
)
def test_no_secret_of_the_command_line_is_kept(words, tmp_path):
    kept = circumstances.command(["snakemake", "--cores", "2", *words, "table1"], tmp_path, PROJECT)
    assert "S3CRET" not in json.dumps(kept)
    assert kept[:3] == ["snakemake", "--cores", "2"] and kept[-1] == "table1"


@given(
    st.text(min_size=1, alphabet=st.characters(categories=("L", "N"))),
    st.sampled_from(["credentials", "API_key", "Cookie"]),
)
def test_whatever_stands_under_a_secret_key_is_masked_at_any_depth(secret, key):
    secret = f"{secret}-S3CRET"
    settings = {"list": [{"deep": {key: {"a": [secret], "b": secret}}}], "seed": 7, "open": "shown"}
    kept = circumstances.masked(settings)
    assert secret not in json.dumps(kept, ensure_ascii=False)
    assert kept["seed"] == 7 and kept["open"] == "shown"


def test_what_addresses_ask_is_masked_in_settings_and_the_rest_of_them_shown():
    kept = circumstances.masked({"url": "https://u:S3CRET@h/a/b?sig=S3CRET&x=S3CRET", "note": ["why?", "a?b=c"]})
    assert kept == {"url": "https://(masked)@h/a/b?(masked)", "note": ["why?", "a?b=c"]}


def test_credentials_that_are_none_are_shown_as_none():
    assert circumstances.masked({"list": {"credentials": None}}) == {"list": {"credentials": None}}


def test_settings_without_secrets_stay_what_they_are():
    import yaml

    settings = yaml.safe_load((PROJECT / "config/default.yaml").read_text(encoding="utf-8"))
    text = json.dumps(circumstances.masked(settings))
    assert circumstances.MASK not in text
    assert json.loads(text) == json.loads(json.dumps(settings))


def test_the_command_names_neither_the_users_home_nor_the_studys_place(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    words = ["/home/someone/env/site-packages/snakemake/__main__.py", "--directory", str(tmp_path),
             "--configfile", "/home/someone/my.yaml", f"{tmp_path}/results/x.tsv", "/home/someonelse/x"]  # fmt: skip
    assert circumstances.command(words, tmp_path, tmp_path / "project") == [
        "snakemake", "--directory", ".", "--configfile", "~/my.yaml", "./results/x.tsv", "/home/someonelse/x",
    ]  # fmt: skip


def test_the_projects_own_folder_is_a_sign_wherever_it_lies_and_however_it_is_named(tmp_path):
    clone, link = tmp_path / "alice/clone", tmp_path / "link"
    (clone / "study").mkdir(parents=True)
    link.symlink_to(clone)
    words = ["snakemake", "-s", f"{clone}/Snakefile", f"--profile={link}/workflow/profiles/slurm", f"{clone}s/x"]
    for folder in (tmp_path / "study", clone / "study"):
        kept = circumstances.command([*words, "--directory", str(folder)], folder, link)
        assert kept[2:4] == ["(project)/Snakefile", "--profile=(project)/workflow/profiles/slurm"]
        assert kept[4:] == [f"{clone}s/x", "--directory", "."]
    assert circumstances.command(words, clone, clone)[2] == "./Snakefile"


def test_the_record_names_neither_machine_nor_user(study):
    import getpass
    import platform

    (run,) = entered(study)[0]["runs"]
    text = json.dumps({name: run[name] for name in ("machine", "code", "python")})
    for name in (platform.node(), getpass.getuser()):
        assert not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)
    assert str(Path.home()) not in text


# --- code -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path):
    """A little project with a workflow of one file."""
    put(tmp_path / "project/Snakefile", b"include: 'workflow/Snakefile'\n")
    put(tmp_path / "project/workflow/rules/a.smk", b"rule a:\n")
    return tmp_path / "project"


def git(folder, *words):
    names = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    return subprocess.run(
        ["git", *names, *words], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_checkout_has_its_commit_and_says_when_it_is_changed(project):
    git(project, "init", "-q")
    git(project, "add", ".")
    git(project, "commit", "-qm", "first")
    clean = circumstances.code(project)
    assert clean["commit"] == git(project, "rev-parse", "HEAD") and clean["changed"] is False
    put(project / "workflow/rules/a.smk", b"rule b:\n")
    changed = circumstances.code(project)
    assert changed["commit"] == clean["commit"] and changed["changed"] is True
    assert changed["sha256"] != clean["sha256"]


def test_code_out_of_a_tarball_has_its_sum_and_no_commit_of_a_checkout_around_it(project):
    git(project.parent, "init", "-q")
    git(project.parent, "commit", "-qm", "another project", "--allow-empty")
    said = circumstances.code(project)
    assert said["commit"] is None and said["changed"] is None and len(said["sha256"]) == 64


def test_a_machine_without_git_gives_the_sum_alone(project, monkeypatch):
    with_git = circumstances.code(project)["sha256"]
    monkeypatch.setenv("PATH", str(project))
    assert circumstances.code(project) == {
        "commit": None, "changed": None, "sha256": with_git, "changed_while_running": None,
    }  # fmt: skip


def test_code_changed_under_a_run_is_told(project):
    started = (project / "workflow/rules/a.smk").stat().st_mtime
    assert circumstances.code(project, started - 10)["changed_while_running"] is True
    assert circumstances.code(project, started + 10)["changed_while_running"] is False


def test_packages_of_other_versions_than_the_locks_are_named(tmp_path):
    from importlib.metadata import version

    lock = f"numpy=={version('numpy')} ; python_version < '4' \\\n    --hash=sha256:0\npandas==0.0.1 \\\nno-such==1\n"
    put(tmp_path / "lock", lock.encode())
    versions, differs = circumstances.packages(tmp_path / "lock")
    assert versions == {"numpy": version("numpy"), "pandas": version("pandas")}
    assert differs == {"pandas": {"locked": "0.0.1", "installed": version("pandas")}}
    assert circumstances.packages(tmp_path / "none") == ({}, {})
