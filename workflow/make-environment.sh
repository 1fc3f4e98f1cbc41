#!/bin/sh
# make-environment.sh FOLDER LOCK: a virtual environment with exactly what the lock says.
# PYTHON names the interpreter; without it the first of python3, python3.13, python3.12, python3.11 that fits.
set -eu
folder=$1
lock=$2

if [ -L "$folder" ]; then
    echo "make: $folder is a link, and what it leads to would be emptied; remove the link, then run make again." >&2
    exit 1
fi

fits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

python=
for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if fits "$candidate"; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "make: no Python 3.11, 3.12 or 3.13 was found (looked for: ${PYTHON:-python3 python3.13 python3.12 python3.11});" \
        "install one, or name yours: make PYTHON=/path/to/python3.12" >&2
    exit 1
fi
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    echo "make: $python cannot make virtual environments; install its venv module (Debian: apt install python3-venv)." >&2
    exit 1
fi

echo "Making the environment in $folder with $("$python" --version) (about 3 minutes, 6.5 GB on Linux) ..."
"$python" -m venv --clear "$folder"
"$folder/bin/python" -m pip install --disable-pip-version-check --progress-bar off --require-hashes \
    --requirement "$lock" >"$folder/install.log" 2>&1 &
installing=$!
wait=2
ending='\r'
[ -t 1 ] || { wait=20; ending='\n'; }
while kill -0 "$installing" 2>/dev/null; do
    sleep "$wait"
    now=$(sed -n 's/^Collecting \([^ =]*\).*/\1/p; s/^Installing collected.*/installing all/p' "$folder/install.log" | tail -n 1)
    printf "  %3s of about %s packages: %-30s$ending" \
        "$(grep -c '^Collecting' "$folder/install.log")" "$(grep -c '==' "$lock")" "$now"
done
if ! wait "$installing"; then
    printf '\nmake: the environment could not be made; the last lines of pip:\n' >&2
    tail -n 15 "$folder/install.log" >&2
    exit 1
fi
"$folder/bin/python" -c 'import snakemake, torch'
printf '\nThe environment is ready.\n'
