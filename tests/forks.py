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

import micrograph
import pandas  # noqa: F401
from snakemake import cli
from snakemake.benchmark import benchmarked
from snakemake.script import PythonScript
from threadpoolctl import threadpool_limits

IMPORTED_LATE = ("timm", "skops.io", "gwyfile", "zstandard")  # by the package where it needs them, in most jobs


def serve():
    """Fork once for every run that is asked for."""
    cli.get_argument_parser()  # imports the plugins
    for name in (*(module.name for module in pkgutil.walk_packages(micrograph.__path__, "micrograph.")), *IMPORTED_LATE):
        if not name.endswith("__main__"):
            importlib.import_module(name)
    gc.freeze()  # a collection in a fork would copy all memory
    for line in sys.stdin:
        if not (child := os.fork()):
            return run(*json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def run(arguments, environment, printed):
    """Run snakemake; another process forks for its jobs, since forks of a process with threads can hang."""
    os.environ.clear()
    os.environ.update(environment)
    for stream, path, how in ((0, os.devnull, os.O_RDONLY), (1, printed, os.O_WRONLY), (2, printed, os.O_WRONLY)):
        os.dup2(os.open(path, how | os.O_APPEND), stream)
    asks, answers = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if not os.fork():
        asks.close()
        return serve_jobs(answers)
    answers.close()
    as_started_by_snakemake = PythonScript.execute_script

    def execute_script(self, path, edit=False):
        if self.conda_env is not None or self.container_img is not None:
            return as_started_by_snakemake(self, path, edit)
        reading, writing = os.pipe()
        job = {"path": path, "folder": os.getcwd(), "threads": self.threads, "temporary": self.resources["tmpdir"]}
        socket.send_fds(asks, [json.dumps(job).encode()], [writing])
        os.close(writing)
        with open(reading) as answer, benchmarked(answer.readline(), self.bench_record):
            status = int(answer.readline())
        if status:
            raise subprocess.CalledProcessError(status, path)

    PythonScript.execute_script = execute_script
    signal.alarm(2700)
    sys.argv[1:] = arguments
    cli.main()


def serve_jobs(answers):
    """Fork twice for every job: for the job, and for a process that writes its number and its exit status."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while (received := socket.recv_fds(answers, 1 << 16, 1))[0]:
        message, (answer, *_) = received[:2]
        if not os.fork():
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            answers.close()
            with open(answer, "w") as file:
                if job := os.fork():
                    print(job, file=file, flush=True)
                    print(os.waitstatus_to_exitcode(os.waitpid(job, 0)[1]), file=file, flush=True)
                    os._exit(0)
            return run_job(**json.loads(message))
        os.close(answer)


def run_job(path, folder, threads, temporary):
    """Run a script as Snakemake would start it."""
    os.chdir(folder)
    os.environ |= {"OMP_NUM_THREADS": str(threads), "TMPDIR": temporary}
    sys.argv, sys.path[0] = [path], os.path.dirname(path)
    with threadpool_limits(threads):
        runpy.run_path(path, run_name="__main__")


def main():
    """Serve, and end a fork without taking its imports apart, which takes a second."""
    status = 0
    try:
        serve()
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


if __name__ == "__main__":
    main()
