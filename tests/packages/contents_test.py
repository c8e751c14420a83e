"""What the packages hold and say, of this build tree: nothing is compiled and nothing installed."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/testing"))
from agent import clean_environment, run  # noqa: E402

BUILD = ""
PACKAGES = ("heapwatch", "heapwatch-python", "heapwatch-pprof", "libmemtrack-dev")
CONFFILES = ["/etc/heapwatch/conf.d/go_expvar.d/conf.yaml", "/etc/heapwatch/conf.d/memory.d/conf.yaml",
             "/etc/heapwatch/heapwatch.yaml", "/etc/init.d/heapwatch", "/etc/logrotate.d/heapwatch"]


def words_in(name, text):
    """The words of a list in a script of the shell."""
    return set(re.search(rf"^{name}=\(\n(.*?)^\)", text, re.M | re.S)[1].split())


class ContentsTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        done = subprocess.run([ROOT / "scripts/package", "--of", BUILD, "--out", folder], capture_output=True, text=True, check=False,
                              env=clean_environment())
        if done.returncode != 0:
            raise AssertionError(done.stdout + done.stderr)
        cls.files = {path.name.split("_")[0]: path for path in folder.glob("*.deb")}
        cls.version = re.search(r"^project\(heapwatch VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text(), re.M)[1]

    def deb(self, package, *words):
        return subprocess.run(["dpkg-deb", *words, self.files[package]], capture_output=True, text=True, check=True).stdout

    def field(self, package, name):
        return subprocess.run(["dpkg-deb", "--field", self.files[package], name], capture_output=True, text=True,
                              check=True).stdout.strip()

    def paths(self, package):
        """Its files and links, without folders."""
        rows = [line.split(maxsplit=5) for line in self.deb(package, "--contents").splitlines()]
        return {row[5].split(" -> ")[0].removeprefix(".") for row in rows if not row[0].startswith("d")}

    def control(self, package, name):
        return subprocess.run(["dpkg-deb", "--info", self.files[package], name], capture_output=True, text=True, check=True).stdout

    def test_there_is_each_package_in_the_version_of_the_program(self):
        self.assertEqual(set(self.files), set(PACKAGES))
        for package in PACKAGES:
            self.assertEqual(self.field(package, "Version"), self.version)

    def test_the_agent_comes_with_all_that_it_starts_and_the_interpreter_apart(self):
        ours = self.paths("heapwatch")
        self.assertLess({"/usr/bin/heapwatch", "/usr/bin/heapwatch-agent", "/usr/lib/heapwatch/libheapwatch_preload.so",
                         "/usr/lib/heapwatch/libheapwatch_preload_operators.so", "/usr/lib/heapwatch/libdatadog-agent-go_expvar.so",
                         "/lib/systemd/system/heapwatch.service", "/usr/lib/sysusers.d/heapwatch.conf",
                         "/usr/share/man/man1/heapwatch-run.1.gz", "/usr/share/bash-completion/completions/heapwatch",
                         "/usr/share/zsh/vendor-completions/_heapwatch", *CONFFILES}, ours)
        self.assertEqual({path for path in ours if "python" in path and "/doc/" not in path}, set())
        python = self.paths("heapwatch-python")
        self.assertIn("/usr/lib/heapwatch/heapwatch_python.so", python)
        self.assertIn("/usr/lib/heapwatch/python/base/datadog_checks/base/__init__.py", python)
        self.assertNotIn("libpython", self.field("heapwatch", "Depends"))
        self.assertIn("libpython3", self.field("heapwatch-python", "Depends"))
        self.assertIn(f"heapwatch (= {self.version})", self.field("heapwatch-python", "Depends"))

    def test_every_file_that_is_installed_is_in_a_package(self):
        with tempfile.TemporaryDirectory() as stage:
            subprocess.run(["cmake", "--install", BUILD, "--prefix", "/usr"], env={**os.environ, "DESTDIR": stage}, check=True,
                           stdout=subprocess.DEVNULL)
            wanted = {str(path.relative_to(stage)) for path in pathlib.Path(stage).rglob("*") if path.is_file()}
        held = {path.removesuffix(".gz") for package in PACKAGES for path in self.paths(package)}
        names = {path.rsplit("/", 1)[-1] for path in held}
        missing = {path for path in wanted if path.rsplit("/", 1)[-1] not in names}
        self.assertEqual(missing, {"usr/share/doc/heapwatch/LICENSE"})  # copyright says it, as Debian has it

    def test_pprof_comes_alone_where_the_agent_is_not_wanted(self):
        self.assertLess({"/usr/bin/heapwatch", "/usr/bin/heapwatch-pprof", "/usr/share/man/man1/heapwatch-pprof.1.gz"},
                        self.paths("heapwatch-pprof"))
        self.assertNotIn("/usr/bin/heapwatch-agent", self.paths("heapwatch-pprof"))
        self.assertEqual(self.field("heapwatch-pprof", "Conflicts"), "heapwatch")
        self.assertEqual(self.field("heapwatch", "Conflicts"), "heapwatch-pprof")
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["dpkg-deb", "--extract", self.files["heapwatch-pprof"], folder], check=True)
            program = pathlib.Path(folder) / "usr/bin/heapwatch"
            refused = run(program, "run")
            self.assertEqual((refused.returncode, refused.stderr),
                             (1, "heapwatch: only `heapwatch pprof` is installed here; the package heapwatch has the other commands\n"))
            helped = run(program, "pprof", "-help")
            self.assertIn("-http", helped.stdout + helped.stderr)
            missing = run(program, "pprof", "-top", "http://127.0.0.1:1/debug/pprof/heap")  # nobody listens there
            self.assertIn("127.0.0.1:1", missing.stderr)

    def test_memtrack_has_what_programs_are_built_with(self):
        names = {path.rsplit("/", 1)[-1] for path in self.paths("libmemtrack-dev")}
        self.assertLess({"memtrack.h", "memtrack.hpp", "abi.h", "libheapwatch_memtrack.a", "heapwatch-memtrack.pc", "heapwatch-plugin.pc",
                         "heapwatch_memtrack-config.cmake"}, names)

    def test_the_configuration_is_kept_over_upgrades(self):
        self.assertEqual(sorted(self.control("heapwatch", "conffiles").split()), CONFFILES)
        for package in PACKAGES[1:]:
            self.assertEqual({path for path in self.paths(package) if path.startswith("/etc/")}, set())

    def test_the_unit_is_enabled_and_the_user_made(self):
        installed = self.control("heapwatch", "postinst")
        self.assertIn("systemd-sysusers heapwatch.conf", installed)
        self.assertIn("deb-systemd-helper enable 'heapwatch.service'", installed)
        self.assertLess(installed.index("systemd-sysusers"), installed.index("deb-systemd-helper"))
        self.assertIn("systemd-sysusers", self.field("heapwatch", "Depends"))
        removed = self.control("heapwatch", "prerm")
        self.assertIn("stop", removed)
        for script in ("postinst", "prerm", "postrm"):
            checked = subprocess.run(["sh", "-n"], input=self.control("heapwatch", script), text=True, capture_output=True, check=False)
            self.assertEqual((checked.returncode, checked.stderr), (0, ""))

    def test_no_script_of_a_package_fetches_anything(self):
        for package in PACKAGES:
            with tempfile.TemporaryDirectory() as folder:
                subprocess.run(["dpkg-deb", "--control", self.files[package], folder], check=True)
                for script in pathlib.Path(folder).iterdir():
                    if script.name in ("postinst", "preinst", "prerm", "postrm"):
                        self.assertNotRegex(script.read_text(), r"\b(wget|curl|apt-get|pip|https?:)\b")

    def test_it_is_built_with_what_the_setup_installs(self):
        setup = words_in("build_packages", (ROOT / "scripts/setup").read_text())
        needed = re.search(r"^Build-Depends: (.*?)^\S", (ROOT / "packaging/debian/control").read_text(), re.M | re.S)[1]
        needed = {word.strip() for word in needed.replace("\n", " ").split(",")}
        self.assertEqual(needed - {"debhelper-compat (= 13)"}, setup - {"g++", "ccache", "git"})  # the compiler is essential there

    def test_the_shipped_configuration_is_right_as_it_stands_and_with_its_comments_in_force(self):
        text = (ROOT / "packaging/heapwatch.yaml").read_text()
        in_force = re.sub(r"^# (?=( *- |[\w ]+:( |$)(?!.*\.$)))", "", text, flags=re.M)
        keys = ["tags", "expvar_port", "prometheus", "dogstatsd_port", "remote_write", "profiles"]
        self.assertEqual(re.findall(r"^(\w+):", in_force, re.M), keys, in_force)
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "heapwatch.yaml"
            for content in (text, in_force):
                file.write_text(content)
                checked = run(pathlib.Path(BUILD) / "agent/heapwatch-agent", "--config", file, "--confd", ROOT / "conf.d", "configcheck")
                self.assertEqual((checked.returncode, checked.stderr), (0, ""), content)


if __name__ == "__main__":
    BUILD = sys.argv.pop()
    unittest.main()
