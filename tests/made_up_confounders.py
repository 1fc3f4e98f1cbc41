"""Films and answers made up by hand for the table of confounders."""

from dataclasses import replace

import numpy as np
import pandas as pd

from made_up import RUN, resampling
from micrograph.evaluation import confounders
from micrograph.evaluation.summaries import Fit
from micrograph.splits.fit_spec import FitSpec
from tables_of_films import TARGET

SPEC = FitSpec("strict", "imagenet", "aug3", "image", "nominal", "CNN")


def films(count=60, a_day=3, **columns):
    """Samples, three a growth day, the same but for the given columns."""
    same = {"growth_seconds": 300.0, "substrate": "c", "pressure_torr": 50.0, "operator": "anna"}
    return pd.DataFrame(
        {
            "sample": [f"f{place:03d}" for place in range(count)],
            "batch": [f"d{place // a_day:03d}" for place in range(count)],
        }
        | same
        | columns
    )


def scans(sheet):
    """The samples with the columns of their scans."""
    shape = {"lines": 256, "pixels": 256, "lines_planned": 256, "width_nm": 1000.0, "tall_nm": 1000.0}
    return sheet.assign(**shape, channel="Height Sensor", direction="trace")


def answered(sheet, right, protocol="strict", learnt=40):
    """A Fit of one fold that tests all films, truly all of 950 C; `learnt` others were trained on, most of 1000 C."""
    tested = sheet[["sample", "batch"]].assign(split="test", y_true=950, y_pred=np.where(right, 950.0, 900.0))
    truth = [1000] * (learnt // 2 + 1) + [950] * (learnt - learnt // 2 - 1)
    names = [f"t{place}" for place in range(learnt)]
    trained = pd.DataFrame({"sample": names, "batch": names, "y_true": truth, "y_pred": 950.0})
    rows = pd.concat([tested, trained.assign(split="train")], ignore_index=True)
    return Fit(
        replace(SPEC, protocol=protocol),
        rows.assign(fold=0, augmentation=0, y_pred_value=np.nan, y_true_value=lambda rows: rows["y_true"]),
    )


def tabled(sheet, right, splits=(), same=(), untested=None, n_bootstrap=300):
    return confounders.make_table(
        scans(sheet),
        [answered(sheet, right)],
        list(splits),
        list(same),
        untested or {},
        TARGET,
        resampling=resampling(n_bootstrap),
        run=RUN,
    )


def rows(table, kind):
    return table[table["kind"] == kind].set_index("group")
