"""The real workflow, whole, at smoke size."""

import re
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from micrograph import io
from micrograph.models import storage
from micrograph.networks import checkpoints, mlp, replace_head, transforms
from project import PROJECT, Study

TRUSTED = (
    "leakage",
    "baselines",
    "confounders",
    "calibration",
    "learning_curve",
    "transfer",
)  # a table and a figure each
TABLES = (
    "table1",
    "fidelity",
    "table2",
    "table3",
    "table4",
    "tableS1",
    "tuned_networks",
    "component_correlations",
    "attribution_tests",
    *TRUSTED,
    "conclusions",
)
FIGURES = ("fig1", "fig2", "fig3", "figS2", "fig4", "fig5", "fig7", "fig8", "fig9", "fig10",
           "attribution_tests", "confusion_table2", "training_curves", *TRUSTED)  # fmt: skip


def test_every_table_figure_and_the_report_are_made(smoke):
    made = smoke.results()
    wanted = {f"tables/{name}.{suffix}" for name in TABLES for suffix in ("tsv", "md", "html")}
    wanted |= {f"figures/{name}.{suffix}" for name in FIGURES for suffix in ("pdf", "svg", "png")}
    wanted |= {"figures/fig6.pdf", "figures/fig6/page01.svg", "report/index.html"}
    wanted |= {"report/parts/samples.js", "final_model/model.safetensors", "final_model/card.md"}
    assert wanted <= set(made)
    assert all(len(made[name]) > 500 for name in wanted)
    assert "24 of 24 scans read, 0 rejected" in smoke.printed


def test_simulated_data_is_called_simulated_wherever_results_are_shown(smoke):
    made = smoke.results()
    for name in (*(f"tables/{name}.{suffix}" for name in TABLES for suffix in ("md", "html")), "report/index.html",
                 "final_model/card.md"):  # fmt: skip
        assert b"simulated" in made[name].lower(), name
    for name in TABLES:
        assert b"simulated" in made[f"tables/{name}.tsv"], name
    for name in FIGURES:
        assert b"simulated films" in made[f"figures/{name}.svg"], name
    assert set(io.read_table(smoke.folder / "results/micrographs/samples.tsv")["data"]) == {"simulated"}


def test_no_half_written_file_is_left(smoke):
    assert not [path for path in smoke.folder.rglob("*") if path.name.startswith(".partial-")]


def test_under_strict_every_sample_is_tested_once_by_a_model_that_saw_nothing_of_its_batch(smoke):
    folders = sorted((smoke.folder / "results/predictions").glob("strict*"))
    assert {folder.name for folder in folders} >= {"strict", "strict.repeat1", "strict.share60"}
    paths = [path for folder in folders for path in sorted(folder.rglob("*.tsv"))]
    assert {path.stem for path in paths} == {"SVC", "GBC", "MLP", "CNN", "OLR"}
    for path in paths:
        out_of_fold(io.read_table(path))


def test_a_permutation_is_the_fit_under_the_protocol_of_its_name(copy_of_smoke):
    permuted = io.read_table(copy_of_smoke.folder / "results/permutations/strict/imagenet/aug3/nominal.tsv")
    assert permuted.groupby("labels")["permutation"].nunique().to_dict() == {"films": 10, "batches": 10}
    path = "results/predictions/strict.shuffled_{}{}/imagenet/aug3/pool_cev85/nominal/SVC.tsv"
    paths = {drawn: path.format(*drawn) for drawn in (("films", 1), ("batches", 7))}
    copy_of_smoke.run(*paths.values())
    for (labels, draw), path in paths.items():
        alone = io.read_table(copy_of_smoke.folder / path).query("split != 'train'").reset_index(drop=True)
        here = permuted[(permuted["labels"] == labels) & (permuted["permutation"] == draw)].reset_index(drop=True)
        columns = ["fold", "split", "sample", "batch", "y_true", "y_pred"]
        pd.testing.assert_frame_equal(here[columns], alone[columns])


def out_of_fold(predictions):
    tested = predictions[predictions["split"] == "test"]
    assert sorted(tested["sample"]) == sorted(set(predictions["sample"]))
    for _, fold in predictions.groupby("fold"):
        sides = fold.groupby("batch")["split"].nunique()
        assert (sides == 1).all()


def test_the_components_of_a_protocol_are_one_job_and_any_one_file_can_be_requested(copy_of_smoke):
    wanted = [f"results/pca/strict/imagenet/pool_cev{cev}.npz" for cev in (85, 60)]
    for path in wanted:
        (copy_of_smoke.folder / path).unlink(missing_ok=True)
    printed = copy_of_smoke.run("--", *wanted)
    made = [io.FeatureSet.read(copy_of_smoke.folder / path).values for path in wanted]
    assert re.findall(r"(?m)^(fit_pca\w*) +(\d+)$", printed) == [
        ("fit_pca", "1"),
        ("fit_pca_strict_imagenet", "1"),
    ]
    for more, fewer in zip(*made, strict=True):
        assert fewer.shape[1] < more.shape[1]
        np.testing.assert_allclose(fewer, more[:, : fewer.shape[1]], rtol=1e-9, atol=1e-12)


def in_other_jobs(settings):
    """The settings, two folds of networks a job in place of three."""
    return {**settings, "training": {**settings["training"], "folds_per_job": 2}}


def test_fits_made_again_on_one_core_in_other_jobs_are_the_same_bytes(copy_of_smoke, smoke_settings):
    tuned = "results/predictions/strict/imagenet/aug3/tuned/nominal/SVC.tsv"
    pool = tuned.replace("tuned", "pool_cev85")
    before = {path: (copy_of_smoke.folder / path).read_bytes() for path in (tuned, pool)}
    (features,) = (copy_of_smoke.folder / "results/features/imagenet/pool").glob("*.npz")
    network = "results/networks/strict/imagenet/aug3/tuned/outputs{}.npz"
    before_features, before_answers = features.read_bytes(), answers(copy_of_smoke, network, "0-2")
    again = Study(copy_of_smoke.folder, in_other_jobs(smoke_settings))
    again.run("--forcerun", "extract_features", "--", tuned, pool, cores=1, forked=False)
    assert {path: (copy_of_smoke.folder / path).read_bytes() for path in before} == before
    assert features.read_bytes() == before_features
    assert answers(copy_of_smoke, network, "0-1", "2") == before_answers


def answers(study, pattern, *chunks):
    """{fold's array: its bytes} of the networks' outputs that lie in one file a job."""
    held = [io.read_arrays(study.folder / pattern.format(chunk)) for chunk in chunks]
    return {name: values.tobytes() for arrays in held for name, values in arrays.items() if name.startswith("outputs")}


@pytest.mark.nightly
def test_one_thread_and_other_jobs_for_the_folds_give_the_same_bytes(smoke, tmp_path, smoke_settings):
    again = Study(tmp_path, in_other_jobs(smoke_settings))
    again.run(cores=1, forked=False)
    ours, theirs = joined(again.results()), joined(smoke.results())
    assert set(ours) == set(theirs)
    assert [name for name in ours if ours[name] != theirs[name]] == []


def joined(results):
    """The results, networks by their fold alone, without what is named after a job's folds and the page that shows
    the setting."""
    kept = {name: content for name, content in results.items() if not re.search(r"/(outputs|curves)\d|report/", name)}
    return {re.sub(r"/folds[\d-]+/", "/", name): content for name, content in kept.items()}


def test_a_table_or_figure_is_made_by_name_or_by_path(copy_of_smoke):
    paths = ["results/tables/table2.tsv", "results/figures/fig2.pdf"]
    table, figure = (copy_of_smoke.folder / path for path in paths)
    for targets in (["table2", "fig2"], paths):
        before = table.read_bytes(), figure.read_bytes()
        table.unlink()
        figure.unlink()
        printed = copy_of_smoke.run(*targets)
        assert (table.read_bytes(), figure.read_bytes()) == before
        assert "2 of 2 steps (100%) done" in printed


def test_a_changed_setting_reruns_what_depends_on_it_and_nothing_else(copy_of_smoke, smoke_settings):
    changed = {**smoke_settings, "evaluation": {"n_bootstrap": 300}}
    printed = Study(copy_of_smoke.folder, changed).run("-n")
    planned = set(re.findall(r"(?m)^(\w+) +\d+$", printed)) - {"total", "default"}
    assert planned == {
        "table2",
        "table3",
        "table4",
        "fig4",
        "report",
        "attribution_tests",
        "train_final_model",
        *TRUSTED,
        "by_time",
        "component_correlations",
        "conclusions",
        "fig10",  # whose map comes first, the attribution tests decide
        "regression",
        "what_can_be_read",
    }


@pytest.fixture
def plan(tmp_path, smoke_settings):
    """plan(*targets): what a run that starts from nothing would do: {(rule, what it writes)}."""
    study = Study(tmp_path, smoke_settings)

    def planned(*targets):
        jobs = re.findall(r"(?m)^ *rule (\w+):(?:\n .*)*?\n +output: (.*)$", study.run("-n", *targets))
        return {(kind(name), output) for name, output in jobs}

    return planned


SHARED = ("fit_models", "fit_mlp", "fit_pca")  # rules with one more for every group of their fits


def kind(name):
    """The rule that this one is a copy of."""
    base = next((base for base in SHARED if name.startswith(base)), name)
    return "train_networks" if name == "train_explained_networks" else base


def test_tables_and_figures_share_their_fits_so_nothing_is_trained_twice(plan):
    fits = {"train_networks", "collect_tuned_features", "fit_models", "fit_mlp", "pretrain", "predict_cnn"}

    def trained(*targets):
        return {job for job in plan(*targets) if job[0] in fits}

    tables = trained("table4")
    assert trained("table3") & tables
    figures = trained("fig4", "fig5", "fig6", "fig7")
    assert {"train_networks", "fit_models", "fit_mlp"} <= {name for name, _ in figures} and figures <= tables
    everything = trained()
    assert len({output for _, output in everything}) == len(everything)
    assert {name for name, _ in everything} == fits


def test_a_table_by_name_plans_only_what_it_needs(plan):
    rules = {rule for rule, _ in plan("fig5")}
    assert not rules & {"extract_features", "fit_pca", "pretrain", "table2", "fig4", "report"}
    assert {"train_networks", "predict_cnn", "fit_mlp"} <= rules


def test_seeds_train_networks_and_what_follows_on_the_same_splits(tmp_path, smoke_settings):
    tables = smoke_settings["experiments"]
    more = {name: {**tables[name], "seeds": 2} for name in ("table3", "table4")}
    printed = Study(tmp_path, {**smoke_settings, "experiments": {**tables, **more}}).run("-n", "table3", "table4")
    seeded = re.findall(r"(?m)^ *rule (\w+):(?:\n .*)*?\n +output: (\S+\.seed1/\S+)", printed)
    counts = Counter(kind(name) for name, _ in seeded)
    # 3 pre-trainings of 2 heads, 3 more schemes; tuned features of each pre-training; SVCs on them, MLPs in one job
    assert counts == {"train_networks": 9, "predict_cnn": 6, "collect_tuned_features": 3, "fit_models": 3, "fit_mlp": 1}
    assert re.findall(r"output: (results/splits/\S+)", printed) == ["results/splits/strict.tsv"]


def test_the_papers_settings_plan_every_network_of_the_published_study(tmp_path):
    printed = Study(tmp_path, (PROJECT / "config" / "paper.yaml").read_text(encoding="utf-8")).run("-n")
    planned = {rule: int(count) for rule, count in re.findall(r"(?m)^(\w+) +(\d+)$", printed)}
    planned["train_networks"] += planned["train_explained_networks"]
    cnn = 2 * 10 * (4 + 3 + 3)  # protocols, folds; four pre-trainings, three more policies, three more schemes
    tuned = 7 * (10 + 1)  # strict every fold, as_run one
    leaks = 3 * 10 + 1 + 9 + 3  # strict with a leak that networks feel; published, its other folds, with one closed
    leaks += 1  # published with the fault that tuned features feel
    shuffled = 2 * 5 * (10 + 10 + 1)  # films and batches, five draws each: strict, with days on both sides, published
    shares = 3 * 10
    assert planned["train_networks"] == cnn + tuned + leaks + shuffled + shares
    as_run = 3 * 4 * 2 + 3  # Table 2: three models on four blocks, of two variances, and on tuned features
    as_run += 3 * 2  # figure 3: two models under three more policies
    as_run += 4 * 7 - 2 - 1  # Table 3: seven models, four pre-trainings; two of them above, and the third of Table 2
    assert len(re.findall(r"output: results/models/as_run/\S+\.skops", printed)) == as_run + 7  # Table 4: regressors


def test_a_changed_learning_rate_reruns_networks_and_what_follows_but_no_features(copy_of_smoke, smoke_settings):
    training = {**smoke_settings["training"], "nnrank": {"learning_rate": 0.002, "batch_size": 8, "dropout": 0.2}}
    printed = Study(copy_of_smoke.folder, {**smoke_settings, "training": training}).run("-n")
    planned = {kind(name) for name in re.findall(r"(?m)^(\w+) +\d+$", printed)} - {"total", "default"}
    assert {"train_networks", "predict_cnn", "table4", "tableS1", "fig7", "report"} <= planned
    assert not planned & {"extract_features", "fit_pca", "fit_models", "collect_tuned_features", "fit_mlp", "table2"}


def test_networks_and_mlps_read_back_answer_what_the_table_says(smoke):
    import numpy as np

    words = "strict/imagenet/aug3"
    network, facts = checkpoints.read_network(
        smoke.folder / f"results/networks/{words}/nominal/folds0-2/fold1.safetensors"
    )
    predictions = io.read_table(smoke.folder / f"results/predictions/{words}/image/nominal/CNN.tsv")
    told = predictions[(predictions["fold"] == 1) & (predictions["split"] == "test")]
    samples = io.read_table(smoke.folder / "results/micrographs/samples.tsv").set_index("sample")
    paths = [smoke.folder / samples["micrograph"][name] for name in told["sample"]]
    shown = transforms.to_input(
        transforms.read_images(paths, facts["pixels"]), range(len(paths)), facts["mean"], facts["std"]
    )
    outputs = replace_head.forward(network, facts["backbone"], facts["head"], [shown])
    powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    scores = told[[f"score_{celsius}" for celsius in facts["classes"]]].to_numpy()
    assert np.allclose(powers / powers.sum(axis=1, keepdims=True), scores, atol=0.05)  # bf16 in training, fp32 here

    features = io.FeatureSet.read(smoke.folder / f"results/features/{words}/tuned.npz")
    model = mlp.read_models(smoke.folder / f"results/models/{words}/tuned/nominal/MLP.safetensors")[1]
    predictions = io.read_table(smoke.folder / f"results/predictions/{words}/tuned/nominal/MLP.tsv")
    told = predictions[predictions["fold"] == 1]
    rows = {name: row for row, name in enumerate(features.sample)}
    predicted, _, _ = model.predict(features.values[1][[rows[name] for name in told["sample"]]])
    assert list(predicted) == list(told["y_pred"])


def test_the_models_read_back_predict_what_the_table_says(smoke):

    place = "strict/imagenet/aug3/pool_cev85/nominal/SVC"
    models = storage.read_models(smoke.folder / f"results/models/{place}.skops")
    predictions = io.read_table(smoke.folder / f"results/predictions/{place}.tsv")
    features = io.FeatureSet.read(smoke.folder / "results/pca/strict/imagenet/pool_cev85.npz")
    rows = {name: row for row, name in enumerate(features.sample)}
    for fold, model in models.items():
        told = predictions[predictions["fold"] == int(fold)]
        answers = model.predict(features.values[int(fold)][[rows[name] for name in told["sample"]]])
        assert list(answers) == list(told["y_pred"])


def test_snakemakes_own_report_holds_tables_and_figures_with_their_captions(copy_of_smoke):
    copy_of_smoke.run("--report", str(copy_of_smoke.folder / "report.zip"))
    assert (copy_of_smoke.folder / "report.zip").stat().st_size > 100_000


def broken_scans(folder, real_scan):
    """Files that are no height map, each with a part of the sentence that must come of it."""
    whole = real_scan.read_bytes()
    return {
        "truncated.spm": (whole[: len(whole) // 5], "truncated"),
        "page.spm": (b"<!DOCTYPE html><html><body>404 Not Found</body></html>", "web page"),
        "empty.spm": (b"", "empty"),
        "noise.bin": (bytes(range(256)) * 40, "noise.bin"),
    }


def test_bad_scans_are_listed_with_their_sentences_and_the_rest_goes_on(smoke, smoke_settings, tmp_path, shared_scans):
    (tmp_path / "scans").mkdir()
    good = sorted((smoke.folder / "resources/scans").rglob("*.spm"))[:6]
    rows = []
    for index, path in enumerate(good):
        (tmp_path / "scans" / path.name).write_bytes(path.read_bytes())
        rows.append(
            {"sample": f"good{index}", "growth_celsius": [900, 950, 1000][index % 3], "scan": f"scans/{path.name}"}
        )
    bad = broken_scans(tmp_path, good[0])
    bad["force.001"] = ((shared_scans / "force_scifireaders.001").read_bytes(), "force")
    for index, (name, (content, _)) in enumerate(bad.items()):
        (tmp_path / "scans" / name).write_bytes(content)
        rows.append({"sample": f"bad{index}", "growth_celsius": 950, "scan": f"scans/{name}"})
    micrograph = next((smoke.folder / "results/micrographs").rglob("*.png"))
    Image.open(micrograph).save(tmp_path / "scans" / "finished.tif")
    rows.append({"sample": "picture", "growth_celsius": 950, "scan": "scans/finished.tif", "width_nm": 1000})
    sheet = pd.DataFrame(rows).assign(batch="day")
    io.write_table(tmp_path / "samples.tsv", sheet)
    settings = {**smoke_settings, "scans": {**smoke_settings["scans"], "source": "folder", "sheet": "samples.tsv"}}
    study = Study(tmp_path, settings)
    printed = study.run("results/micrographs/samples.tsv")

    assert "7 of 12 scans read, 5 rejected" in printed
    samples = io.read_table(tmp_path / "results/micrographs/samples.tsv")
    assert sorted(samples["sample"]) == ["good0", "good1", "good2", "good3", "good4", "good5", "picture"]
    assert set(samples["data"]) == {"real"}
    rejected = io.read_table(tmp_path / "results/micrographs/rejected.tsv").set_index("scan")["reason"]
    for name, (_, part) in bad.items():
        assert part in rejected[f"scans/{name}"], rejected[f"scans/{name}"]
        assert name in rejected[f"scans/{name}"]

    settings["scans"]["on_bad_scan"] = "stop"
    printed = Study(tmp_path, settings).run("results/micrographs/samples.tsv", succeeds=False)
    assert "force.001" in printed and "on_bad_scan" in printed


def test_a_leak_shares_what_it_does_not_touch_and_repeats_keep_the_first_deal(smoke):
    made = smoke.results()
    predictions = {name.split("/")[1] for name in made if name.startswith("predictions/")}
    assert {
        "strict+pca_on_all",
        "strict+validation_in_train_mode",
        "published-selection_on_reported_split",
        "by_operator",
        "by_date",
        "later_days",
    } - predictions == {
        "strict+validation_in_train_mode"  # no model of the smoke study's leakage sees a network
    }
    splits = {name.split("/")[1].removesuffix(".tsv") for name in made if name.startswith("splits/")}
    assert not {name for name in splits if "+" in name or "-" in name}
    table = io.read_table(smoke.folder / "results/tables/table2.tsv")
    assert set(table.loc[table["protocol"] == "strict", "repeats"].dropna()) == {2}
