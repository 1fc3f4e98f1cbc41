"""Remote names become local ones that cannot leave their folder, hide, or fall together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micrograph.retrieval import names
from micrograph.scans.sample_sheet import FILE_NAME


@pytest.mark.parametrize("name", ["film.spm", "MCV1-210405a-07_c_1um.0_00000.spm", "a", "A+b_c-d.tar.gz", "_a"[1:]])
def test_a_plain_name_stays_as_it_is(name):
    assert names.safe(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *(
            "../../etc/passwd",
            "/etc/passwd",
            "..",
            ".",
            "",
            "a/b.spm",
            "a\\b.spm",
            "C:\\x.spm",
            ".bashrc",
            "-rf",
            "~",
            "a ",
        ),
        *("con", "NUL.txt", "com1.spm", "film\n.spm", "film\0.spm", "film 1.spm", "µ.spm", "a\u202espm.exe", "\ud800"),
        *("a.part", "a.part.version", "$(reboot).spm", "{sample}.spm", "<a>.spm", "a." + "b" * 300, "x" * 400 + ".spm"),
    ],
)
def test_any_other_name_becomes_one_plain_name(name):
    local = names.safe(name)
    assert FILE_NAME.fullmatch(local) and local != name and len(local) <= names.LONGEST
    assert not local.endswith((".", *names.OURS)) and names.safe(name) == local
    assert names.safe(local) == local


def test_the_ending_is_kept_and_so_is_what_can_be_read():
    assert names.safe("film 17 (center).spm").startswith("film_17_center-")
    assert names.safe("film 17 (center).spm").endswith(".spm")


@given(st.lists(st.text(st.sampled_from("aA /.b-_"), max_size=4) | st.text(max_size=300), max_size=12))
def test_names_in_one_folder_stay_apart_whatever_they_are(remote):
    local = names.apart(remote)
    assert list(local) == list(dict.fromkeys(remote))
    assert len({name.lower() for name in local.values()}) == len(local)
    assert all(FILE_NAME.fullmatch(name) for name in local.values())


def test_a_name_made_to_fall_on_anothers_stays_apart():
    local = names.apart(["a b.spm", names.safe("a b.spm"), "x.spm", "X.spm"])
    assert len({name.lower() for name in local.values()}) == 4
