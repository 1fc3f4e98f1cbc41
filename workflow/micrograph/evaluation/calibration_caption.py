"""The words of the table of calibration: names of fits, and what its numbers say in sentences.

A sentence says that something is so only where a 95 % interval, or what true probabilities would show in all but one of
twenty studies, leaves out its contrary; what cannot be told is said to be so.
"""

from micrograph.evaluation import calibration, fits, tables


def verdict(table):
    """What the numbers say: a list of sentences. table: of calibration_table.table."""
    here = table.assign(label=calibration.labels(table[list(fits.KEYS)].to_dict("records")))
    here = here[here["stage"] != calibration.LEFT_OUT]
    scaled = here[here["stage"] == calibration.SCALED]
    said = _true(here[here["stage"] == calibration.AS_IS], "Unscaled") + _true(scaled, "Scaled")
    return said + _changed(scaled) + _covered(scaled) + _classes(scaled) + _open(scaled) + _made(scaled) + _gone(table)


def _true(rows, stage):
    """Whether probabilities are off by more than chance."""
    off = rows["ece_plain_pct"] > rows["ece_calibrated_high_pct"]
    lines = {
        f"{stage} probabilities are off by more than chance explains: {{}}.": rows[off],
        f"{stage} probabilities cannot be told from true ones: {{}}.": rows[~off],
    }
    return _listed(lines, lambda row: f"{row['label']} (error {_interval(row, 'ece_pct', 1)} %)")


def _changed(rows):
    """What scaling does to the log loss."""
    low, high = rows["log_loss_change_low"], rows["log_loss_change_high"]
    had = rows["log_loss_change"].notna()
    lines = {
        "Scaling lowers the log loss of {}.": rows[high < 0],
        "Scaling raises the log loss of {}.": rows[low > 0],
        "Whether scaling changes the log loss of {} cannot be told.": rows[had & ~(high < 0) & ~(low > 0)],
    }
    return _listed(lines, lambda row: f"{row['label']} ({_interval(row, 'log_loss_change', 3, tables.signed)})")


def _covered(rows):
    """Whether sets cover what they aim at."""
    if rows.empty:
        return []
    aim = rows["coverage_aim_pct"]
    low, high = rows["covered_pct_low"], rows["covered_pct_high"]
    lines = {
        "their interval holds the aim for {}": rows[(low <= aim) & (high >= aim)],
        "they cover less for {}": rows[high < aim],
        "they cover more for {}": rows[low > aim],
        "there is no interval for {}": rows[low.isna() & (rows["covered_pct"] < calibration.ALL)],
        "every film is covered for {}": rows[low.isna() & (rows["covered_pct"] == calibration.ALL)],
    }
    told = _listed(lines, lambda row: f"{row['label']} ({_interval(row, 'covered_pct', 0)} %)")
    return [f"Sets of scaled probabilities that aim at {tables.number(aim.iloc[0], 0)} %: {'; '.join(told)}."]


def _classes(rows):
    """The class that is covered least."""
    names = [name for name in rows if name.startswith("covered_") and name.split("_")[1].isdigit()]
    values = rows.set_index("label")[names].stack().dropna()
    if values.empty or values.min() == calibration.ALL:
        return []
    label, name = values.idxmin()
    share = tables.number(values.min(), 0)
    return [
        f"Of single classes nothing is promised: the least covered films are those of {name.split('_')[1]} °C with "
        f"{label}, {share} %."
    ]


def _open(rows):
    """Folds whose sets have no limit."""
    few = rows[rows["open_folds"] > 0].groupby(["open_folds", "folds"], sort=False)["label"]
    return [
        f"In {count:.0f} of {folds:.0f} folds there are too few validation days for this aim, and sets hold every "
        f"class: {', '.join(names)}."
        for (count, folds), names in few
    ]


def _made(rows):
    """Whose scores are no probabilities."""
    made = rows.loc[rows["scores"] == calibration.DECISIONS, "label"]
    lines = [f"{', '.join(made)}: decision values, made probabilities by a softmax at the temperature fitted to the "
             "validation films; there is nothing to show as it is."]  # fmt: skip
    return lines if len(made) else []


def _gone(table):
    """Who is left out."""
    labelled = table.assign(label=calibration.labels(table[list(fits.KEYS)].to_dict("records")))
    gone = labelled[labelled["stage"] == calibration.LEFT_OUT]
    return [f"Left out, since {why}: {', '.join(some['label'])}." for why, some in gone.groupby("why", sort=False)]


def _listed(lines, told):
    """The sentences whose rows are not empty, each with its rows told one by one."""
    there = {line: rows.to_dict("records") for line, rows in lines.items() if len(rows)}
    return [line.format(", ".join(map(told, rows))) for line, rows in there.items()]


def _data(first):
    """What the films are, to begin a sentence."""
    return f"{first['data'][:1].upper()}{first['data'][1:]}"


def _interval(row, name, digits, said=tables.number):
    return tables.interval(row[name], row[f"{name}_low"], row[f"{name}_high"], digits, said)


def caption(table):
    """The table's caption: what is shown, from what, what it says, how to read it, what would surprise (paragraphs)."""
    first = table.iloc[0]
    opening = (
        f"{calibration.NAME}. Are the probabilities that models give true, and do sets of classes hold the true one as often "
        f"as they aim at? {_data(first)}; {', '.join(table['protocol'].unique())} protocol; {first['films']:.0f} films of "
        f"{first['batches']:.0f} growth days in {first['folds']:.0f} folds. The temperature of each fold and the limit "
        "of its sets are learnt from its validation films; all that stands here is told of its test films, of which "
        "neither has seen any."
    )
    return "\n\n".join([opening, " ".join(verdict(table)), READING, SURPRISE])


READING = (
    "How to read it. Confidence: the probability of the most probable class (with NNRank, CORN and decision values "
    "not always the class that is answered). Calibration error: films in order of confidence are dealt into bins of "
    "equally many, and in each the mean confidence is compared with the share that is right. So few films show an "
    "error even where every probability is true; the one given is corrected for that by the bootstrap, beside it the "
    "plain one, and in brackets what true probabilities would show in one of twenty studies, films taken as "
    "independent; the upper end of its interval is that of the plain error where this is larger, so that it is seldom "
    "below the true one. Log loss (in nats) and Brier score (0 to 2, summed over classes) judge both knowledge and "
    "honesty: lower is better. Temperature: above 1 the probabilities were too sure, below 1 not sure enough; a mean "
    "over folds; of decision values it also holds their unit; 20 is the most that is tried, and says that the scores "
    "know nothing of the class. A probability of 0 counts as one in a million. Sets: all classes whose probability is"
    " high enough, at least one (split conformal prediction; growth days as the unit). What they aim at is the mean "
    "over new days of the share of films covered; with few validation days sets must be large to be safe, and cover "
    "more; a fold's limit strays by chance, too; and since settings and the best moment were chosen on those days, a "
    "little less may be covered. Intervals are 95 %, from redrawing whole growth days with models, temperatures and "
    "limits kept; there is none where all films are alike. Bold: an interval that leaves out 0 (change) or the aim "
    "(coverage)."
)
SURPRISE = (
    "What would surprise: sets that cover far less than they aim at, which would say that growth days are not "
    "exchangeable or that the choice of settings flatters validation much; small sets from a model that is seldom "
    "right; or scaling that raises the log loss, a sign of too few validation films. A low calibration error alone "
    "says little: the class shares of training have one, and know nothing of a film."
)
