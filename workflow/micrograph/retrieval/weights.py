"""Fetch pre-trained weights: from a package, a URL or a file of one's own to one safetensors file.

The checksum is compared before the file is read.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from micrograph import io
from micrograph.errors import UserError
from micrograph.io import UnwritableError, sha256_file
from micrograph.networks import backbones, checkpoints
from micrograph.retrieval import http


def retrieve(
    backbone: str,
    pretraining: str,
    path: str | Path,
    base_url: str | None = None,
    user_file: str | Path | None = None,
) -> Path:
    """Write the weights of one pretraining of a backbone as safetensors.

    A download that broke off is resumed by the next call where the checksum is known; what came lies beside `path`.

    Parameters
    ----------
    backbone, pretraining : str
        Names in ``backbones.BACKBONES``.
    path : path
        The safetensors file. Its metadata ``micrograph`` are JSON: backbone, pretraining, source, sha256 (of the
        source), mean, std.
    base_url : str, optional
        A mirror; the file's name is appended.
    user_file : path, optional
        A file of one's own (.pth, .pt, .tar or .safetensors) instead of the known source.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    UserError
        If a name is unknown, the file does not come, its SHA-256 is not the known one (of weights without a known one:
        that of the first download, kept in ``{path}.sha256``), or its tensors do not fit.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    mean, std = backbones.normalisation(backbone, pretraining)
    known = backbones.get(backbone).weights
    chosen = known.get(pretraining) if user_file else backbones.get_weights(backbone, pretraining)
    pin = path.with_name(f"{path.name}.sha256")
    with _located(backbone, chosen, base_url, user_file, path) as (source, origin):
        digest = sha256_file(source)
        if chosen and not user_file:
            _check_digest(digest, chosen, pin, origin)
        tensors = checkpoints.read_state_dict(source, origin)
        tensors = checkpoints.convert(backbone, tensors, bool(chosen and chosen.in_order), origin)
    metadata = {"backbone": backbone, "pretraining": pretraining, "source": origin, "sha256": digest}
    checkpoints.write(path, tensors, metadata | {"mean": mean, "std": std})
    if chosen and not user_file and not chosen.sha256:
        io.write_text(pin, f"{digest}\n")
    return path


@contextmanager
def _located(
    backbone: str, chosen: backbones.Weights | None, base_url: str | None, user_file: str | Path | None, path: Path
) -> Iterator[tuple[Path, str]]:
    """(path of the source, what to call its origin) while the block runs; a download is removed after it."""
    if user_file:
        if not Path(user_file).is_file():
            raise UserError(f"{user_file}: no such file; correct the path of your own weights.")
        yield Path(user_file), Path(user_file).name
    elif chosen is None or not chosen.source:
        raise UserError(f"backbone '{backbone}' has no weights that can be fetched; name a file of your own.")
    elif "://" not in chosen.source:
        yield _packaged(chosen.source), chosen.source
    else:
        name = chosen.source.rsplit("/", 1)[-1]
        url = f"{base_url.rstrip('/')}/{name}" if base_url else chosen.source
        to = path.with_name(f"{path.name}.from-{http.safe_name(name)}")
        downloaded = _download(url, to, chosen.sha256)
        try:
            yield downloaded, url
        finally:
            downloaded.unlink()


def _packaged(source: str) -> Path:
    """Return the path of "PACKAGE/FILE" in the installed package, which is not imported."""
    package, _, inside = source.partition("/")
    spec = find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    path = Path(folders[0]) / inside if folders else None
    if path is None or not path.is_file():
        raise UserError(f"{source}: not installed; install the Python package {package.replace('_', '-')}.")
    return path


def _download(url: str, path: Path, sha256: str) -> Path:
    """Download the source; an error says what can be done without this server."""
    try:
        return http.Client(url).download(url, path, checksum=f"sha256:{sha256}" if sha256 else None)
    except UnwritableError:
        raise
    except UserError as error:
        by_hand = f"Or fetch {http.redact(url)} where there is a network, and name that file as networks.weights_file"
        raise UserError(f"{error} {by_hand}, or a mirror's address as networks.weights_mirror.") from None


def _check_digest(digest: str, chosen: backbones.Weights, pin: Path, origin: str) -> None:
    """Compare the SHA-256 with the known one, else with that of the first download."""
    expected, way_out = chosen.sha256, "fetch it again, or from another mirror"
    if not expected and pin.is_file():
        expected = pin.read_text(encoding="utf-8").strip()
        way_out = f"fetch it again, or delete {pin} if the new file is meant"
    if not digest.startswith(expected or ""):
        raise UserError(f"{origin}: damaged or replaced (sha256 {digest}, expected {expected}); {way_out}.")
