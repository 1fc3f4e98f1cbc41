"""Weights: from a package, a URL or a file of one's own to one safetensors file that names its origin.

PyTorch's own files are pickles. They are read once, here, with weights_only=True, which runs no code; everything
downstream reads safetensors. torch and safetensors are imported when a function needs them.
"""

import hashlib
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from micrograph import io
from micrograph.errors import UserError
from micrograph.io import Unwritable
from micrograph.networks import backbones, checkpoints
from micrograph.retrieval import names
from micrograph.retrieval.questions import shown
from micrograph.retrieval.server import Server


def retrieve(backbone, pretraining, path, base_url=None, user_file=None):
    """Write the weights of one pretraining of a backbone to `path` as safetensors; returns `path`.

    They come from user_file (.pth, .pt, .tar or .safetensors) where one is given, else from the table's source: an
    installed package, or a download, from base_url (a mirror; the file name is appended) where one is given. The
    table's sha256 must fit. Where none is known, the first file's is kept in `path`.sha256 and the next ones must fit
    that. Metadata: JSON under "micrograph" with backbone, pretraining, source, sha256 (of the source), mean, std.

    A download that breaks off is gone on with by the next call (what has come lies beside `path`). Raises UserError for an
    unknown name, a file that is missing, damaged or no weights, and tensors that do not fit.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    mean, std = backbones.normalisation(backbone, pretraining)
    chosen = (
        backbones.get(backbone).weights.get(pretraining) if user_file else backbones.get_weights(backbone, pretraining)
    )
    with located(backbone, chosen, base_url, user_file, path) as (source, origin):
        digest = sha256(source)
        if not user_file:
            check_digest(source, digest, chosen, pin_of(path), origin)
        tensors = checkpoints.convert(
            backbone, checkpoints.read_state_dict(source, origin), bool(chosen and chosen.in_order), origin
        )
    facts = {"backbone": backbone, "pretraining": pretraining, "source": origin, "sha256": digest}
    checkpoints.write(path, tensors, facts | {"mean": mean, "std": std})
    if not user_file and not (chosen.sha256 or chosen.prefix):
        io.write_text(pin_of(path), f"{digest}\n")
    return path


@contextmanager
def located(backbone, chosen, base_url, user_file, path):
    """(path of the file that holds the weights, what to call its origin) while the block runs.

    A download goes beside `path`, the file that is to be made of it, and is removed after the block.
    """
    if user_file:
        if not Path(user_file).is_file():
            raise UserError(f"{user_file}: no such file; correct the path of your own weights.")
        yield Path(user_file), Path(user_file).name
        return
    if not chosen.source:
        raise UserError(f"backbone '{backbone}' has no weights that can be fetched; name a file of your own.")
    if "://" not in chosen.source:
        yield packaged(chosen.source), chosen.source
        return
    name = chosen.source.rsplit("/", 1)[-1]
    url = f"{base_url.rstrip('/')}/{name}" if base_url else chosen.source
    fetched = download(url, path.with_name(f"{path.name}.from-{names.safe(name)}"), chosen.sha256)
    try:
        yield fetched, url
    finally:
        fetched.unlink()


def packaged(source):
    """The path of "PACKAGE/FILE" in the installed package, found without importing it; UserError where it is missing."""
    package, _, inside = source.partition("/")
    spec = find_spec(package)
    path = Path(spec.submodule_search_locations[0]) / inside if spec else None
    if path is None or not path.is_file():
        raise UserError(f"{source}: not installed; install the Python package {package.replace('_', '-')}.")
    return path


def download(url, path, sha256=None):
    """Fetch `url` to `path` and return it; UserError where that fails, with what can be done without this server."""
    try:
        return Server(url).fetch(url, path, checksum=f"sha256:{sha256}" if sha256 else None)
    except Unwritable:
        raise
    except UserError as fault:
        by_hand = f"Or fetch {shown(url)} where there is a network, and name that file as networks.weights_file"
        raise UserError(f"{fault} {by_hand}, or a mirror's address as networks.weights_mirror.") from None


def sha256(path):
    """The SHA-256 of a file, in hexadecimal digits."""
    with open(path, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def pin_of(path):
    """Where the checksum of a first download is kept: beside the weights."""
    return Path(path).with_name(f"{Path(path).name}.sha256")


def check_digest(source, digest, chosen, pin, origin):
    """UserError unless `digest` is the table's, or the pinned one where the table knows none."""
    if chosen.sha256 or chosen.prefix:
        expected, way_out = chosen.sha256 or chosen.prefix, "fetch it again, or from another mirror"
    elif pin.is_file():
        expected = pin.read_text(encoding="utf-8").strip()
        way_out = f"fetch it again, or delete {pin} if the new file is meant"
    else:
        return
    if not digest.startswith(expected):
        raise UserError(f"{origin}: damaged or replaced (sha256 {digest}, expected {expected}); {way_out}.")
