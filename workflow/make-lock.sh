#!/bin/sh
# make-lock.sh [OPTIONS OF uv pip compile]: resolve pyproject.toml into exact versions with hashes, without URLs.
# requirements.lock is the workflow (groups predict and run), requirements-test.lock what tests and baseline need beyond
# it. Needs uv. Bring envs/*.yaml to the same versions afterwards.
set -eu
resolve() {
    uv pip compile --universal --fork-strategy fewest --generate-hashes --python-version 3.11 --no-header --no-annotate \
        --quiet pyproject.toml --extra run "$@"
}
whole=$(mktemp)
trap 'rm -f "$whole"' EXIT

resolve --output-file requirements.lock "$@"
resolve --extra test --extra baseline --constraints requirements.lock --output-file "$whole" "$@"

# Markers that hold on every platform of pyproject.toml say nothing.
arm="(platform_machine == 'aarch64' and sys_platform == 'linux')"
intel="(platform_machine == 'x86_64' and sys_platform == 'linux')"
mac="(platform_machine == 'arm64' and sys_platform == 'darwin')"
for lock in requirements.lock "$whole"; do
    sed -e "s/ and platform_python_implementation == 'CPython'//g" -e "s/($mac or $arm or $intel)/ANY/" \
        -e "s/($arm or $intel)/sys_platform == 'linux'/" -e "s/python_full_version < '3.15' and //" \
        -e "s/ ; ANY//" -e "s/ and ANY//" "$lock" >"$lock.short"
    mv "$lock.short" "$lock"
done
awk 'FNR == NR { if (/^[a-z0-9]/) known[$1]; next } /^[a-z0-9]/ { skip = $1 in known } !skip' \
    requirements.lock "$whole" >requirements-test.lock
