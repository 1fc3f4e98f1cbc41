"""The helpers that say in which chunks features are extracted, and which components share a job.

Needs common.smk and fits_common.smk.
"""

# Chunks end where batches end, so that features do not depend on the chunks.
PICTURES_PER_JOB = (
    ceil(config["features"]["micrographs_per_job"] / config["networks"]["batch_size"])
    * config["networks"]["batch_size"]
)
PCA = {name: config["features"][name] for name in ("exact_pca_up_to", "randomised_components")}


def features_of_blocks(pretraining, blocks):
    """The features of all micrographs, block by block, each in its chunks; the last ones may be empty, for scans that
    are rejected count here."""
    chunks = [f"{chunk:04d}" for chunk in range(ceil(count_of_scans() / PICTURES_PER_JOB))]
    path = f"results/features/{pretraining}/{{block}}/{{pictures}}.npz"
    return expand(path, block=blocks, pictures=chunks)


def blocks_of(components):
    """The blocks of components by name: block2_cev85, block2_cev99 -> block2."""
    return list(dict.fromkeys(name.split("_cev")[0] for name in components))


def components_asked():
    """{(protocol, pretraining): names of the components that tables and figures ask for}, as block2_cev85."""
    found = {}
    for fit in fits_of_study():
        if experiments.on_components(fit):
            key = (protocols.at("components", fit["protocol"]), fit["pretraining"])
            found.setdefault(key, {})[fit["features"]] = None
    return {key: list(names) for key, names in found.items()}
