"""Runs of Snakemake, and their jobs, as forks of one process that has its imports done.

Imports are half of a dry run and most of a small job. `project.Study` starts this process and writes a run a line: the
arguments of snakemake, the environment, and the file that all output goes to. It reads the exit statuses.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import traceback

import pandas  # noqa: F401
from snakemake import cli
from snakemake.benchmark import benchmarked
from snakemake.script import PythonScript
from threadpoolctl import threadpool_limits

import micrograph

IMPORTED_LATE = ("timm", "skops.io", "gwyfile", "zstandard")  # by the package where it needs them, in most jobs
RUN_SECONDS = 2700  # at most


def serve():
    """Run snakemake for every line."""
    cli.get_argument_parser()  # imports the plugins
    modules = (module.name for module in pkgutil.walk_packages(micrograph.__path__, "micrograph."))
    for name in (*modules, *IMPORTED_LATE):
        if not name.endswith("__main__"):
            importlib.import_module(name)
    gc.freeze()  # a collection in a fork would copy all memory
    for line in sys.stdin:
        print(exit_status(fork(run, *json.loads(line))), flush=True)


def fork(work, *arguments):
    """Do the work in a fork and return its process id. It ends without Python's clean-up, which takes a second here."""
    if process := os.fork():
        return process
    status = 0
    try:
        work(*arguments)
    except SystemExit as end:
        status = end.code or 0
        if not isinstance(status, int):
            print(status, file=sys.stderr)
            status = 1
    except BaseException:
        traceback.print_exc()
        status = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def exit_status(process):
    """Wait for a process and return its exit status."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def run(arguments, environment, printed):
    """Run snakemake. Jobs are forks of a process beside it, since a fork of a process with threads can hang."""
    os.environ.clear()
    os.environ.update(environment)
    for stream, path, how in ((0, os.devnull, os.O_RDONLY), (1, printed, os.O_WRONLY), (2, printed, os.O_WRONLY)):
        os.dup2(os.open(path, how | os.O_APPEND), stream)
    asking, answering = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    fork(serve_jobs, asking, answering)
    answering.close()
    start = PythonScript.execute_script

    def execute_script(self, path, edit=False):
        if self.conda_env is not None or self.container_img is not None:
            start(self, path, edit)
            return
        reading, writing = os.pipe()
        job = (path, os.getcwd(), self.threads, self.resources["tmpdir"])
        socket.send_fds(asking, [json.dumps(job).encode()], [writing])
        os.close(writing)
        with open(reading) as answer, benchmarked(answer.readline(), self.bench_record):
            status = int(answer.readline())
        if status:
            raise subprocess.CalledProcessError(status, path)

    PythonScript.execute_script = execute_script
    signal.alarm(RUN_SECONDS)
    sys.argv[1:] = arguments
    cli.main()


def serve_jobs(asking, answering):
    """Run a job for every message, until snakemake ends."""
    asking.close()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while (received := socket.recv_fds(answering, 1 << 16, 1))[0]:
        message, (answer,) = received[:2]
        fork(watch, message, answer)
        os.close(answer)


def watch(message, answer):
    """Run a job, and write its process id and its exit status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with open(answer, "w") as file:
        job = fork(run_script, *json.loads(message))
        print(job, file=file, flush=True)
        print(exit_status(job), file=file)


def run_script(path, folder, threads, temporary):
    """Run a script as Snakemake would start it."""
    os.chdir(folder)
    os.environ |= {"OMP_NUM_THREADS": str(threads), "TMPDIR": temporary}
    sys.argv, sys.path[0] = [path], os.path.dirname(path)
    with threadpool_limits(threads):
        runpy.run_path(path, run_name="__main__")


if __name__ == "__main__":
    serve()
