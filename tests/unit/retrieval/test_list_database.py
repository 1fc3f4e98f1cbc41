"""A LiST database on loopback, with all the trouble that a server can make and scans as an instrument writes them."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import loopback
import small_scan
from loopback import Answer, redirect
from micrograph import io
from micrograph.errors import UserError
from micrograph.retrieval import list_database, server
from micrograph.scans import formats, sample_sheet
from project import PROJECT

API = "/list/api/v2"
SECRET = "s3cr3t-0f-the-d4tabase"
QUERY = {"projectId": "I2_inch MoS2_MOCVD1", "withCharacterization": "AFM"}
CLASSES = [900, 950, 1000]


@pytest.fixture(scope="module")
def spm(tmp_path_factory):
    """The bytes of a small scan as an instrument writes it."""
    return small_scan.write(tmp_path_factory.mktemp("scan") / "a.spm", 16)


def film(number, label, celsius=950, names=("center1um.0_00001.spm",), **more):
    """A film of the database: its sample and its activities, a growth and a measurement with files of these names."""
    growth = {"step": "Growth", "T": str(celsius), "t": "540", "P": "50"}
    groups = [
        {"id": 1, "files": [{"id": 10 * number + place, "filename": name, "filetype": "spm"}]}
        for place, name in enumerate(names)
    ]
    return {
        "id": number,
        "sampleLabel": label,
        "creationDate": "4/23/2019",
        "substrateMaterials": ["c-Sapphire"],
    } | more, [
        {
            "id": 1000 + number,
            "sampleId": number,
            "category": "PROC",
            "type": "SYN",
            "files": [],
            "recipe": {"rows": [growth]},
        },
        {
            "id": 2000 + number,
            "sampleId": number,
            "category": "CHAR",
            "sample": {"sampleLabel": label},
            "files": groups,
        },
    ]


FILMS = [
    film(
        8620, "MCV1-210504A-NT", 950, ("MCV1-210504A-NT_211201-center-1um.0_00003.spm", "edge1um.spm", "center5um.spm")
    ),
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
    monkeypatch.setattr(server, "FIRST_WAIT_SECONDS", 0.001)
    monkeypatch.delenv("LIST_CREDENTIALS", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "credentials.json").write_text(json.dumps({"X-API-KEY": SECRET}), encoding="utf-8")
    (tmp_path / "credentials.json").chmod(0o600)
    return tmp_path


def retrieved(url, folder="downloads", query=QUERY, credentials="credentials.json"):
    return list_database.retrieve(url, credentials, query, CLASSES, folder, None)


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
    assert all(formats.kind(path) == "nanoscope" for path in sheet["scan"])
    assert reasons(left_out) == {
        "MCV1-210504A-NT (sample 8620): edge1um.spm": "no centre scan of 1 um by its name",
        "MCV1-210504A-NT (sample 8620): center5um.spm": "no centre scan of 1 um by its name",
        "MCV1-210910A-NT (sample 10190): center1um.0_00001_cs.spm": (
            "another scan of this film is used: center1um.0_00001.spm"
        ),
        "MCV1-210918A-NT (sample 10193)": "grown at 600 C, which is none of the classes",
        "MCV1-210919A-NT (sample 10194): edge1um.spm": "no centre scan of 1 um by its name",
        "MCV1-210919A-NT (sample 10194)": "it has no centre scan of 1 um",
    }
    io.write_table("samples.tsv", sheet)
    read = sample_sheet.read("samples.tsv", CLASSES)
    assert read["batch"].tolist() == ["MCV1-210504", "MCV1-210910", "MCV1-210917"]
    assert read["grown"].tolist() == ["2021-05-04", "2021-09-10", "2021-09-17"]
    assert read["operator"].tolist() == ["", "A. NAME", "A. NAME"]


def test_a_finished_retrieval_asks_anew_and_fetches_no_scan_twice(database, study):
    first, _ = retrieved(database.url)
    assert [name[:5] for name in sorted(os.listdir("downloads"))] == ["last-", "scans"]
    asked = len(database.web.asked())
    second, _ = retrieved(database.url)
    assert len(database.web.asked()) == 2 * asked - 3 and database.asked("/files/") == 3
    pd.testing.assert_frame_equal(first, second)


def killed_while_asked_for(database, path, study):
    """Retrieve in a process of its own, killed when it asks for `path`."""
    database.web.say(path, Answer(database.spm, wait_seconds=600))
    asked = f"list_database.retrieve({database.url!r}, 'credentials.json', {QUERY}, {CLASSES}, 'downloads', None)"
    environment = os.environ | {"PYTHONPATH": str(PROJECT / "workflow")}
    command = [sys.executable, "-c", f"from micrograph.retrieval import list_database\n{asked}"]
    with subprocess.Popen(command, cwd=study, env=environment, stdout=subprocess.DEVNULL) as process:
        while not database.web.asked(path) and process.poll() is None:
            time.sleep(0.02)
        process.kill()
    assert process.returncode == -9
    database.web.say(path, database.admitted(lambda _: Answer(database.spm)))


def test_a_killed_retrieval_goes_on_where_it_stopped(database, study):
    killed_while_asked_for(database, database.paths(FILMS[1][1])[1], study)
    kept = [file for file in Path("downloads").rglob("*") if file.is_file()]
    assert not any(SECRET.encode() in file.read_bytes() for file in kept)
    asked = len(database.web.asked())
    sheet, left_out = retrieved(database.url)
    assert len(sheet) == 3 and len(left_out) == 6
    assert len(database.web.asked()) == asked + 2  # the two scans that were missing, and no question twice
    assert not list(Path("downloads").glob("unfinished-*")) and len(os.listdir("downloads/scans")) == 3


def test_another_question_does_not_get_the_answers_of_a_killed_one(database, study):
    killed_while_asked_for(database, database.paths(FILMS[0][1])[0], study)
    database.web.say(f"{API}/samples/search", lambda request: {"data": [FILMS[2][0]], "recordsFiltered": 1})
    assert retrieved(database.url, query=QUERY | {"more": True})[0]["sample"].tolist() == ["MCV1-210917A-NT"]


def test_cut_connections_and_busy_answers_are_only_delays(database, study):
    path = database.paths(FILMS[0][1])[0]
    database.web.say(
        path, Answer(status=500), Answer(database.spm, cut_after=100, etag='"1"'), Answer(database.spm, etag='"1"')
    )
    busy = Answer(status=429, headers={"Retry-After": "0"})
    database.web.say(f"{API}/samples/10190/activities", busy, Answer(status=503), FILMS[1][1])
    sheet, _ = retrieved(database.url)
    assert len(sheet) == 3 and Path(sheet["scan"][0]).read_bytes() == database.spm


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(status=404), "answers 404"),
        (Answer(status=500), "answers 500"),
        (Answer(b"<!DOCTYPE html><html>sorry</html>"), "a web page came"),
        (Answer(b'{"message": "no such file"}'), "no NanoScope file"),
        (Answer(b""), "no NanoScope file"),
    ],
)
def test_a_broken_file_is_left_out_and_the_others_come(database, study, answer, words):
    path = database.paths(FILMS[0][1])[0]
    database.web.say(path, answer)
    sheet, left_out = retrieved(database.url)
    assert sheet["sample"].tolist() == ["MCV1-210910A-NT", "MCV1-210917A-NT"]
    assert words in reasons(left_out)["MCV1-210504A-NT (sample 8620): MCV1-210504A-NT_211201-center-1um.0_00003.spm"]
    assert len(os.listdir("downloads/scans")) == 2


def test_the_next_best_scan_of_a_film_stands_in_for_a_broken_one(database, study):
    database.web.say(database.paths(FILMS[1][1])[1], Answer(status=404))
    sheet, left_out = retrieved(database.url)
    assert sheet["scan"][1].endswith("_cs.spm")
    assert "answers 404" in reasons(left_out)["MCV1-210910A-NT (sample 10190): center1um.0_00001.spm"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(status=404), "answers 404"),
        (Answer({"message": "later"}), "samples/{id}/activities: the answer is no list of activities"),
        (Answer(b"<html>busy</html>"), "a web page came"),
    ],
)
def test_a_film_whose_activities_cannot_be_had_is_left_out(database, study, answer, words):
    database.web.say(f"{API}/samples/10191/activities", answer)
    sheet, left_out = retrieved(database.url)
    assert len(sheet) == 2 and words in reasons(left_out)["MCV1-210917A-NT (sample 10191)"]


def test_a_server_that_goes_away_ends_the_retrieval_and_what_was_fetched_is_kept(database, study):
    for path in (*database.paths(FILMS[1][1]), f"{API}/samples/search"):
        due = [lambda request: database.search(request)] * 3 if "search" in path else []
        database.web.say(path, *due, Answer(status=503))
    with pytest.raises(UserError, match="answers 503"):
        retrieved(database.url)
    assert os.listdir("downloads/scans") == [
        "MCV1-210504A-NT_8620_10620_86200_MCV1-210504A-NT_211201-center-1um.0_00003.spm"
    ]
    Database(database.web, FILMS, database.spm)
    searched = database.asked("search")
    assert len(retrieved(database.url)[0]) == 3 and database.asked("search") == searched


def test_a_server_that_breaks_at_every_file_is_given_up(web, study, spm, monkeypatch):
    monkeypatch.setattr(list_database, "BROKEN_IN_A_ROW", 3)
    films = [film(number, f"MCV1-2101{number:02d}A-NT") for number in range(10, 20)]
    database = Database(web, films, spm, most=100)
    for _, activities in films:
        web.say(database.paths(activities)[0], Answer(status=404))
    with pytest.raises(UserError, match="3 such faults came in a row"):
        retrieved(database.url)
    assert database.asked("/files/") == 3


def test_refused_credentials_are_one_sentence_and_nothing_is_cached(database, study):
    Path("credentials.json").write_text(json.dumps({"X-API-KEY": "wrong-" + SECRET}), encoding="utf-8")
    with pytest.raises(UserError, match="asks for credentials, or does not know the ones it got") as caught:
        retrieved(database.url)
    assert SECRET not in str(caught.value) and not os.path.exists("downloads")
    with pytest.raises(UserError, match="it cannot be reached"):
        retrieved(loopback.closed_url(), credentials="credentials.json")


@pytest.mark.parametrize("total", [{}, {"recordsFiltered": 400}])
def test_a_search_that_gives_one_page_for_ever_comes_to_an_end(database, study, total):
    database.web.say(f"{API}/samples/search", lambda request: {"data": [one for one, _ in FILMS], **total})
    sheet, left_out = retrieved(database.url)
    assert len(sheet) == 3 and database.asked("search") == 2
    assert ("395 samples" in reasons(left_out)) == bool(total)


def test_an_answer_of_another_shape_says_which_field_is_missing(database, study):
    database.web.say(f"{API}/samples/search", {"message": "new interface"})
    with pytest.raises(UserError, match="samples/search: no field 'data' in the answer"):
        retrieved(database.url)
    database.web.say(f"{API}/samples/search", {"data": [{"id": 3}]})
    with pytest.raises(UserError, match="samples/search: no field 'sampleLabel'"):
        retrieved(database.url)


def test_a_search_without_any_scan_says_why(database, study):
    database.web.say(f"{API}/samples/search", {"data": [FILMS[3][0], FILMS[4][0]]})
    with pytest.raises(UserError, match="no scan came that can be used; set list_database.query otherwise. Most often"):
        retrieved(database.url)
    database.web.say(f"{API}/samples/search", {"data": []})
    with pytest.raises(UserError, match="The search found nothing"):
        retrieved(database.url)


HOSTILE = (
    "../../../center1um/../../evil.spm",
    "center1um\n{x}.spm",
    "/etc/center1um.spm",
    "center1um\u202e<b>.spm",
    "c" * 300,
)


@pytest.mark.parametrize("name", [name if "1um" in name else f"{name}-c-1um.spm" for name in HOSTILE])
def test_hostile_names_stay_in_the_folder_and_in_the_sheet_s_grammar(web, study, spm, name):
    database = Database(web, [film(7, "../../MCV1-210504A-NT", names=[name]), film(8, ".", 900)], spm)
    sheet, _ = retrieved(database.url)
    assert sorted(path.name for path in study.iterdir()) == ["credentials.json", "downloads"]
    assert {Path(scan).parent for scan in sheet["scan"]} == {Path("downloads/scans")}
    io.write_table("samples.tsv", sheet)
    assert len(sample_sheet.read("samples.tsv", CLASSES)) == 2


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
    assert reasons(left_out) == {"other (sample 3)": "nothing tells its growth day"}


def test_the_key_goes_to_the_database_alone_and_stands_in_no_file_log_or_message(database, study, capfd):
    path = database.paths(FILMS[0][1])[0]
    database.web.say(path, redirect(f"{database.web.other_url}/stolen"))
    database.web.say("/stolen", Answer(database.spm))
    database.web.say(f"{API}/samples/10191/activities", Answer(status=500))
    sheet, left_out = retrieved(database.url)
    assert len(sheet) == 2 and "x-api-key" not in database.web.asked("/stolen")[0].headers
    database.web.say(f"{API}/samples/search", Answer(status=401))
    with pytest.raises(UserError) as caught:
        retrieved(database.url)
    said = "".join(capfd.readouterr()) + repr(caught.value) + left_out.to_csv() + sheet.to_csv()
    kept = [file for file in study.rglob("*") if file.is_file() and file.name != "credentials.json"]
    assert kept and SECRET not in said and not any(SECRET.encode() in file.read_bytes() for file in kept)


def test_it_is_polite(database, study):
    list_database.retrieve(database.url, "credentials.json", QUERY, CLASSES, "downloads", 20)
    times = [request.at for request in database.web.asked()]
    assert len(times) == 11 and times[-1] - times[0] > 0.45  # ten pauses of a twentieth of a second
    assert all(re.match(f"{API}/sample", request.path) for request in database.web.asked())


def test_real_files_of_instruments_come_through_unchanged(web, study, shared_scans):
    real = shared_scans / "v940_spmconverter_AFM.spm"
    sheet, _ = retrieved(Database(web, [film(1, "MCV1-210504A-NT")], real.read_bytes()).url)
    assert Path(sheet["scan"][0]).read_bytes() == real.read_bytes()


def test_a_server_that_cannot_be_reached_is_not_needed_once_everything_is_there(web, study, spm, capsys):
    database = Database(web, FILMS, spm)
    web.say(database.paths(FILMS[1][1])[1], Answer(status=404))  # this scan and these activities cannot be had
    web.say(f"{API}/samples/10191/activities", Answer(b"?"))
    given = retrieved(database.url)
    assert len(given[0]) == 2 and len(given[1]) == 7
    for fault in (Answer(status=502), Answer(status=503, headers={"Retry-After": "9999"})):
        web.say(f"{API}/samples/search", fault)
        for was, again in zip(given, retrieved(database.url), strict=True):
            pd.testing.assert_frame_equal(was, again)
        assert capsys.readouterr().out.count("All scans are there: going on with its answers of 20") == 1
    Database(web, FILMS, spm)
    assert len(retrieved(database.url)[0]) == 3  # and once it is there, it is asked anew


def test_a_server_that_goes_away_in_the_middle_leaves_the_last_answers(database, study):
    given = retrieved(database.url)
    gone = [lambda request: database.search(request)] * 3
    database.web.say(f"{API}/samples/search", *gone, Answer(status=500))
    database.web.say(f"{API}/samples/10191/activities", Answer(status=500))
    pd.testing.assert_frame_equal(retrieved(database.url)[0], given[0])
    Database(database.web, FILMS, database.spm)
    asked = database.asked("search")
    pd.testing.assert_frame_equal(retrieved(database.url)[0], given[0])
    assert database.asked("search") == asked, "what was answered before the server went away is not asked again"


@pytest.mark.parametrize("fault", [Answer(status=401), Answer(status=403), Answer(status=404), Answer(b"?"), {"a": 1}])
def test_a_refusal_is_not_passed_over_by_what_is_kept(database, study, fault):
    retrieved(database.url)
    database.web.say(f"{API}/samples/search", fault)
    with pytest.raises(UserError, match="answers 40|no JSON|no field 'data'"):
        retrieved(database.url)


def test_what_is_kept_serves_no_other_question_and_not_without_its_scans(database, study):
    scan = Path(retrieved(database.url)[0]["scan"][0])
    with pytest.raises(UserError, match=r"cannot be reached.*try again later\.$"):
        retrieved(loopback.closed_url() + API)
    database.web.say(f"{API}/samples/search", Answer(status=500))
    with pytest.raises(UserError, match=r"answers 500.*try again later\.$"):
        retrieved(database.url, query=QUERY | {"more": True})
    scan.write_bytes(b"")
    with pytest.raises(
        UserError, match="answers 500.* are kept, but the scan downloads/scans/MCV1-210504A-NT_8620.* is not"
    ):
        retrieved(database.url)
    scan.unlink()
    with pytest.raises(
        UserError, match="answers 500.* are kept, but the scan downloads/scans/MCV1-210504A-NT_8620.* is not"
    ):
        retrieved(database.url)


def test_samples_of_hostile_numbers_do_not_take_the_names_of_other_answers(web, study, spm):
    films = [film(7, "MCV1-210504A-NT"), film(8, "MCV1-210505A-NT")]
    database = Database(web, films, spm)
    for (sample, activities), number in zip(films, ("search", "finished"), strict=True):
        sample["id"] = number
        web.say(f"{API}/samples/{number}/activities", activities)
    given = retrieved(database.url)
    assert len(given[0]) == 2
    web.say(f"{API}/samples/search", Answer(status=500))
    pd.testing.assert_frame_equal(retrieved(database.url)[0], given[0])
