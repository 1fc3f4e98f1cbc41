"""The example laboratory of the tutorial: every scan can be read, and the log knows every film that is not new."""

from itertools import groupby

import pandas as pd
import pytest

from micrograph.errors import UserError
from micrograph.scans import make_sheet, nanoscope
from micrograph.simulation import example


@pytest.fixture
def small(monkeypatch):
    """Scans of few pixels."""
    monkeypatch.setattr(example, "PIXELS", 32)


def test_the_sheet_of_the_example_lists_all_scans_and_the_log_fills_it(tmp_path, small):
    example.write(tmp_path / "lab")
    rows, _ = make_sheet.write_sheet(tmp_path / "lab/scans", tmp_path / "samples.tsv")
    log = pd.read_csv(tmp_path / "lab/growth_log.csv").set_index("file")
    names = [row["scan"].rpartition("/")[2] for row in rows]
    assert sorted(names) == sorted(log.index) and len(names) == 12
    days = {batch: {log["growth_celsius"][row["scan"].rpartition("/")[2]] for row in group}
            for batch, group in groupby(rows, lambda row: row["batch"])}  # fmt: skip
    assert len(days) == 9 and all(len(temperatures) == 1 for temperatures in days.values())
    counts = pd.Series([next(iter(one)) for one in days.values()]).value_counts()
    assert counts.to_dict() == {900: 3, 950: 3, 1000: 3}
    new = sorted((tmp_path / "lab/new").iterdir())
    assert len(new) == 3 and all(nanoscope.read_header(path).date for path in new)
    with pytest.raises(UserError, match="exists already"):
        example.write(tmp_path / "lab")
