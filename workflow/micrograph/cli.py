"""The command `micrograph`: sheets, scans without a study, predictions, and runs of the workflow.

Exit status: 0 done, 1 an error in what was given, 2 a command line that cannot be read. `verify` has its own.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from micrograph import __version__, log
from micrograph.errors import UserError, exit_with_message, lookup
from micrograph.project import PROJECT, SNAKEFILE, export_package

EXTRA = {"predict": "predict", "run": "run", "report": "run", "verify": "run"}  # of the installation, by command
# Of runs; later ones win: no banner, one line of progress, a scheduler without a solver, unfinished files again.
RUN_OPTIONS = (
    *("--quiet", "host", "--logger", "progress"),
    *("--scheduler", "greedy", "--rerun-incomplete", "--cores", "all"),
)


@dataclass(frozen=True)
class Command:
    """A subcommand: what it does, the function that adds its options, the function that runs it."""

    text: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        Default ``sys.argv[1:]``.
    """
    own, passed = _split(list(sys.argv[1:] if arguments is None else arguments))
    options = _parser().parse_args(own)
    options.passed = passed
    try:
        with log.shown(sys.stderr):
            return exit_with_message(options.command.run, options)
    except ModuleNotFoundError as error:
        extra = EXTRA.get(options.name)
        if (error.name or "micrograph").startswith("micrograph") or not extra:
            raise
        raise SystemExit(
            f"\nmicrograph {options.name} needs the package {error.name}, which is not installed; in the project's "
            f"folder run: pip install '.[{extra}]'\n"
        ) from None


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Part from our own arguments those that `run` and `report` pass to Snakemake."""
    passing = arguments[:1] in (["run"], ["report"]) and arguments[1:2] not in (["-h"], ["--help"])
    return (arguments[:1], arguments[1:]) if passing else (arguments, [])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="micrograph",
        description="Predict how thin films were grown from raw AFM scans.",
        epilog="`micrograph COMMAND --help` explains a command.",
    )
    parser.add_argument("--version", action="version", version=f"micrograph {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        one = commands.add_parser(
            name,
            help=command.text.partition("\n")[0],
            description=command.text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_options(one)
        one.set_defaults(command=command, name=name)
    return parser


def _sheet_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", help="folder of the scans; subfolders are searched too")
    parser.add_argument(
        "--sheet",
        default="samples.tsv",
        help="sheet to write: .tsv, .csv or .xlsx; an existing one is never overwritten (default: %(default)s)",
    )


def _sheet(options: argparse.Namespace) -> int:
    from micrograph.scans import make_sheet

    print(make_sheet.write_and_explain(options.folder, options.sheet))
    return 0


def _scans_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", help="folder of the scans; subfolders are searched too")
    parser.add_argument(
        "--out",
        default="scans-measured",
        help="folder to make; an existing one is never overwritten (default: %(default)s)",
    )
    parser.add_argument(
        "--levelling", default="published", help="published, median or facet: docs/methods.md (default: %(default)s)"
    )


def _scans(options: argparse.Namespace) -> int:
    from micrograph.measurement import folder
    from micrograph.scans import levelling
    from micrograph.scans.conversion import Preprocessing

    lookup(options.levelling, levelling.METHODS, "levelling")
    print(folder.measure_new_folder(options.folder, options.out, Preprocessing(levelling=options.levelling)))
    return 0


def _predict_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "scans",
        help="a scan, a folder of scans (subfolders are searched too), or a sheet "
        "(.tsv, .csv, .xlsx) with the columns scan and sample: scans of one sample are one film",
    )
    parser.add_argument(
        "--model",
        default="results/final_model/model.safetensors",
        help="the final model, .safetensors or .onnx, which needs no PyTorch (default: %(default)s)",
    )
    parser.add_argument("--out", help="new folder for predictions.tsv, index.html and its images; default: print only")
    parser.add_argument(
        "--device",
        default="auto",
        choices=("auto", "cpu", "cuda", "mps"),
        help="for model.safetensors; an .onnx model runs on the processor (default: %(default)s)",
    )


def _predict(options: argparse.Namespace) -> int:
    from micrograph.prediction import new_scans

    lines, n_errors = new_scans.predict_folder(options.scans, options.model, options.out, options.device)
    print("\n".join(lines))
    return 1 if n_errors else 0


def _no_options(parser: argparse.ArgumentParser) -> None:
    """Nothing of ours: all arguments are Snakemake's."""


def _run(options: argparse.Namespace) -> int:
    return _snakemake(options.passed)


def _report(options: argparse.Namespace) -> int:
    return _snakemake([*options.passed, "--", "report"])


def _snakemake(passed: Sequence[str]) -> int:
    """Become Snakemake, in a study's folder."""
    import snakemake  # noqa: F401 (a sentence where it is missing)

    folders = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    folders.add_argument("--directory", "-d", type=Path, default=Path())
    folder = folders.parse_known_args(passed)[0].directory
    if not (folder / "config.yaml").is_file():
        raise UserError(
            f"{folder.resolve()}: no config.yaml, so this is no study; copy {PROJECT / 'config' / 'own.yaml'} there as "
            "config.yaml and edit it, or name the study's folder: --directory FOLDER."
        )
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE), *RUN_OPTIONS, *passed]
    export_package()
    sys.stdout.flush()
    os.execv(sys.executable, command)


def _verify_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", type=Path, default=Path(), help="the study's folder (default: this one)")
    parser.add_argument("--share", type=_share, help="share of the outputs, above 0, up to 1; 0.1, with --only 1")
    parser.add_argument("--seed", type=int, help="seed of the draw; a new one where none is given")
    parser.add_argument("--only", metavar="PATTERN", help="draw among outputs of such names, as 'results/tables/*'")
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="cores to compute with; all")


def _verify(options: argparse.Namespace) -> int:
    import secrets

    import snakemake  # noqa: F401 (a sentence where it is missing)

    from micrograph.provenance import verify

    share = options.share or (1.0 if options.only else 0.1)
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    wanted = verify.Verification(options.folder.resolve(), share, seed, options.only or "*", options.cores)
    return verify.verify_or_stop(wanted)


def _share(text: str) -> float:
    """Read a share from the command line."""
    if not 0 < float(text) <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not a share; give a number above 0, up to 1")
    return float(text)


COMMANDS = {
    "sheet": Command("Write a sample sheet to fill in: one row per scan of a folder.", _sheet_options, _sheet),
    "scans": Command("Convert, level, draw and measure a folder of scans, without a study.", _scans_options, _scans),
    "predict": Command(
        "Predict scans with a final model.\n\nExit status 1: some file is no scan, or what was given is wrong.",
        _predict_options,
        _predict,
    ),
    "run": Command(
        "Run a study: make what is missing or out of date.\n\nAll arguments are Snakemake's: targets (table2, fig10, a "
        "path), --directory STUDY, --cores N,\n-n (dry run), --config new_scans=FOLDER -- predict. Without --cores all "
        "cores are used.",
        _no_options,
        _run,
    ),
    "verify": Command(
        "Recompute a share of a study's results and compare the bytes.\n\nExit status 0: all are equal; 1: a file "
        "differs; 2: one could not be made again.",
        _verify_options,
        _verify,
    ),
    "report": Command("Make the report of a study, and what it needs; arguments as of `run`.", _no_options, _report),
}
