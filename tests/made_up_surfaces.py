"""Surfaces whose roughness, lengths, grains and steps are known, for tests of the physical features."""

import numpy as np
from scipy import ndimage


def places(shape, pixel_nm):
    """(x, y) in nm of the pixels' centres."""
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
    return (columns + 0.5) * pixel_nm[1], (rows + 0.5) * pixel_nm[0]


def gaussian(shape, pixel_nm, sigma_nm, seed=0):
    """A random surface of rms 1, whose autocorrelation exp(-r^2 / 4 sigma^2) falls to 1/e at 2 sigma, and to 0.2 at
    2.54 sigma. sigma_nm: (down, across)."""
    noise = np.random.default_rng(seed).normal(size=shape)
    height = ndimage.gaussian_filter(noise, [s / p for s, p in zip(sigma_nm, pixel_nm, strict=True)], mode="wrap")
    height -= height.mean()
    return height / height.std()


def self_affine(pixels, pixel_nm, hurst, seed=0):
    """A random surface of rms 1 whose power spectral density falls as the wavenumber to the power -2 (H + 1)."""
    wavenumber = np.hypot(np.fft.fftfreq(pixels, pixel_nm)[:, None], np.fft.rfftfreq(pixels, pixel_nm))
    wavenumber[0, 0] = np.inf
    noise = np.fft.rfft2(np.random.default_rng(seed).normal(size=(pixels, pixels)))
    height = np.fft.irfft2(noise * wavenumber ** -(hurst + 1), (pixels, pixels))
    return height / height.std()


def staircase(shape, pixel_nm, spacing_nm, direction_degrees, step_nm=0.22):
    """Terraces `spacing_nm` wide whose steps run in this direction, levelled by a plane."""
    x, y = places(shape, pixel_nm)
    downhill = np.radians(direction_degrees + 90)
    height = -step_nm * np.floor((np.cos(downhill) * x + np.sin(downhill) * y) / spacing_nm + 0.3)
    basis = np.stack([np.ones(height.size), x.ravel(), y.ravel()], axis=1)
    return height - (basis @ np.linalg.lstsq(basis, height.ravel(), rcond=None)[0]).reshape(shape)


def discs(shape, pixel_nm, centres_nm, radius_nm, tall_nm=1.0):
    """Flat islands on flat ground. centres_nm: (n, 2) of (x, y)."""
    x, y = places(shape, pixel_nm)
    height = np.zeros(shape)
    for across, down in centres_nm:
        height[np.hypot(x - across, y - down) < radius_nm] = tall_nm
    return height


def net(spacing_nm, many):
    """(many^2, 2) centres of a square net, the first half a spacing from the corner."""
    line = (np.arange(many) + 0.5) * spacing_nm
    return np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
