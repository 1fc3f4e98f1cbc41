"""Files for people who find, cite, build on or take over the project agree with the project and with one another."""

import json
import re

import pytest
import yaml

import micrograph
from project import PROJECT

PAGES = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").glob("*.md"), *(PROJECT / "config").glob("*.md")])
JOURNAL = "10.1016/j.matchar.2024.113701"
TARGETS = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.M))


def read(name):
    return (PROJECT / name).read_text(encoding="utf-8")


def headings(text):
    """The anchors of a page's headings, as GitHub and the documentation site name them."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    found = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_the_version_and_the_paper_are_the_same_wherever_they_stand():
    citation, codemeta, zenodo = (
        yaml.safe_load(read("CITATION.cff")),
        *map(json.loads, (read("codemeta.json"), read(".zenodo.json"))),
    )
    assert citation["version"] == codemeta["version"] == micrograph.__version__
    assert citation["title"] == zenodo["title"] and citation["license"] == zenodo["license"] == "MIT"
    dois = {reference.get("doi") for reference in citation["references"]}
    assert JOURNAL in dois and JOURNAL in codemeta["referencePublication"][0]["@id"]
    assert JOURNAL in {one["identifier"] for one in zenodo["related_identifiers"]}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_of_a_page_lead_to_files_and_headings_that_exist(page):
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page if not path else (page.parent / path).resolve()
        assert target.exists() and target.is_relative_to(PROJECT), link
        assert not anchor or anchor in headings(target.read_text(encoding="utf-8")), link


def test_continuous_integration_runs_make_targets_that_exist_and_the_pythons_of_the_lock():
    runs, pythons = [], set()
    for path in (PROJECT / ".github/workflows").glob("*.yml"):
        for job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values():
            runs += [step["run"] for step in job["steps"] if "run" in step]
            matrix = job.get("strategy", {}).get("matrix", {})
            pythons |= set(matrix.get("python", []))
    assert runs and all(run.split()[0] == "make" and run.split()[1] in TARGETS for run in runs), runs
    assert pythons == {"3.11", "3.12", "3.13"}


def test_every_page_of_the_documentation_is_in_its_contents():
    parts = yaml.safe_load(read("mkdocs.yml"))["nav"]
    listed = [page for part in parts for pages in part.values() for page in pages]
    assert sorted(listed) == sorted(path.name for path in (PROJECT / "docs").glob("*.md"))


def test_forms_and_the_catalog_entry_can_be_read():
    for path in [*(PROJECT / ".github/ISSUE_TEMPLATE").glob("*.yml"), PROJECT / ".snakemake-workflow-catalog.yml"]:
        assert yaml.safe_load(path.read_text(encoding="utf-8")), path
    for form in (PROJECT / ".github/ISSUE_TEMPLATE").glob("[!c]*.yml"):
        fields = yaml.safe_load(form.read_text(encoding="utf-8"))
        assert {"name", "description", "body"} <= set(fields)
        assert len({field["id"] for field in fields["body"]}) == len(fields["body"])
