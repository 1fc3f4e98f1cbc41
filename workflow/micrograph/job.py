"""One job of the workflow: its log, its randomness, its progress."""

import hashlib
import os
import sys
import time
import traceback
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from micrograph.faults import Fault


@contextmanager
def logged(path):
    """Send everything that the block prints, warnings and libraries included, to the log at `path`.

    A Fault ends the job with its sentence on the terminal and in the log, any other exception with its traceback in
    the log and its last line on the terminal; both exit with status 1. The file descriptors themselves are moved, so
    that compiled libraries are logged as well.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    terminal = os.dup(2)
    with open(path, "w", encoding="utf-8", buffering=1) as log:
        kept = [os.dup(1), os.dup(2)]
        streams = sys.stdout, sys.stderr
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        sys.stdout = sys.stderr = log
        try:
            yield
        except Fault as fault:
            print(fault, file=log)
            os.write(terminal, f"\n{fault}\n\n".encode())
            raise SystemExit(1) from None
        except Exception as error:
            traceback.print_exc(file=log)
            os.write(terminal, f"\n{type(error).__name__}: {error} (traceback in {path})\n\n".encode())
            raise SystemExit(1) from None
        finally:
            sys.stdout, sys.stderr = streams
            for target, source in zip((1, 2), kept, strict=True):
                os.dup2(source, target)
                os.close(source)
            os.close(terminal)


def rng(seed, *words):
    """The random generator of one job: the study's seed and the words (rule, wildcards) that name the job.

    Different words give independent streams; the same words give the same stream on every machine.
    """
    name = "/".join(str(word) for word in words).encode()
    return np.random.default_rng([int(seed), *hashlib.sha256(name).digest()])


def progress(things, what, every_seconds=5.0):
    """Yield the things; print "what: 12 of 30" lines now and then, and at the end."""
    things = list(things)
    printed = time.monotonic()
    for done, thing in enumerate(things, start=1):
        yield thing
        if done == len(things) or time.monotonic() - printed > every_seconds:
            printed = time.monotonic()
            print(f"{what}: {done} of {len(things)}", flush=True)
