"""Many films: features in chunks and randomised components, through the real workflow."""

import numpy as np
import pytest

from micrograph import io
from project import Study

BLOCKS = ("block4", "pool")
WANTED = [f"results/pca/strict/imagenet/{block}_cev85.npz" for block in BLOCKS]


def features(study):
    """{block: (its features by file, all of them)}."""
    folder = study.folder / "results/features/imagenet"
    paths = {block: sorted((folder / block).iterdir()) for block in BLOCKS}
    return {block: (len(own), io.FeatureChunks(own).table()) for block, own in paths.items()}


def components(study):
    return {path: (study.folder / path).read_bytes() for path in WANTED}


@pytest.mark.nightly
def test_features_and_components_do_not_depend_on_the_chunks(tmp_path, smoke_settings):
    """240 films: in one chunk and in four, the same bytes of features, and of exact and randomised components."""
    small = {
        **smoke_settings,
        "simulation": {**smoke_settings["simulation"], "samples": 240, "days": 60, "pixels": 64},
        "scans": {**smoke_settings["scans"], "scans_per_shard": 80},
        "micrographs": {**smoke_settings["micrographs"], "pixels": 64},
    }

    def run(micrographs_per_job, exact_pca_up_to):
        own = {
            "micrographs_per_job": micrographs_per_job,
            "exact_pca_up_to": exact_pca_up_to,
            "randomised_components": 60,
        }
        study = Study(tmp_path, {**small, "features": own})
        for path in study.folder.glob("results/features/imagenet/*/*.npz"):
            path.unlink()
        study.run("--", *WANTED)
        return features(study), components(study)

    whole, exact = run(1024, 5000)
    parts, exact_of_parts = run(50, 5000)  # 64 a job: whole batches of 16
    _, randomised_of_parts = run(50, 100)
    _, randomised = run(1024, 100)
    for block in BLOCKS:
        assert (whole[block][0], parts[block][0]) == (1, 4)
        assert whole[block][1].tobytes() == parts[block][1].tobytes()
    assert exact == exact_of_parts and randomised == randomised_of_parts
    for path in WANTED:
        close(path, *(content[path] for content in (exact, randomised)), tmp_path)


def close(path, exact, randomised, folder):
    """Randomised scores are the exact ones, as far as single precision and a sharp spectrum allow."""
    scores = []
    for name, content in (("exact", exact), ("randomised", randomised)):
        (folder / f"{name}.npz").write_bytes(content)
        scores.append(io.FeatureSet.read(folder / f"{name}.npz").values)
    for true, own in zip(*scores, strict=True):
        assert own.shape == true.shape, path
        leading = slice(0, max(1, true.shape[1] // 2))  # the last directions may turn into those left out
        np.testing.assert_allclose(own[:, leading], true[:, leading], atol=0.01 * np.abs(true).max(), err_msg=path)
