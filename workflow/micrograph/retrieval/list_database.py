"""Scans from the LiST database: the study's centre scans, one a film, with a sample sheet and all that is left out.

The question, the filters and the local names are the study's; what the answers look like: list_answers.
"""

import hashlib
import json
import shutil
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from micrograph import io
from micrograph.errors import UserError
from micrograph.log import progress
from micrograph.retrieval import kept_answers, list_answers, names
from micrograph.retrieval.credentials import read
from micrograph.retrieval.questions import Unreachable
from micrograph.retrieval.server import Server
from micrograph.scans import formats, make_sheet, sample_sheet

LEFT_OUT = ("source", "what", "reason")
SEARCH = "samples/search"
FINISHED = "finished"  # beside the answers: when they were complete, and what could not be had
PAGE = 100  # samples asked for at once
MOST_SAMPLES = 100_000
BROKEN_IN_A_ROW = 20  # files or films, after which it is the server that is broken


class Broken(UserError):
    """One film's activities or one file cannot be had, while the server answers other questions."""


def retrieve(url, credentials, query, classes, folder, requests_per_second):
    """Fetch one centre scan of 1 um of every film that was grown at one of the classes: (sheet, left out).

    url: of the interface (.../api/v2); credentials: path of a file of request headers or None (credentials.read);
    query: the criteria of the search, a dict; classes: temperatures in Celsius; folder: where scans are kept, and the
    answers: those of an unfinished retrieval, so that the next one goes on there, and those of the last finished one
    of this url and query, which serve when the server cannot be reached and every scan is there; a line says so.
    sheet has the columns of a sample sheet, left_out LEFT_OUT: every file and film that is not used, and why.

    Of several scans of a film the one as measured counts before a processed copy, then the lowest activity and file.
    A film or file that cannot be had is left out. Raises UserError where the server is not there or refuses the
    credentials, answers otherwise than is known, or has no such scan at all; what was fetched is kept.
    """
    server = Server(url, headers=read(credentials), per_second=requests_per_second)
    try:
        return _tables(_Retrieval(server, query, Path(folder)), classes)
    except Unreachable as fault:
        return _tables(_Earlier(server, query, Path(folder), fault), classes)


def _tables(retrieval, classes):
    """(sheet, left out) of a retrieval."""
    films = [
        film for sample in progress(retrieval.samples(), "films asked for") if (film := retrieval.film(sample, classes))
    ]
    rows = [row for film in progress(films, "films fetched") if (row := retrieval.row(film))]
    left_out = pd.DataFrame(retrieval.left_out, columns=LEFT_OUT)
    retrieval.finished()
    if not rows:
        url = retrieval.server.base_url
        raise UserError(
            f"{url}: no scan came that can be used; set list_database.query otherwise. {_commonest(left_out)}"
        )
    sheet = pd.DataFrame(make_sheet.named(rows)).reindex(columns=make_sheet.COLUMNS)
    sheet["operator"] = sheet.groupby(sheet["operator"].str.casefold())["operator"].transform("first")  # one spelling
    return sheet.sort_values("sample", ignore_index=True), left_out


class _Retrieval:
    """One retrieval: what the server is asked, what it has answered so far, and what was left out."""

    def __init__(self, server, query, folder):
        self.server, self.query, self.scans = server, query, folder / "scans"
        question = json.dumps([server.base_url, query], sort_keys=True)
        digits = hashlib.sha256(question.encode()).hexdigest()[:12]
        self.answers, self.last = folder / f"unfinished-{digits}", folder / f"last-{digits}"
        self.left_out, self.broken, self.not_had = [], 0, {}

    def samples(self):
        """All samples of the search, each once, in the server's order."""
        found, hidden = self._answered("search", self._search)
        if hidden:
            self.left_out.append(("list", f"{hidden} samples", "the search counts them and does not show them"))
        return found

    def film(self, sample, classes):
        """{sample, label, scans, conditions ...} of a film of the study, None for one that is left out."""
        number, label = (str(list_answers.field(sample, what, SEARCH)) for what in ("sample", "label"))
        film = {"number": number, "label": label, "film": make_sheet.sample_name(label)}
        name, where = names.safe(f"sample-{number}"), f"samples/{quote(number, safe='')}/activities"
        try:
            activities = self._surely(name, lambda: self._answered(name, lambda: self.server.json(where)))
            found = list_answers.scans(activities, "samples/{id}/activities")
        except (Broken, list_answers.Unknown) as fault:
            return self._leave(film, "", str(fault))
        for scan, is_spm in found:
            if not is_spm or not list_answers.is_centre_1um(scan.name):
                self._leave(film, scan.name, "no centre scan of 1 um by its name" if is_spm else "no .spm file")
        film["scans"] = sorted(
            (scan for scan, spm in found if spm and list_answers.is_centre_1um(scan.name)), key=list_answers.rank
        )
        film |= list_answers.conditions(sample, activities)
        film["batch"] = sample_sheet.batch_of(film["film"]) or list_answers.day(sample)
        reason = _unfit(film, classes)
        return self._leave(film, "", reason) if reason else film

    def row(self, film):
        """The film's row of the sample sheet, its scan fetched; None where none of its scans can be had."""
        chosen = None
        for scan in film["scans"]:
            if chosen:
                self._leave(film, scan.name, f"another scan of this film is used: {chosen.name}")
                continue
            name = names.safe("_".join((film["label"], film["number"], *scan)))
            try:
                self._surely(name, lambda scan=scan, name=name: self._fetch(scan, self.scans / name))
                chosen, film["scan"] = scan, str(self.scans / name)
            except Broken as fault:
                self._leave(film, scan.name, str(fault))
        return film if chosen else None

    def finished(self):
        """Put the answers in the place of the last ones, so that the next retrieval asks anew."""
        kept_answers.write(self.answers / f"{FINISHED}.json", not_had=self.not_had)
        with io.atomic_write(self.last) as room:
            shutil.copytree(self.answers, room)
        shutil.rmtree(self.answers)

    def _search(self):
        """(samples of all pages, how many the server counts beyond these); ends with a page that brings nothing new."""
        found, start, total = {}, 0, None
        while total is None or start < total:
            question = {"start": start, "length": PAGE, "draw": start // PAGE + 1}
            rows, total = list_answers.page(self.server.json(SEARCH, body=self.query, **question), SEARCH)
            new = {str(list_answers.field(row, "sample", SEARCH)): row for row in rows}
            if new.keys() <= found.keys():
                break
            found, start = found | new, start + len(rows)
            if len(found) > MOST_SAMPLES:
                raise UserError(f"{SEARCH}: more than {MOST_SAMPLES} samples; narrow list_database.query.")
        print(f"the search has {len(found)} samples", flush=True)
        return list(found.values()), max((total or 0) - len(found), 0)

    def _answered(self, name, ask):
        """What ask() says, or said before the retrieval was interrupted."""
        path = self.answers / f"{name}.json"
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            answer = ask()
        io.write_text(path, json.dumps(answer))
        return answer

    def _fetch(self, scan, to):
        """Fetch one scan, unless it is there; what came and is no scan is thrown away."""
        activity, file = (quote(part, safe="") for part in (scan.activity, scan.file))
        self.server.fetch(f"sample-activities/{activity}/files/{file}", to)
        if not _is_scan(to):
            to.unlink()
            raise UserError("what came is no NanoScope file")

    def _surely(self, name, attempt):
        """What attempt() returns, at the thing of this name. Broken where it fails and the server answers a question
        that it answered before; else the UserError of a server that is not there, lets us in no more, or breaks at
        everything."""
        try:
            done = attempt()
        except io.Unwritable:
            raise
        except UserError as fault:
            self.server.json(SEARCH, body=self.query, start=0, length=1, draw=1)
            self.broken += 1
            if self.broken >= BROKEN_IN_A_ROW:
                raise UserError(f"{fault} {self.broken} such faults came in a row; what was fetched is kept.") from None
            self.not_had[name] = str(fault)
            raise Broken(str(fault)) from None
        self.broken = 0
        return done

    def _leave(self, film, what, reason):
        """Write down what is left out, and why."""
        told = f"{film['label']} (sample {film['number']}){': ' if what else ''}{what}"
        self.left_out.append(("list", " ".join(told.split()), " ".join(reason.split())))


class _Earlier(_Retrieval):
    """The last finished retrieval once more, by the answers and scans that are kept: nobody is asked."""

    def __init__(self, server, query, folder, fault):
        """fault: why the server cannot be asked; raised where what is kept will not do."""
        super().__init__(server, query, folder)
        self.answers, self.fault = self.last, fault
        self.finish = kept_answers.read(self.last / f"{FINISHED}.json")
        if not self.finish:
            raise fault

    def finished(self):
        """Say that this was an earlier retrieval, and leave its answers where they are."""
        when = self.finish["answered"]
        print(f"{self.fault} All scans are there: going on with its answers of {when}", flush=True)

    def _answered(self, name, _):
        return super()._answered(name, lambda: self._lack(f"its answer '{name}'"))

    def _fetch(self, scan, to):
        if not _is_scan(to):
            self._lack(f"the scan {to}")

    def _surely(self, name, attempt):
        if name in self.finish["not_had"]:
            raise Broken(self.finish["not_had"][name])
        return attempt()

    def _lack(self, what):
        when = self.finish["answered"]
        raise UserError(f"{self.fault} Its answers of {when} are kept, but {what} is not there, or not whole.")


def _is_scan(path):
    """Whether there is a NanoScope file."""
    try:
        return formats.kind(path) == "nanoscope"
    except UserError:
        return False


def _unfit(film, classes):
    """Why a film is not used, "" where it is."""
    celsius = film["growth_celsius"]
    if not film["scans"]:
        return "it has no centre scan of 1 um"
    if celsius is None:
        return "nothing tells one growth temperature"
    if celsius not in classes:
        return f"grown at {celsius:g} C, which is none of the classes"
    return "" if film["batch"] else "nothing tells its growth day"


def _commonest(left_out):
    """A sentence on why most is left out."""
    if left_out.empty:
        return "The search found nothing."
    reason, count = next(iter(left_out["reason"].value_counts().items()))
    return f"Most often ({count} times): {reason}"
