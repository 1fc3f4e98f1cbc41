"""A throw-away SLURM cluster of one node on the loopback interface: munged, slurmctld, slurmd, and four counted GPUs.

The GPUs are device files that compute nothing: SLURM counts them and tells jobs which they have (CUDA_VISIBLE_DEVICES).
The node says that it has four cores and 32 GB, whatever the machine has: memory is asked for but not enforced here.
There is no accounting. Nothing is left behind: jobs are cancelled, daemons ended, links removed, even after a failure.
"""

import ctypes
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

DAEMONS = ("munged", "slurmctld", "slurmd")
# The plugin's jobs drop every SLURM_* variable, SLURM_CONF too: the configuration must lie where SLURM looks by itself.
ETC = Path("/etc/slurm")
FILES = ("slurm.conf", "gres.conf", "cgroup.conf")
GPUS = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random")

CONF = """\
ClusterName=throwaway
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmdParameters=config_overrides
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
ReturnToService=2
MinJobAge=3600
KillWait=2
MessageTimeout=100
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
GresTypes=gpu
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=32000 Gres=gpu:{gpus} State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing():
    """Why no cluster can be made here, as the end of a sentence; an empty text where it can."""
    absent = [name for name in (*DAEMONS, "squeue", "scancel", "sbatch") if shutil.which(name) is None]
    if absent:
        return f"{', '.join(absent)} not installed (Debian: slurmctld slurmd slurm-client munge)"
    if os.geteuid() != 0:
        return "only root can start slurmd"
    if any((ETC / name).exists() for name in FILES) and not _left_behind():
        return f"this machine belongs to a SLURM cluster already ({ETC}/slurm.conf)"
    return ""


def _left_behind():
    """Whether the configuration is that of a throw-away cluster whose tests were killed: nobody answers any more."""
    conf = ETC / "slurm.conf"
    ours = conf.is_symlink() and "ClusterName=throwaway" in conf.read_text(encoding="utf-8")
    return ours and "DOWN" in said("scontrol", "ping", fails=True)


def dies_with_us():
    """For a process that is about to start: end it should the tests be killed outright (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class Cluster:
    """The cluster in a folder of its own; a context manager, so that it is always taken down."""

    def __init__(self, folder):
        """Nothing is started yet. folder: an empty Path that root may write to."""
        self.folder, self.daemons, self.host = folder, [], socket.gethostname().split(".")[0]

    def __enter__(self):
        """Start it; AssertionError with the daemons' logs where the node does not become idle in time."""
        try:
            self._configure()
            munge = self.folder / "munge"
            files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
            self._start(
                "munged", "--foreground", "--force", *(f"--{name}={munge / file}" for name, file in files.items())
            )
            self._until(lambda: (munge / "socket").exists(), "munged has no socket")
            self._start("slurmctld", "-D", "-c")
            self._start("slurmd", "-D", "-c")
            self._until(lambda: "idle" in said("sinfo", "-h", "-o", "%T", fails=True), "the node is not idle")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        """Cancel what runs, end the daemons, remove the links."""
        if self.daemons[1:]:
            subprocess.run(["scancel", "--user=root"], capture_output=True, timeout=60)
            self._until(lambda: not running(fails=True), None, seconds=60)
        for daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(timeout=10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        for name in FILES:
            if (ETC / name).is_symlink() and os.readlink(ETC / name) == str(self.folder / name):
                (ETC / name).unlink()

    def _configure(self):
        for name in ("munge", "state", "spool"):
            (self.folder / name).mkdir(mode=0o755)
        key = self.folder / "munge" / "key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(1024))
        conf = CONF.format(host=self.host, ports=_free_ports(2), folder=self.folder, gpus=len(GPUS))
        plugin = "cgroup/v1" if Path("/sys/fs/cgroup/freezer").is_dir() else "autodetect"
        texts = {
            "slurm.conf": conf,
            "gres.conf": "".join(f"NodeName={self.host} Name=gpu File={path}\n" for path in GPUS),
            "cgroup.conf": f"CgroupPlugin={plugin}\nCgroupMountpoint=/sys/fs/cgroup\n",
        }
        ETC.mkdir(exist_ok=True)
        for name, text in texts.items():
            (self.folder / name).write_text(text, encoding="utf-8")
            (ETC / name).unlink(missing_ok=True)
            (ETC / name).symlink_to(self.folder / name)

    def _start(self, *command):
        with open(self.folder / f"{command[0]}.log", "w", encoding="utf-8") as log:
            daemon = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=dies_with_us,
            )
        self.daemons.append(daemon)

    def _until(self, holds, otherwise, seconds=180):
        wait(lambda: holds() or any(daemon.poll() is not None for daemon in self.daemons), seconds)
        if otherwise and not holds():
            logs = "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in self.folder.glob("*.log"))
            raise AssertionError(f"{otherwise}\n{logs}")


def _free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def wait(holds, seconds):
    """Whether `holds()` came true within so many seconds; asked five times a second."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.2)
    return False


def said(*command, fails=False):
    """What a SLURM command prints; asked three times where the controller is too busy to answer.

    CalledProcessError where it fails then, unless it may (`fails`).
    """
    for left in (2, 1, 0):
        done = subprocess.run(command, check=not (fails or left), text=True, capture_output=True, timeout=180)
        if fails or not done.returncode:
            break
        time.sleep(2)
    return done.stdout


def jobs():
    """Every job since the cluster was made: {job id: {field: text}}, as `scontrol show jobs` names them."""
    lines = said("scontrol", "show", "jobs", "--oneliner").splitlines()
    records = [dict(re.findall(r"(\S+?)=(\S*)", line)) for line in lines if line.startswith("JobId=")]
    return {int(record["JobId"]): record for record in records}


def running(fails=False):
    """The ids of the jobs that wait, run or are ending; fails: none where the controller does not answer."""
    return [int(line) for line in said("squeue", "-h", "-o", "%i", fails=fails).split()]
