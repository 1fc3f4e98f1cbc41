"""A folder of simulated scans as a laboratory keeps them, for the tutorial: python -m micrograph.simulation.example.

``scans/`` has twelve films of nine growth days, in files named as the microscope names them, ``growth_log.csv`` is the
notebook of whoever grew them, and ``new/`` has three films of later days. Nine days are the fewest that three folds of
three classes can split.
"""

import datetime
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from micrograph.errors import UserError, exit_with_message
from micrograph.log import progress
from micrograph.rng import random_stream
from micrograph.simulation import simulate

SEED = 12
CLASSES = (900, 950, 1000)
DAYS, NEW_DAYS = 9, 3  # three days for each class
DAYS_OF_TWO = 3  # the first days, with a second film
FIRST_DAY = datetime.date(2021, 4, 5)
PIXELS = 256


def write(folder: str | Path) -> None:
    """Write the scans and the growth log.

    Parameters
    ----------
    folder : path
        To be made.

    Raises
    ------
    UserError
        If it exists.
    """
    folder = Path(folder)
    if folder.exists():
        raise UserError(f"{folder}: exists already; name a new folder.")
    films, log = list(_films()), []
    with TemporaryDirectory() as truth:
        for film in progress(films, "films grown and scanned"):
            place = folder / ("new" if film["is_new"] else "scans")
            place.mkdir(parents=True, exist_ok=True)
            simulate.simulate_scan(film, SEED, place / film["file"], Path(truth, f"{film['file']}.npz"), PIXELS)
            if not film["is_new"]:
                log.append({name: film[name] for name in ("file", "growth_celsius", "growth_seconds", "operator")})
    pd.DataFrame(log).to_csv(folder / "growth_log.csv", index=False)


def _films() -> Iterator[dict[str, Any]]:
    """Return the films: every growth day has one temperature, and its films are scanned on the day after."""
    rng = random_stream(SEED, "example")
    for day in range(DAYS + NEW_DAYS):
        grown = FIRST_DAY + datetime.timedelta(days=5 * day)
        scanned = grown + datetime.timedelta(days=1)
        seconds = int(rng.integers(20, 90)) * 10
        for number in range(2 if day < DAYS_OF_TWO else 1):
            yield {
                "sample": f"MCV1-{grown:%y%m%d}a-{number:02d}",
                "batch": f"MCV1-{grown:%y%m%d}",
                "growth_celsius": CLASSES[day % 3],
                "growth_seconds": seconds,
                "substrate": "c-Sapphire",
                "operator": ("AB", "CD")[day % 2],
                "file": f"{scanned:%y%m%d}_MoS2.{number:03d}",
                "is_new": day >= DAYS,
            }


if __name__ == "__main__":
    exit_with_message(write, *sys.argv[1:2] or ["tutorial"])
