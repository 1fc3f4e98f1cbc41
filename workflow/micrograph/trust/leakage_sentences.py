"""Sentences of the caption of the table of leakage, each said only where the table has rows that it speaks of."""

# Of every paragraph the sentences: (pattern of the rows that it speaks of, as of _rows; sentence).
SHUFFLED_ROWS = " (?:films|batches|both) "
PROTOCOLS = (
    (
        r"^strict",
        "Strict: each film is tested once, by a model that saw no film of its growth day, and test accuracy is what it "
        "reports.",
    ),
    (
        r"^published",
        "Published: the paper's way; the accuracy that it reports is that of each fold's validation films, which have "
        "chosen the settings, and whose fine-tuned features may come from a network trained on them.",
    ),
)
SHUFFLED = (
    (
        SHUFFLED_ROWS,
        "Temperatures dealt by chance: before anything else is done the growth temperatures are dealt anew, between "
        "films, or between growth days so that a day's stay together, and then everything is fitted to them from the "
        "start: networks, components, settings. No micrograph shows a temperature that it got by lot.",
    ),
    (f"^strict{SHUFFLED_ROWS}", "Strict test accuracy must therefore lie at chance."),
    (
        f"^published{SHUFFLED_ROWS}",
        "What published validation accuracy has above chance is no knowledge of films, but the protocol's leaks, in "
        "points.",
    ),
)
EACH = (
    (
        r"^strict\+",
        "A leak added: strict+X is strict with leak X added, and reports test accuracy; the change is to strict as it "
        "is. What a leak adds would not be there for new films.",
    ),
    (
        r"^published-",
        "A leak closed: published-X is published with leak X closed, and reports validation accuracy; the change is to "
        "published as it is. What it loses would not be there for new films.",
    ),
    (
        r"^\S+[+-](?:train_mode|last_weights)",
        "Two leaks, the validation loss in training mode and the last weights, show no film's temperature to anything: "
        "they are habits of training, and what they change may be there for new films, too.",
    ),
    (
        r"^strict\+one_fold",
        "Features of all folds from one fold's network: strict trains on K − 2 of K parts: with few folds the shared "
        "network knows few of the films tested, and the models of other folds learn partly from films that it was not "
        "trained on; both mute this leak.",
    ),
    (r"^strict\+grid", "Settings chosen on the films reported are chosen on the test films in strict."),
    (
        r"^published-grid",
        "With that leak closed published compares settings on the validation films of the other folds.",
    ),
    (
        r"^\S+[+-]ungrouped",
        "With films of a day on both sides the folds are other ones, so that this change also holds the luck of the "
        "deal.",
    ),
)
READING = (
    (
        "",
        "How to read it: chance is what the same answers would get right if each fold's were dealt anew among its "
        "films; it is higher for a model that names the commonest temperature more often.",
    ),
    (r"^strict", "Strict validates and tests the same films, in turn."),
    (
        r"^published",
        "Published tests films that it never validates, so that its gap also holds how hard those few films are.",
    ),
    (
        "",
        "In brackets 95 % intervals from redrawing whole growth days (of temperatures dealt by chance each day of each "
        "draw), of two parts or protocols by the same days, with the fitted models kept. Bold: intervals that leave "
        "out 0; of twenty comparisons of nothing with nothing about one is bold.",
    ),
    (
        f"^(?:published|\\S+ungrouped){SHUFFLED_ROWS}",
        "Films of a day on both sides can betray a temperature dealt by chance only where whole days got it: dealt "
        "film by film, the films of a day have nothing in common but their look.",
    ),
)
SURPRISE = (
    (r"^strict true", "strict validation accuracy above test accuracy by more than choosing settings adds"),
    (
        f"^strict{SHUFFLED_ROWS}",
        "strict test accuracy above chance on shuffled temperatures in more rows than one in forty, or for all models "
        "together, which would be a leak in this program",
    ),
    (
        f"^published{SHUFFLED_ROWS}tuned",
        "published validation accuracy at chance there for models on fine-tuned features",
    ),
    (r"^published true", "published validation accuracy below its test accuracy"),
    (r"^published-", "a published accuracy that stays what it is when its leaks are closed"),
)
PARAGRAPHS = (PROTOCOLS, SHUFFLED, EACH, READING)


def of(table, part):
    """The sentences of a part that speak of rows which the table (leakage.table) has, a list of texts."""
    return [said for pattern, said in part if _rows(table).str.contains(pattern).any()]


def _rows(table):
    """The rows of the table as texts to be searched: "strict+grid films tuned"."""
    return table["protocol"] + " " + table["labels"] + " " + table["features"]
