"""Sentences of the caption of the table of leakage, each said only where the table has rows that it speaks of."""

from micrograph.trust.leakage import MIN_DRAWS

# Of every paragraph the sentences: (pattern of the rows that it speaks of, as of _rows; sentence).
SHUFFLED_ROWS = " (?:films|batches|both) "
PROTOCOLS = (
    (
        r"^strict",
        "Strict: each film is tested once, by a model that saw no film of its growth day; it reports test accuracy.",
    ),
    (
        r"^published",
        "Published, the paper's way: it reports validation accuracy, of the films on which each fold's settings were "
        "chosen; their fine-tuned features may come from a network trained on them.",
    ),
)
SHUFFLED = (
    (
        SHUFFLED_ROWS,
        "Temperatures dealt by chance: before anything is fitted the growth temperatures are dealt anew, film by film, "
        "or day by day so that a day's stay together; networks, components and settings are then fitted to them. No "
        "micrograph shows a temperature that it got by lot.",
    ),
    (f"^strict{SHUFFLED_ROWS}", "Strict test accuracy must therefore lie at chance."),
    (
        f"^published{SHUFFLED_ROWS}",
        "What published validation accuracy has above chance is the work of its leaks, in points.",
    ),
)
EACH = (
    (
        r"^strict\+",
        "A leak added: strict+X is strict with leak X, and reports test accuracy; the change is against strict. What a "
        "leak adds would not be there for new films.",
    ),
    (
        r"^published-",
        "A leak closed: published-X is published without leak X, and reports validation accuracy; the change is "
        "against published. What it loses would not be there for new films.",
    ),
    (
        r"^\S+[+-](?:train_mode|last_weights)",
        "Two leaks, the validation loss in training mode and the last weights, show no film's temperature to anything: "
        "they are habits of training, and what they change may be there for new films, too.",
    ),
    (
        r"^strict\+one_fold",
        "Features of all folds from one fold's network: strict trains on K − 2 of K parts, so that with few folds this "
        "network saw only part of the films tested, and only part of those that the other folds' models learn from; "
        "that weakens the leak.",
    ),
    (r"^strict\+grid", "Settings chosen on the films reported: in strict that means on the test films."),
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
    (
        SHUFFLED_ROWS,
        "Below chance is bad luck, and it comes in groups: models on the same features err on the same films, and "
        "simulated studies in which nothing could be known had such rows, too.",
    ),
    (r"^strict", "Strict validates and tests the same films, in turn."),
    (
        r"^published",
        "Published tests the same few films in every fold and never validates them: its gap also holds how hard these "
        "few films are.",
    ),
    (
        "",
        "In brackets 95 % intervals from redrawing whole growth days (of permuted temperatures whole permutations; of "
        f"fewer than {MIN_DRAWS} permutations each day of each), of two parts or protocols by the same days, with the "
        "fitted models kept. Bold: intervals that leave out 0; of twenty comparisons of nothing with nothing about one "
        "is bold.",
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
        "strict test accuracy above chance on temperatures dealt by chance in more than one or two rows of forty, or "
        "for all models together, which would be a leak in this program",
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
