"""Sprite sheets: every sample in its tile, one sheet in memory at a time, the same bytes each time."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from micrograph.report import sprites
from micrograph.report.sprites import SMALL, Grid, Pictures


def flat(place, side=SMALL.tile):
    """A picture of one grey level that identifies its sample."""
    return np.full((side, side), 2 * (place % 100) + 20, dtype=np.uint8)


def mark(place, side=SMALL.tile):
    """A transparent overlay with one opaque quarter; every third sample has none."""
    if place % 3 == 0:
        return None
    painted = np.zeros((side, side, 4), dtype=np.uint8)
    painted[: side // 2, : side // 2] = (10, 200, place % 256, 255)
    return painted


def written(folder, count, micrograph=flat, overlay=mark):
    folder.mkdir(exist_ok=True)
    return sprites.write(folder, Pictures(count, micrograph, overlay, overlay), "parts/sheets")


def tile(folder, made, kind, sample):
    """The pixels of the tile of a sample, located as the page does."""
    grid = made["sheets"]
    number, place = divmod(sample, grid["across"] * grid["down"])
    with Image.open(folder / made["sheets"][kind][number].removeprefix("parts/sheets/")) as image:
        down, across = divmod(place, grid["across"])
        left, top = across * grid["tile"], down * grid["tile"]
        return np.array(image.crop((left, top, left + grid["tile"], top + grid["tile"])))


def test_every_sample_is_in_its_tile(tmp_path):
    made = written(tmp_path, 203)
    assert [len(made["sheets"][kind]) for kind in ("micrograph", "cam", "occlusion")] == [3, 3, 3]
    assert len(made["large"]["micrograph"]) == 13
    for sample in (0, 9, 10, 99, 100, 202):
        grey = tile(tmp_path, made, "micrograph", sample)[8:-8, 8:-8, 0]
        assert abs(float(grey.mean()) - (2 * (sample % 100) + 20)) < 2
        painted, given = tile(tmp_path, made, "cam", sample), mark(sample)
        assert np.array_equal(painted[..., 3], given[..., 3] if given is not None else 0 * painted[..., 3])
        if given is not None:
            assert np.array_equal(painted[:40, :40], given[:40, :40])
    assert not tile(tmp_path, made, "occlusion", 203).any()  # without a sample


def test_memory_does_not_grow_with_the_number_of_samples(tmp_path):
    """At most the pictures of one sheet are in memory."""
    import weakref

    alive, most = weakref.WeakSet(), [0]

    class Tracked(np.ndarray):
        __hash__ = object.__hash__

        def __eq__(self, other):
            return self is other

    def counted(place):
        picture = flat(place, 8).view(Tracked)
        alive.add(picture)
        most[0] = max(most[0], len(alive))
        return picture

    written(tmp_path, 350, counted, lambda place: None)
    assert 0 < most[0] <= SMALL.capacity + 1


def test_pictures_of_another_size_are_resized():
    whole = sprites.sheet([flat(3, 224), flat(4, 50), flat(5)], Grid(96, 3, 1))
    assert whole.shape == (96, 288)
    assert [np.unique(whole[:, left : left + 96]).tolist() for left in (0, 96, 192)] == [[26], [28], [30]]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(1, 5), st.data())
def test_tiles_are_in_row_order(across, down, data):
    count = data.draw(st.integers(1, across * down))
    pictures = [np.full((2, 2), place + 1, dtype=np.uint8) for place in range(count)]
    whole = sprites.sheet(pictures, Grid(2, across, down))
    expected = np.zeros(across * down, dtype=np.uint8)
    expected[:count] = np.arange(1, count + 1)
    assert np.array_equal(whole[::2, ::2].ravel(), expected)
