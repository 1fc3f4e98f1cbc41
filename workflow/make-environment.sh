#!/bin/sh
# make-environment.sh FOLDER LOCK [add]: a virtual environment with exactly what the lock says; or add that to one.
# PYTHON names the interpreter; without it the first of python3, python3.14 ... python3.11 that fits.
# TORCH=cpu (or cu126, cu130, ...) takes that build of PyTorch, which uv finds; without it the lock's, with CUDA on Linux.
# uv is used where it is installed, otherwise pip.
set -eu
folder=$1
lock=$2
torch=${TORCH:-}

if [ -L "$folder" ]; then
    echo "make: $folder is a link, and what it leads to would be emptied; remove the link, then run make again." >&2
    exit 1
fi

fits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null
}

if [ "${3:-}" != add ]; then
    candidates=${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}
    python=
    for candidate in $candidates; do
        if fits "$candidate"; then
            python=$candidate
            break
        fi
    done
    if [ -z "$python" ]; then
        echo "make: no Python 3.11 to 3.14 was found (looked for: $candidates); install one, or name yours:" \
            "make PYTHON=/path/to/python3.12" >&2
        exit 1
    fi
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        echo "make: $python cannot make virtual environments; install its venv module" \
            "(Debian: apt install python3-venv)." >&2
        exit 1
    fi
    echo "Making the environment in $folder with $("$python" --version) (README.md has times and sizes) ..."
    "$python" -m venv --clear "$folder"
fi
log=$folder/install.log
: >"$log"

fail() {
    printf '\nmake: the environment could not be made; the last lines of the installer:\n' >&2
    tail -n 15 "$log" >&2
    exit 1
}

# --no-deps: the lock is complete, and its tests/workflow/test_environment.py proves it.
install() {
    if command -v uv >/dev/null; then
        uv pip install --python "$folder/bin/python" --no-deps --require-hashes --requirement "$1" >>"$log" 2>&1
    else
        "$folder/bin/python" -m pip install --disable-pip-version-check --progress-bar off --no-deps --require-hashes \
            --requirement "$1" >>"$log" 2>&1
    fi
}

wanted=$lock
if [ -n "$torch" ]; then # without PyTorch and what its CUDA build brings
    wanted=$folder/without-torch.lock
    awk '/^[a-z0-9]/ { skip = /^(torch|torchvision|triton|nvidia-[a-z0-9-]+|cuda-[a-z]+)==/ } !skip' "$lock" >"$wanted"
fi
install "$wanted" &
installing=$!
wait=2
ending='\r'
[ -t 1 ] || { wait=20; ending='\n'; }
while kill -0 "$installing" 2>/dev/null; do
    sleep "$wait"
    now=$(sed -n 's/^Collecting \([^ =]*\).*/\1/p; s/^Installing collected.*/installing all/p' "$log" | tail -n 1)
    printf "  %3s of about %s packages: %-30s$ending" \
        "$(grep -c '^\(Collecting\|Processing\)' "$log")" "$(grep -c '^[a-z0-9].*==' "$wanted")" "$now"
done
wait "$installing" || fail

if [ -n "$torch" ] && grep -q '^torch==' "$lock"; then
    uv=uv
    if ! command -v uv >/dev/null; then
        "$folder/bin/python" -m pip install --disable-pip-version-check uv >>"$log" 2>&1 || fail
        uv=$folder/bin/uv
    fi
    versions=$(sed -n 's/^\(torch==[^ ]*\).*/\1/p; s/^\(torchvision==[^ ]*\).*/\1/p' "$lock")
    # shellcheck disable=SC2086 # two words
    "$uv" pip install --python "$folder/bin/python" --torch-backend "$torch" $versions >>"$log" 2>&1 || fail
fi
printf '\nThe environment is ready.\n'
