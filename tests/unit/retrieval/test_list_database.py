"""A LiST database on loopback, with all the trouble that a server can make and scans as an instrument writes them."""

import contextlib
import json
import os
import subprocess
import sys
import time
import traceback
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import loopback
import small_scan
from loopback import Answer
from micrograph import io
from micrograph.errors import UserError
from micrograph.retrieval import http, list_database
from micrograph.retrieval.list_database import _Scan as Scan
from micrograph.scans import formats, sample_sheet
from project import PROJECT
from tables_of_films import COLUMNS, TARGET

API = "/list/api/v2"
SECRET = "s3cr3t-0f-the-d4tabase"
QUERY = {"projectId": "I2_inch MoS2_MOCVD1", "withCharacterization": "AFM"}
MADE = f"from micrograph.target import Target\ntarget = Target.from_config({TARGET.settings})"


@pytest.fixture(scope="module")
def spm(tmp_path_factory):
    """The bytes of a small scan as an instrument writes it."""
    return small_scan.write(tmp_path_factory.mktemp("scan") / "a.spm", 16)


def film(number, label, celsius=950, names=("center1um.0_00001.spm",), **more):
    """A film of the database: its sample and its activities, a growth and a measurement with files of these names."""
    growth = {"step": "Growth", "T": str(celsius), "t": "540", "P": "50"}
    files = [{"id": 10 * number + place, "filename": name, "filetype": "spm"} for place, name in enumerate(names)]
    sample = {"id": number, "sampleLabel": label, "creationDate": "4/23/2019", "substrateMaterials": ["c-Sapphire"]}
    recipe = {"id": 1000 + number, "category": "PROC", "type": "SYN", "files": [], "recipe": {"rows": [growth]}}
    measurement = {"id": 2000 + number, "category": "CHAR", "files": [{"id": 1, "files": files}]}
    return sample | more, [recipe, measurement]


STUDY_NAME = "MCV1-210504A-NT_211201-center-1um.0_00003.spm"
FILMS = [
    film(8620, "MCV1-210504A-NT", 950, (STUDY_NAME, "edge1um.spm", "center5um.spm")),
    film(10190, "MCV1-210910A-NT", 900, ("center1um.0_00001_cs.spm", "center1um.0_00001.spm"), operator="A. NAME"),
    film(10191, "MCV1-210917A-NT", 1000, operator="A. Name"),
    film(10193, "MCV1-210918A-NT", 600),
    film(10194, "MCV1-210919A-NT", 950, ("edge1um.spm",)),
]


class Database:
    """The database: its films are searched for in pages, and every request must carry the key."""

    def __init__(self, web, films, spm, most=2):
        self.web, self.films, self.spm, self.most = web, films, spm, most
        self.url = web.url + API
        web.say(f"{API}/samples/search", self.admitted(self.search))
        for sample, activities in films:
            web.say(f"{API}/samples/{sample['id']}/activities", self.admitted(lambda _, said=activities: said))
            for path in self.paths(activities):
                web.say(path, self.admitted(lambda _: Answer(self.spm)))

    @staticmethod
    def paths(activities):
        return [
            f"{API}/sample-activities/{activity['id']}/files/{file['id']}"
            for activity in activities
            for group in activity["files"]
            for file in group["files"]
        ]

    def admitted(self, answer):
        return lambda request: answer(request) if request.headers.get("x-api-key") == SECRET else Answer(status=401)

    def search(self, request):
        assert request.method == "POST" and request.json == QUERY
        start, length = int(request.query["start"]), min(int(request.query["length"]), self.most)
        return {"data": [one for one, _ in self.films][start : start + length], "recordsFiltered": len(self.films)}

    def asked(self, words):
        """How often something of these words in its path was asked for."""
        return sum(words in request.path for request in self.web.asked())


@pytest.fixture
def web():
    with loopback.running() as running:
        yield running


@pytest.fixture
def database(web, spm):
    return Database(web, FILMS, spm)


@pytest.fixture(autouse=True)
def study(tmp_path, monkeypatch):
    """An empty folder to stand in, credentials in it, and a server that waits briefly."""
    monkeypatch.setattr(http, "FIRST_WAIT_SECONDS", 0.001)
    monkeypatch.delenv("LIST_CREDENTIALS", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "credentials.json").write_text(json.dumps({"X-API-KEY": SECRET}), encoding="utf-8")
    (tmp_path / "credentials.json").chmod(0o600)
    return tmp_path


def retrieved(url, folder="downloads", query=QUERY, credentials="credentials.json"):
    return list_database.retrieve(url, credentials, query, TARGET, folder, None)


def reasons(left_out):
    assert list(left_out.columns) == ["source", "what", "reason"]
    return dict(zip(left_out["what"], left_out["reason"], strict=True))


def test_one_centre_scan_a_film_is_fetched_and_all_else_is_named_with_its_reason(database, study):
    sheet, left_out = retrieved(database.url)
    assert sheet["sample"].tolist() == ["MCV1-210504A-NT", "MCV1-210910A-NT", "MCV1-210917A-NT"]
    assert sheet["growth_celsius"].tolist() == [950, 900, 1000]
    assert set(sheet["growth_seconds"]) == {540} and set(sheet["pressure_torr"]) == {50}
    assert set(sheet["substrate"]) == {"c-Sapphire"}
    assert Path(sheet["scan"][1]).name == "MCV1-210910A-NT_10190_12190_101901_center1um.0_00001.spm"  # the study's name
    assert all(formats.detect(path) == "nanoscope" for path in sheet["scan"])
    assert reasons(left_out) == {
        "MCV1-210504A-NT (sample 8620): edge1um.spm": "no centre scan of 1 um by its name",
        "MCV1-210504A-NT (sample 8620): center5um.spm": "no centre scan of 1 um by its name",
        "MCV1-210910A-NT (sample 10190): center1um.0_00001_cs.spm": (
            "another scan of this sample is used: center1um.0_00001.spm"
        ),
        "MCV1-210918A-NT (sample 10193)": "growth temperature 600 °C, which is not one of the classes 900, 950, 1000",
        "MCV1-210919A-NT (sample 10194): edge1um.spm": "no centre scan of 1 um by its name",
        "MCV1-210919A-NT (sample 10194)": "it has no centre scan of 1 um",
    }
    io.write_table("samples.tsv", sheet)
    read = sample_sheet.read("samples.tsv", COLUMNS)
    assert read["batch"].tolist() == ["MCV1-210504", "MCV1-210910", "MCV1-210917"]
    assert read["growth_date"].tolist() == ["2021-05-04", "2021-09-10", "2021-09-17"]
    assert read["operator"].tolist() == ["", "A. NAME", "A. NAME"]


def test_a_finished_retrieval_requests_again_and_fetches_no_scan_twice(database, study):
    first, _ = retrieved(database.url)
    assert sorted(os.listdir("downloads")) == ["responses", "scans"]
    asked = len(database.web.asked())
    second, _ = retrieved(database.url)
    assert len(database.web.asked()) == 2 * asked - 3 and database.asked("/files/") == 3
    pd.testing.assert_frame_equal(first, second)


def test_a_killed_retrieval_downloads_no_scan_twice(database, study):
    path = database.paths(FILMS[1][1])[1]
    database.web.say(path, Answer(database.spm, wait_seconds=600))
    asked = f"list_database.retrieve({database.url!r}, 'credentials.json', {QUERY}, target, 'downloads', None)"
    environment = os.environ | {"PYTHONPATH": str(PROJECT / "workflow")}
    command = [sys.executable, "-c", f"from micrograph.retrieval import list_database\n{MADE}\n{asked}"]
    with subprocess.Popen(command, cwd=study, env=environment, stdout=subprocess.DEVNULL) as process:
        while not database.web.asked(path) and process.poll() is None:
            time.sleep(0.02)
        process.kill()
    assert process.returncode == -9
    database.web.say(path, database.admitted(lambda _: Answer(database.spm)))
    kept = [file for file in Path("downloads").rglob("*") if file.is_file()]
    assert not any(SECRET.encode() in file.read_bytes() for file in kept)
    sheet, left_out = retrieved(database.url)
    assert len(sheet) == 3 and len(left_out) == 6 and database.asked("/files/") == 4
    assert len(os.listdir("downloads/scans")) == 3


def test_what_cannot_be_had_is_left_out_and_the_others_come(database, study):
    first, second = database.paths(FILMS[0][1])[0], database.paths(FILMS[1][1])[1]
    database.web.say(second, Answer(status=404))  # the next best scan stands in for it
    database.web.say(f"{API}/samples/10191/activities", {"message": "later"})
    bad = {
        "answers 404": Answer(status=404),
        "answers 500": Answer(status=500),
        "a web page was sent": Answer(b"<!DOCTYPE html><html>sorry</html>"),
        "not a NanoScope file": Answer(b'{"message": "no such file"}'),
    }
    for words, answer in bad.items():
        database.web.say(first, answer)
        sheet, left_out = retrieved(database.url)
        assert sheet["sample"].tolist() == ["MCV1-210910A-NT"] and sheet["scan"][0].endswith("_cs.spm")
        assert words in reasons(left_out)[f"MCV1-210504A-NT (sample 8620): {STUDY_NAME}"]
        assert "answers 404" in reasons(left_out)["MCV1-210910A-NT (sample 10190): center1um.0_00001.spm"]
        assert "list of activities" in reasons(left_out)["MCV1-210917A-NT (sample 10191)"]
        assert len(os.listdir("downloads/scans")) == 1


def test_a_server_that_goes_away_ends_the_retrieval_and_what_was_fetched_is_kept(database, study):
    for path in (*database.paths(FILMS[1][1]), f"{API}/samples/search"):
        due = [lambda request: database.search(request)] * 3 if "search" in path else []
        database.web.say(path, *due, Answer(status=503))
    with pytest.raises(UserError, match="answers 503"):
        retrieved(database.url)
    assert os.listdir("downloads/scans") == [f"MCV1-210504A-NT_8620_10620_86200_{STUDY_NAME}"]


def test_a_server_that_breaks_at_every_file_is_given_up(web, study, spm, monkeypatch):
    monkeypatch.setattr(list_database, "MAX_FAILURES", 3)
    films = [film(number, f"MCV1-2101{number:02d}A-NT") for number in range(10, 20)]
    database = Database(web, films, spm, most=100)
    for _, activities in films:
        web.say(database.paths(activities)[0], Answer(status=404))
    with pytest.raises(UserError, match="3 such errors"):
        retrieved(database.url)
    assert database.asked("/files/") == 3


def test_refused_credentials_are_one_sentence_and_nothing_is_cached(database, study):
    Path("credentials.json").write_text(json.dumps({"X-API-KEY": "wrong-" + SECRET}), encoding="utf-8")
    with pytest.raises(UserError, match="requires credentials, or rejects the ones it got") as caught:
        retrieved(database.url)
    assert SECRET not in str(caught.value) and not os.path.exists("downloads")
    with pytest.raises(UserError, match="cannot be reached"):
        retrieved(loopback.closed_url(), credentials="credentials.json")


@pytest.mark.parametrize("total", [{}, {"recordsFiltered": 400}])
def test_a_search_that_gives_one_page_for_ever_comes_to_an_end(database, study, total):
    database.web.say(f"{API}/samples/search", lambda request: {"data": [one for one, _ in FILMS], **total})
    sheet, left_out = retrieved(database.url)
    assert len(sheet) == 3 and database.asked("search") == 2
    assert ("395 samples" in reasons(left_out)) == bool(total)


def test_an_answer_of_another_shape_and_a_search_without_a_scan_say_why(database, study):
    for words, answer in {
        "samples/search: no field 'data'": {"message": "new interface"},
        "samples/search: no field 'sampleLabel'": {"data": [{"id": 3}]},
        "most often .*: no centre scan|most often .*: growth temperature 600": {"data": [FILMS[3][0], FILMS[4][0]]},
        "the search found nothing": {"data": []},
        "'data' is not a list": {"data": "none"},
    }.items():
        database.web.say(f"{API}/samples/search", answer)
        with pytest.raises(UserError, match=words):
            retrieved(database.url)


def test_hostile_names_stay_in_the_folder_and_in_the_sheet_s_grammar(web, study, spm):
    hostile = (
        "../../../center1um/../../evil.spm",
        "center1um\n{x}.spm",
        "/etc/center1um.spm",
        "center1um\u202e<b>.spm",
    )
    for number, name in enumerate((*hostile, f"{'c' * 300}-c-1um.spm")):
        database = Database(web, [film(7, "../../MCV1-210504A-NT", names=[name]), film(8, ".", 900)], spm)
        sheet, _ = retrieved(database.url, f"downloads/{number}")
        assert {path.name for path in study.iterdir()} == {"credentials.json", "downloads"}
        assert {Path(scan).parent for scan in sheet["scan"]} == {Path(f"downloads/{number}/scans")}
        io.write_table("downloads/samples.tsv", sheet)
        assert len(sample_sheet.read("downloads/samples.tsv", COLUMNS)) == 2


def test_hostile_numbers_lead_nowhere_else(web, study, spm):
    sample, activities = film(7, "MCV1-210504A-NT")
    sample["id"], activities[1]["id"] = "../../admin?x=", "1/../../2"
    database = Database(web, [], spm)
    database.films = [(sample, activities)]
    web.say(f"{API}/samples/..%2F..%2Fadmin%3Fx%3D/activities", activities)
    web.say(f"{API}/sample-activities/1%2F..%2F..%2F2/files/70", spm)
    assert len(retrieved(database.url)[0]) == 1
    assert all(request.path.startswith(f"{API}/sample") for request in web.asked())


def test_films_of_one_label_get_names_of_their_own_and_a_film_without_a_day_is_left_out(web, study, spm):
    films = [film(1, "film"), film(2, "Film", 900), film(3, "other", creationDate="soon")]
    sheet, left_out = retrieved(Database(web, films, spm).url)
    assert sheet["sample"].tolist() == ["Film_2", "film"] and set(sheet["batch"]) == {"2019-04-23"}
    assert reasons(left_out) == {"other (sample 3)": "it has no growth day"}


def test_a_server_that_cannot_be_reached_is_not_needed_once_everything_is_there(web, study, spm):
    database = Database(web, FILMS, spm)
    given = retrieved(database.url)
    for path in (f"{API}/samples/search", f"{API}/samples/10191/activities"):
        web.say(path, Answer(status=502))
    for was, again in zip(given, retrieved(database.url), strict=True):
        pd.testing.assert_frame_equal(was, again)
    scan = Path(given[0]["scan"][0])
    web.say(database.paths(FILMS[0][1])[0], Answer(status=502))
    for spoil in (lambda: scan.write_bytes(b""), lambda: scan.unlink(missing_ok=True)):
        spoil()
        with pytest.raises(UserError, match="files/86200: the server answers 502"):
            retrieved(database.url)


def test_a_refusal_is_not_passed_over_by_what_is_kept(database, study):
    retrieved(database.url)
    for answer in (Answer(status=401), Answer(b"?"), {"a": 1}):
        database.web.say(f"{API}/samples/search", answer)
        with pytest.raises(UserError, match="answers 401|not JSON|no field 'data'"):
            retrieved(database.url)


STEPS = [
    {"step": "Ramp up", "T": "1000", "t": "600", "P": "50"},
    {"step": "Pre-growth anneal", "T": "1000", "t": "600", "P": "50"},
    {"step": "Growth 1", "T": "950", "t": "120", "P": "50"},
    {"step": "Growth 2", "T": 950.0, "t": 300, "P": 50},
    {"step": "Post-growth anneal", "T": "1000", "t": "600", "P": "100"},
]


def told(sample, *activities):
    found = list_database._conditions(sample, list(activities))
    return found["growth_celsius"], found["growth_seconds"], found["pressure_torr"], found["substrate"]


def test_names_of_the_study_s_centre_scans_are_recognised():
    labels = ("MCV1-211011A-NT_211012-C-1um.0_00001.spm", "MCV1-211116B-CC_211117 - C - 1um.0_00001.spm")
    others = ("center1um.0_00001.spm", "x center 1um.spm", "_230213-Centre-1 um.spm", "CENTER_1\u00b5m.spm")
    assert all(map(list_database._is_centre_1um, labels + others))
    wrong = ("edge1um.spm", "center5um.spm", "C-1um.spm", "center11um.spm", "center0.1um.spm", "")
    assert not any(map(list_database._is_centre_1um, wrong))


def test_the_growth_steps_of_a_recipe_count_and_no_annealing_does():
    recipe = {"category": "PROC", "type": "SYN", "recipe": {"groups": [{"symbol": "recipe", "rows": STEPS}]}}
    measured = {"category": "CHAR", "temperature": 25, "description": "Temp: 300C"}
    # the growth steps' temperature, all their time, their median pressure
    assert told({"substrateMaterials": ["c-Sapphire"]}, measured, recipe) == (950, 420, 50, "c-Sapphire")


def test_conditions_in_fields_by_many_names_and_units_are_found():
    assert told({}, {"growthTemperature": "950 C", "Growth time (min)": 9, "P": "50 Torr"}) == (950, 540, 50, "")
    pairs = [{"symbol": "T", "value": "900"}, {"symbol": "t", "value": "480"}]
    assert told({}, {"fields": pairs}) == (900, 480, None, "")
    nested = told({"substrate": {"name": "Al2O3  c-plane"}}, {"temperature": "1000\u00b0C"})
    assert nested[::3] == (1000, "Al2O3 c-plane")


def test_descriptions_count_last_and_give_the_plane():
    words = {"description": "10 min at 950C on c-plane sapphire\nReactor pressure: 50 torr"}
    assert told(words) == (950, 600, 50, "c-plane sapphire")
    assert told(words, {"T": 900, "substrate": "A"}) == (900, 600, 50, "A")
    assert told({"description": "Temp: 950C"}, {"rows": [{"T": 900}, {"T": 1000}]})[0] == 950


@pytest.mark.parametrize(
    ("sample", "activity", "named"),
    [
        ({}, {"rows": [{"T": 900}, {"T": 950}]}, ""),
        ({}, {"T": "900 K"}, ""),
        ({"description": "Pre-growth annealing at 950C"}, {}, ""),
        ({"description": "growth at 900C, then at 950C"}, {}, "900, 950"),
        ({}, {"rows": [STEPS[2] | {"T": 900}, STEPS[3]]}, "900, 950"),
    ],
)
def test_a_temperature_in_doubt_is_not_chosen(sample, activity, named):
    with pytest.raises(UserError, match=f"no single growth temperature.*{named}"):
        list_database._conditions(sample, [activity])


def test_the_scan_as_measured_comes_before_a_processed_copy_and_the_oldest_first():
    ordered = [
        Scan("9", "145057", "center1um.0_00001.spm"),
        Scan("10", "2", "center1um.0_00003.spm"),
        Scan("10", "11", "center1um.0_00002.spm"),
        Scan("x", "1", "center1um.0_00002.spm"),
        Scan("9", "145059", "center1um.0_00001_cs.spm"),
        Scan("10", "1", "center_1um.proc.spm"),
    ]
    mixed = ordered[3:] + ordered[:3]
    assert sorted(mixed, key=list_database._rank) == ordered


def test_files_are_found_in_groups_and_by_themselves():
    activities = [
        {"id": 1, "files": [{"id": 5, "files": [{"id": 7, "filename": "a", "filetype": "spm"}]}]},
        {"ID": 2, "Files": [{"id": 8, "fileName": "b.SPM"}, {"id": 9, "filename": "c.tif", "filetype": "tif"}]},
        {"id": 3, "files": []},
        {"id": 4},
    ]
    found = [(Scan("1", "7", "a"), True), (Scan("2", "8", "b.SPM"), True), (Scan("2", "9", "c.tif"), False)]
    assert list_database._scans(activities, "there") == found
    with pytest.raises(UserError, match="there: activity 2: no field 'filename'"):
        list_database._scans([{"id": 1}, {"id": 2, "files": [{"id": 3}]}], "there")


FIELDS = ["id", "files", "filename", "data", "T", "step", "name", "value", "substrate", "growthDates"]
JSON = st.recursive(
    st.none() | st.booleans() | st.text("ab:/", max_size=5) | st.sampled_from(["950 C", "Growth", "4/23/2019"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
    max_leaves=15,
)


@given(JSON, st.dictionaries(st.sampled_from(["description", "T", "substrate", "creationDate"]), JSON))
def test_whatever_comes_is_understood_or_one_sentence(thing, sample):
    with contextlib.suppress(UserError):
        assert list_database._conditions(sample, [thing])["growth_celsius"] == 950
    assert list_database._day(sample) in ("", "2019-04-23")
    for understand in (list_database._page, list_database._scans):
        try:
            understand(thing, "there")
        except UserError as fault:
            assert str(fault).startswith("there")


def test_operator_and_growth_day_are_read_where_a_field_has_them():
    recipe = {"category": "GROWTH", "data": [{"name": "Operator", "value": "A.  Smith"}]}
    for sample, operator in (({}, "A. Smith"), ({"grownBy": {"name": "B"}}, "A. Smith; B")):
        assert list_database._conditions(sample | {"T": 950}, [recipe])["operator"] == operator
    for sample in ({"creationDate": "4/23/2019"}, {"growthDates": ["2019-04-23T00:00:00"]}):
        assert list_database._day(sample) == "2019-04-23"
    assert list_database._day({"growthDates": [], "creationDate": "soon"}) == list_database._day({}) == ""


def written(folder, text, mode=0o600):
    path = folder / "own.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return str(path)


def test_credentials_come_from_the_file_that_the_config_names_or_from_the_environment(tmp_path, monkeypatch, capsys):
    headers = {"X-API-KEY": SECRET, "Accept": "application/json"}
    path = written(tmp_path, json.dumps(headers))
    assert list_database.read_credentials(path) == headers
    for value in (path, f" {json.dumps(headers)}\n"):
        monkeypatch.setenv("LIST_CREDENTIALS", value)
        assert list_database.read_credentials() == headers
    monkeypatch.setenv("LIST_CREDENTIALS", "{}")
    assert list_database.read_credentials(path) == headers and capsys.readouterr().out == ""
    assert list_database.read_credentials(written(tmp_path, json.dumps(headers), 0o644)) == headers
    said = capsys.readouterr().out
    assert "chmod 600" in said and SECRET not in said


@pytest.mark.parametrize(
    "text",
    [f'{{"X-API-KEY": "{SECRET}"', SECRET, f'["{SECRET}"]', f'{{"X-API-KEY": {{"{SECRET}": 1}}}}']
    + ["{}", "[" * 100_000, "", b"\xff\xfe\x00"],
)
def test_broken_credentials_are_one_sentence_that_shows_nothing_of_them(tmp_path, text):
    path = written(tmp_path, text)
    with pytest.raises(UserError, match="list_database.credentials: .*JSON.*X-API-KEY") as caught:
        list_database.read_credentials(path)
    assert SECRET not in "".join(traceback.format_exception(caught.value)) and path not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "variable", "words"),
    [
        (None, "", "there are no credentials"),
        (None, SECRET, "LIST_CREDENTIALS: .*cannot be read"),
        (SECRET, "", "list_database.credentials: .*cannot be read"),
        (f'{{"X-API-KEY": "{SECRET}"}}', "", "do not belong in a config"),
        (f"{SECRET}\0", "", "list_database.credentials: .*cannot be read"),
        ("~nobody-of-this-name/x", "", "list_database.credentials: .*cannot be read"),
    ],
)
def test_a_secret_in_the_wrong_place_is_refused_and_not_shown(monkeypatch, path, variable, words):
    monkeypatch.setenv("LIST_CREDENTIALS", variable)
    with pytest.raises(UserError, match=words) as caught:
        list_database.read_credentials(path)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
