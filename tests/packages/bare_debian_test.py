"""The packages that are shipped, in a bare Debian: they install, start, are upgraded, stop, and leave nothing behind.

HEAPWATCH_PACKAGES may name a folder with packages that scripts/package has made; else they are made here.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.path.insert(0, str(ROOT / "tests/testing"))
from agent import wait_until  # noqa: E402
from bare_debian import BareDebian  # noqa: E402

PYTHON_CHECK = """
from datadog_checks.base import AgentCheck


class One(AgentCheck):
    def check(self, instance):
        self.gauge("one", 1)
"""


def later_version(deb, folder):
    """The same package with a higher version, and a default configuration that says something new."""
    tree = folder / "later"
    subprocess.run(["dpkg-deb", "--raw-extract", deb, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"^Version: (.*)$", r"Version: \1+later", control.read_text(), flags=re.M))
    (tree / "DEBIAN/md5sums").unlink()
    shipped = tree / "etc/heapwatch/conf.d/memory.d/conf.yaml"
    shipped.write_text(shipped.read_text() + "# later\n")
    made = folder / "heapwatch_later.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", tree, made], check=True, stdout=subprocess.DEVNULL)
    return made


class BareDebianTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        made = os.environ.get("HEAPWATCH_PACKAGES")
        if not made:
            subprocess.run([ROOT / "scripts/package"], check=True, stdout=subprocess.DEVNULL)
        cls.folder = pathlib.Path(made or ROOT / "build/package")
        version = re.search(r"^project\(heapwatch VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text(), re.M)[1]
        cls.debs = {path.name.split("_")[0]: path for path in cls.folder.glob(f"*_{version}_*.deb")}
        cls.changes = next(cls.folder.glob(f"heapwatch_{version}_*.changes"))

    def test_lintian_finds_nothing(self):
        found = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0", self.changes],
                               capture_output=True, text=True, check=False)
        self.assertEqual((found.stdout, found.returncode), ("", 0))

    def test_symbols_come_apart(self):
        self.assertEqual(set(self.debs), {"heapwatch", "heapwatch-python", "heapwatch-pprof", "libmemtrack-dev", "heapwatch-dbgsym",
                                          "heapwatch-python-dbgsym", "heapwatch-pprof-dbgsym"})
        self.assertEqual(list(self.folder.glob("libmemtrack-dev-dbgsym*")), [])  # a static library has its own

    def test_it_installs_runs_upgrades_stops_and_goes(self):
        with BareDebian() as debian, tempfile.TemporaryDirectory() as folder:
            inside = debian.root / "root"
            for name, deb in self.debs.items():
                shutil.copy(deb, inside / f"{name}.deb")
            shutil.copy(later_version(self.debs["heapwatch"], pathlib.Path(folder)), inside / "later.deb")
            debian.download("update")
            debian.download("--download-only", "install", *(f"/root/{name}.deb" for name in ("heapwatch", "heapwatch-python")))
            debian.download("--download-only", "install", "/root/libmemtrack-dev.deb")
            before = self.files_of(debian)
            self.installs_and_starts(debian)
            self.is_upgraded(debian)
            self.runs_python(debian, inside)
            self.links_memtrack(debian)
            self.goes(debian, before)
            self.has_pprof_alone(debian, inside)

    def test_the_image_runs_without_privileges_in_a_root_that_is_read_only(self):
        """The steps of the Containerfile, in a bare Debian in place of the image that it begins with."""
        text = (ROOT / "packaging/Containerfile").read_text().replace("\\\n", " ")
        steps = re.findall(r"^(RUN|COPY|USER|HEALTHCHECK|ENTRYPOINT|CMD|VOLUME) (.*)$", text, re.M)
        said = {name: value for name, value in steps if name not in ("RUN", "COPY")}
        with BareDebian() as debian:
            for name, value in steps:
                if name == "COPY":
                    *patterns, target = value.split()
                    place = debian.root / target.lstrip("/")
                    place.mkdir(parents=True)
                    for pattern in patterns:
                        self.assertTrue(list(self.folder.glob(pattern)), pattern)
                        for deb in self.folder.glob(pattern):
                            shutil.copy(deb, place)
                elif name == "RUN":
                    debian.download_by("sh", "-c", value)
            self.assertEqual([path for path in (debian.root / "var/lib/apt/lists").iterdir()], [])
            debian.run_outside("mount", "--bind", debian.root, debian.root)
            debian.run_outside("mount", "-o", "remount,bind,ro", debian.root)
            user, group = said["USER"].split(":")
            debian.run_outside("mount", "-t", "tmpfs", "-o", f"uid={user},gid={group},mode=750", "tmpfs",
                               f"{debian.root}{said['VOLUME']}")
            debian.run_outside("mount", "-t", "proc", "proc", debian.root / "proc")
            self.assertNotEqual(debian.run("touch", "/anywhere", check=False).returncode, 0)
            plain = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all",
                     "--no-new-privs"]
            healthy = json.loads(said["HEALTHCHECK"].split("CMD ")[1])
            self.assertNotEqual(debian.run(*plain, *healthy, check=False).returncode, 0, "healthy before it runs")
            command = json.loads(said["ENTRYPOINT"]) + json.loads(said["CMD"])
            running = debian.start(*plain, *command)
            try:
                wait_until(lambda: debian.run(*plain, *healthy, check=False).returncode == 0, "health")
                self.status(debian)
                self.assertIsNone(running.poll())
            finally:
                # nsenter stays behind: it is the agent that has to hear of it.
                debian.run("start-stop-daemon", "--stop", "--quiet", "--oknodo", "--signal", "TERM", "--exec", "/usr/bin/heapwatch-agent")
                output = running.communicate(timeout=30)[0]
            self.assertNotRegex(output, r"(?i)read-only|permission denied")

    def files_of(self, debian):
        return {str(path.relative_to(debian.root)) for path in debian.root.rglob("*heapwatch*")
                if not path.is_relative_to(debian.root / "root") and not path.is_relative_to(debian.root / "proc")}

    def pid(self, debian):
        return debian.run("cat", "/run/heapwatch.pid").stdout.strip()

    def status(self, debian):
        """Where it runs."""
        return wait_until(lambda: (lambda done: done.stdout if done.returncode == 0 and "[OK]" in done.stdout else "")(
            debian.run("heapwatch", "status", check=False)), "good runs in the status")

    def installs_and_starts(self, debian):
        policy = debian.root / "usr/sbin/policy-rc.d"  # as where an init runs: without one Debian starts nothing that is installed
        policy.write_text("#!/bin/sh\nexit 0\n")
        policy.chmod(0o755)
        debian.install("/root/heapwatch.deb")
        self.assertIn("heapwatch", self.status(debian))
        user = debian.run("stat", "-c", "%U", f"/proc/{self.pid(debian)}").stdout.strip()
        self.assertEqual(user, "heapwatch")
        shown = debian.run("stat", "-c", "%U:%G %a", "/etc/heapwatch", "/etc/heapwatch/heapwatch.yaml").stdout.split("\n")
        self.assertEqual(shown[:2], ["root:heapwatch 750", "root:root 644"])
        self.assertTrue((debian.root / "etc/systemd/system/multi-user.target.wants/heapwatch.service").is_symlink())
        debian.run("/etc/init.d/heapwatch", "status")

    def is_upgraded(self, debian):
        """What an admin has changed stays as it is, what was not touched becomes new, and the new program runs."""
        config = debian.root / "etc/heapwatch/heapwatch.yaml"
        config.write_text(config.read_text() + 'tags: ["place:here"]\n')
        kept = config.read_text()
        own = debian.root / "etc/heapwatch/conf.d/memory.d/own.yaml"
        own.write_text("init_config:\ninstances:\n  - self: true\n    name: own\n")
        first = self.pid(debian)
        debian.install("/root/later.deb")
        self.assertEqual(config.read_text(), kept)
        self.assertTrue(own.exists())
        self.assertTrue((debian.root / "etc/heapwatch/conf.d/memory.d/conf.yaml").read_text().endswith("# later\n"))
        self.assertNotEqual(self.pid(debian), first)
        self.assertFalse((debian.root / "proc" / first).exists())
        self.assertIn("own", self.status(debian))
        own.unlink()
        debian.run("apt-get", "-q", "-y", "--allow-downgrades", "--no-install-recommends", "install", "/root/heapwatch.deb",
                   "-o", "Dpkg::Options::=--force-confnew")

    def runs_python(self, debian, inside):
        debian.install("/root/heapwatch-python.deb")
        conf = inside / "conf/conf.d/one.d/conf.yaml"
        conf.parent.mkdir(parents=True)
        conf.write_text("init_config:\ninstances:\n  - {}\n")
        checks = inside / "conf/checks.d"
        checks.mkdir()
        (checks / "one.py").write_text(PYTHON_CHECK)
        shown = debian.run("heapwatch", "--confd", "/root/conf/conf.d", "check", "one", "--dogstatsd")
        self.assertIn("one:1|g", shown.stdout)

    def links_memtrack(self, debian):
        debian.install("/root/libmemtrack-dev.deb")
        library = next((debian.root / "usr/lib").glob("*/libheapwatch_memtrack.a"))
        self.assertTrue((library.parent / "pkgconfig/heapwatch-memtrack.pc").exists())
        prefix = subprocess.run(["pkg-config", "--variable=libdir", "heapwatch-memtrack"], capture_output=True, text=True, check=True,
                                env={"PKG_CONFIG_PATH": str(library.parent / "pkgconfig"), "PATH": "/usr/bin:/bin"}).stdout.strip()
        self.assertEqual(pathlib.Path(prefix).resolve(), library.parent.resolve())

    def goes(self, debian, before):
        pid = self.pid(debian)
        begin = time.monotonic()
        debian.run("/etc/init.d/heapwatch", "stop")
        self.assertLess(time.monotonic() - begin, 12)
        debian.run("test", "!", "-e", f"/proc/{pid}")
        debian.run("/etc/init.d/heapwatch", "start")
        debian.run("apt-get", "-q", "-y", "remove", "heapwatch")
        self.assertTrue((debian.root / "etc/heapwatch/heapwatch.yaml").exists())
        self.assertFalse((debian.root / "run/heapwatch.pid").exists())
        debian.run("apt-get", "-q", "-y", "purge", "heapwatch", "heapwatch-python", "libmemtrack-dev")
        self.assertEqual(self.files_of(debian) - before, set())

    def has_pprof_alone(self, debian, inside):
        debian.install("/root/heapwatch-pprof.deb")
        profile = next((ROOT / "tests/pprof").rglob("*.pb.gz"))
        shutil.copy(profile, inside / "profile.pb.gz")
        self.assertIn("Showing nodes", debian.run("heapwatch", "pprof", "-top", "/root/profile.pb.gz").stdout)
        refused = debian.run("heapwatch", "status", check=False)
        self.assertIn("only `heapwatch pprof` is installed here", refused.stderr)


if __name__ == "__main__":
    unittest.main()
