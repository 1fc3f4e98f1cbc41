"""Band roughness and slope of surfaces whose spectrum is known."""

import numpy as np
import pytest

from made_up_surfaces import gaussian, places, self_affine
from micrograph.topography import spectrum

BANDS = [f"band_{short}_{long}" for short, long in spectrum.BANDS_NM]


def bands_of(height_nm, pixel_nm):
    return spectrum.band_roughness(spectrum.power_spectrum(height_nm - height_nm.mean(), pixel_nm))


@pytest.mark.parametrize("shape", [(64, 64), (64, 63), (40, 90)])
def test_the_powers_sum_to_the_mean_square_height_under_the_window(shape):
    height = np.random.default_rng(0).normal(size=shape)
    window = np.outer(*(np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 for n in shape))
    centred = height - (window * height).sum() / window.sum()
    found = spectrum.power_spectrum(height, (4, 4))
    assert found.power.sum() == pytest.approx((window**2 * centred**2).sum() / (window**2).sum())
    assert found.modes.sum() == shape[1]


@pytest.mark.parametrize(("wavelength_nm", "band"), [(11, "band_8_16"), (45, "band_32_64"), (180, "band_128_256")])
@pytest.mark.parametrize("pixel_nm", [(4.0, 4.0), (4.0, 2.0)])
def test_waves_lie_in_their_band_with_their_rms_whichever_way_they_run(wavelength_nm, band, pixel_nm):
    x, y = places((round(1000 / pixel_nm[0]), round(1000 / pixel_nm[1])), pixel_nm)
    for angle in (0.1, 0.8, 2.0):
        waves = 3 * np.sin(2 * np.pi * (np.cos(angle) * x + np.sin(angle) * y) / wavelength_nm)
        found = bands_of(waves, pixel_nm)
        assert found[band] == pytest.approx(3 / np.sqrt(2), rel=0.02)
        assert max(found[name] for name in BANDS if name != band) < 0.1


def test_the_bands_of_a_rough_surface_sum_to_nearly_all_of_its_mean_square():
    height = gaussian((256, 256), (4, 4), (8, 8))
    found = bands_of(height, (4, 4))
    assert sum(found[name] ** 2 for name in BANDS) == pytest.approx(1, abs=0.1)


def test_a_band_that_the_scan_does_not_reach_is_missing_and_not_small():
    fine = np.random.default_rng(1).normal(size=(256, 256))
    assert not np.isnan([bands_of(fine, (1000 / 256, 1000 / 256))[name] for name in BANDS]).any()
    coarse = bands_of(fine, (10, 10))
    assert np.isnan([coarse["band_8_16"], coarse["band_16_32"]]).all() and coarse["band_32_64"] > 0
    stopped = bands_of(fine[:74], (4, 4))  # 296 nm tall
    assert np.isnan(stopped["band_256_512"]) and stopped["band_128_256"] > 0


@pytest.mark.parametrize("hurst", [0.3, 0.8])
def test_the_slope_of_a_self_affine_surface_tells_its_hurst_exponent(hurst):
    slopes = [bands_of(self_affine(256, 4.0, hurst, seed), (4, 4))["psd_slope"] for seed in range(4)]
    assert np.mean(slopes) / 2 - 1 == pytest.approx(hurst, abs=0.1)


def test_white_noise_has_no_slope():
    slopes = [bands_of(np.random.default_rng(s).normal(size=(256, 256)), (4, 4))["psd_slope"] for s in range(16)]
    assert np.mean(slopes) == pytest.approx(0, abs=0.1)


def test_too_few_wavelengths_tell_no_slope():
    assert np.isnan(bands_of(np.random.default_rng(0).normal(size=(64, 64)), (40, 40))["psd_slope"])
