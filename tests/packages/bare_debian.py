"""A bare Debian of this release in a folder, with processes, a loopback and an init of its own: where packages are installed in tests.

Its packages come from where this machine's come from. HEAPWATCH_DEBIAN may name a folder that `debootstrap --variant=minbase`
has made: it is copied, which saves a minute.
"""
import atexit
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

# The first process: keeps the namespaces, and takes in processes whose parents are gone.
INIT = """
import os, signal, subprocess, sys
root = sys.argv[1]
subprocess.run(["mount", "--make-rprivate", "/"], check=True)
subprocess.run(["mount", "-t", "proc", "proc", root + "/proc"], check=True)
subprocess.run(["mount", "--bind", "/dev", root + "/dev"], check=True)
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
print(os.readlink("/proc/self"), flush=True)
while True:
    try:
        os.wait()
    except ChildProcessError:
        signal.sigtimedwait([signal.SIGCHLD], 0.2)
"""


def mirror():
    """Where this machine's own packages come from."""
    found = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Codename: bookworm"],
                           capture_output=True, text=True, check=True).stdout.split()
    return found[0]


_made = []


def bare_root():
    """A folder that debootstrap has made, once for all tests of a run."""
    given = os.environ.get("HEAPWATCH_DEBIAN")
    if given:
        return given
    if not _made:
        folder = tempfile.mkdtemp(prefix="hw-bare-", dir="/var/tmp")
        atexit.register(shutil.rmtree, folder)
        subprocess.run(["debootstrap", "--variant=minbase", "bookworm", f"{folder}/root", mirror()], check=True, stdout=subprocess.DEVNULL)
        _made.append(f"{folder}/root")
    return _made[0]


class BareDebian:
    """`with BareDebian() as debian`: a folder of its own, gone at the end with all that runs in it."""

    def __init__(self):
        self._folder = None
        self._init = None
        self.root = None

    def __enter__(self):
        self._folder = tempfile.mkdtemp(prefix="hw-debian-", dir="/var/tmp")
        self.root = pathlib.Path(self._folder) / "root"
        try:
            subprocess.run(["cp", "-a", bare_root(), self.root], check=True)
            self._take_over_sources()
            self._start()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *_):
        if self._init:
            self._init.kill()  # unshare takes its child along
            self._init.wait()
            self._init.stdout.close()
        shutil.rmtree(self._folder)

    def _take_over_sources(self):
        """What apt of this machine knows of Debian, security updates too: packages are built against that."""
        apt = self.root / "etc/apt"
        shutil.rmtree(apt / "sources.list.d", ignore_errors=True)
        (apt / "sources.list.d").mkdir()
        (apt / "sources.list").write_text("")
        for file in pathlib.Path("/etc/apt/sources.list.d").glob("debian*"):
            shutil.copy(file, apt / "sources.list.d")
        if pathlib.Path("/etc/apt/sources.list").exists():
            shutil.copy("/etc/apt/sources.list", apt / "sources.list")
        for file in pathlib.Path("/etc/apt/apt.conf.d").glob("*prox*"):
            shutil.copy(file, apt / "apt.conf.d")
        for name in ("resolv.conf", "hosts"):
            shutil.copy(f"/etc/{name}", self.root / "etc" / name)

    def _start(self):
        self._init = subprocess.Popen(["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", sys.executable, "-c", INIT,
                                       str(self.root)], stdout=subprocess.PIPE, text=True)
        if not self._init.stdout.readline():
            raise AssertionError("there is no namespace to be had")
        children = pathlib.Path(f"/proc/{self._init.pid}/task/{self._init.pid}/children").read_text().split()
        self._inside = children[0]

    def _environment(self, **more):
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", "NO_COLOR": "1", **more}

    def _run(self, words, check, **environment):
        done = subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
                              env=self._environment(**environment))
        if check and done.returncode != 0:
            raise AssertionError(f"{words}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def _entering(self, words):
        return ["nsenter", "--target", self._inside, "--mount", "--pid", "--net", *map(str, words)]

    def run(self, *words, check=True, **environment):
        """A command in there, with no network but its own loopback."""
        return self._run(self._entering(["chroot", self.root, *words]), check, **environment)

    def run_outside(self, *words):
        """A command of this machine in the namespaces of there, such as a mount."""
        return self._run(self._entering(words), True)

    def start(self, *words):
        """A command in there that goes on; its output is read at its end."""
        return subprocess.Popen(self._entering(["chroot", self.root, *words]), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, env=self._environment())

    def download_by(self, *words):
        """A command in there with this machine's network."""
        proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
        return self._run(["chroot", str(self.root), *map(str, words)], True, **proxies)

    def download(self, *words):
        """apt-get in there with this machine's network, to fetch and not to install."""
        return self.download_by("apt-get", "-q", "-y", "--no-install-recommends", *words)

    def install(self, *files):
        return self.run("apt-get", "-q", "-y", "--no-install-recommends", "install", *files)
