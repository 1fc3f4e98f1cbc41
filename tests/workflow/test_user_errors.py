"""What a user gets to read for a wrong config or sheet: sentences, at once, and no traceback."""

import pytest

from project import Study


def planned(folder, settings):
    printed = Study(folder, settings).run("-n", succeeds=False)
    assert "Traceback" not in printed and 'File "' not in printed
    return printed


def test_a_typo_in_the_config_is_named_with_the_nearest_key(tmp_path, smoke_settings):
    splits = {"fold": 3}
    printed = planned(tmp_path, {**smoke_settings, "splits": splits})
    assert "the key splits.fold is not known; did you mean splits.folds?" in printed


def test_a_wrong_setting_of_the_command_line_is_not_looked_for_in_the_file(tmp_path, smoke_settings):
    given = ("--config", "sead=3", "splits={folds: many}")
    printed = Study(tmp_path, smoke_settings).run("-n", *given, succeeds=False)
    assert "--config: the key sead is not known; did you mean seed?" in printed
    assert "--config: splits.folds" in printed


def test_a_sheet_with_many_faults_is_answered_once(tmp_path, smoke_settings):
    (tmp_path / "samples.tsv").write_text("sample\tgrowth_celsius\tscan\nx\thot\tmissing.spm\n", encoding="utf-8")
    scans = {**smoke_settings["scans"], "source": "folder", "sheet": "samples.tsv"}
    printed = planned(tmp_path, {**smoke_settings, "scans": scans})
    for part in ("line 2: growth_celsius 'hot'", "scan 'missing.spm' does not exist", "holds no growth date"):
        assert part in printed


def test_a_key_that_stands_twice_and_text_that_is_no_yaml_are_named_with_their_lines(tmp_path):
    assert "the key seed stands twice, in lines 1 and 2; keep one" in planned(tmp_path, "seed: 7\nseed: 8\n")
    assert "config.yaml: line 2, column 1: this is not YAML" in planned(tmp_path, "seed: [7\n")


def test_a_missing_sheet_is_named(tmp_path, smoke_settings):
    scans = {**smoke_settings["scans"], "source": "folder", "sheet": "samples.tsv"}
    assert "no such sample sheet" in planned(tmp_path, {**smoke_settings, "scans": scans})


@pytest.mark.parametrize("backbone", ["efficientnet_lite9", "resnet"])
def test_an_unknown_network_is_answered_with_the_known_ones(tmp_path, smoke_settings, backbone):
    networks = {**smoke_settings["networks"], "backbone": backbone}
    study = Study(tmp_path, {**smoke_settings, "networks": networks})
    printed = study.run(f"resources/weights/{backbone}-imagenet.safetensors", succeeds=False)
    assert "efficientnet_lite0" in printed and "resnet18" in printed
