"""What `cmake --install` gives: programs that run from a prefix that was moved, what others build against, and the manual."""
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/testing"))
from agent import Confd, clean_environment, run  # noqa: E402
from pages import Pages  # noqa: E402

BUILD = ""
SUBCOMMAND = re.compile(r"^  (\w+)(?:, ?\w+)* {2,}\S", re.M)
OPTION_LINE = re.compile(r"^ +(-[-\w]+(?:, ?-[-\w]+)*)", re.M)
COUNTS = "allocations 2, frees 1, in use 300, untracked frees 0\n"

C_PROGRAM = r"""
#include <stdio.h>

#include "memtrack/memtrack.h"

int main(void) {
  void* kept = _malloc(300);
  _free(_malloc(100));
  const memtrack_counters counts = memtrack_stats();
  printf("allocations %d, frees %d, in use %d, untracked frees %d\n", (int)counts.allocations, (int)counts.frees,
         (int)counts.inuse_bytes, (int)counts.untracked_frees);
  return kept == NULL;
}
"""

CXX_PROGRAM = r"""
#include <cstdio>
#include <vector>

#include "memtrack/memtrack.hpp"

int main() {
  const std::vector<char, heapwatch::memtrack::Allocator<char>> kept(300);
  { const std::vector<char, heapwatch::memtrack::Allocator<char>> gone(100); }
  const memtrack_counters counts = memtrack_stats();
  std::printf("allocations %d, frees %d, in use %d, untracked frees %d\n", int(counts.allocations), int(counts.frees),
              int(counts.inuse_bytes), int(counts.untracked_frees));
}
"""

GO_PROGRAM = r"""
package main

/*
#cgo pkg-config: heapwatch-memtrack
#include "memtrack/memtrack.h"
*/
import "C"

import "fmt"

func main() {
	C._malloc(300)
	C._free(C._malloc(100))
	counts := C.memtrack_stats()
	fmt.Printf("allocations %d, frees %d, in use %d, untracked frees %d\n", counts.allocations, counts.frees,
		counts.inuse_bytes, counts.untracked_frees)
}
"""

PLUGIN = r"""
#include <stddef.h>

#include "check/shared_library/abi.h"

void Run(char* id, char* init_config, char* instance, const aggregator_t* to, const char** error) {
  char* tags[] = {"color:red", NULL};
  (void)init_config, (void)instance, (void)error;
  to->submit_metric(id, metric_type_gauge, "sample", 1, tags, "", false);
}

const char* Version(const char** error) {
  (void)error;
  return "1.0.0";
}
"""

CMAKE_PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(outside LANGUAGES @LANGUAGES@)
find_package(heapwatch_memtrack 0.1 REQUIRED)
add_executable(outside @SOURCE@)
target_link_libraries(outside PRIVATE heapwatch::memtrack)
"""


def command(*words, cwd=None, **environment):
    """The standard output of a command that has to succeed without a word about trouble."""
    done = subprocess.run([*map(str, words)], cwd=cwd, capture_output=True, text=True, timeout=240, check=False,
                          env=clean_environment(**environment))
    if done.returncode != 0:
        raise AssertionError(f"{words}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def options_in(text):
    """The options that a page of help names, each spelling by itself."""
    return {word.strip() for names in OPTION_LINE.findall(text) for word in names.split(",")}


def inner_commands(text):
    """The subcommands that a page of help names."""
    return SUBCOMMAND.findall(text.split("Subcommands:")[-1]) if "Subcommands:" in text else []


class InstallTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.prefix = cls.folder / "moved"
        command("cmake", "--install", BUILD, "--prefix", cls.folder / "first")
        (cls.folder / "first").rename(cls.prefix)
        cls.program = cls.prefix / "bin/heapwatch"
        cls.libraries = next(cls.prefix.glob("lib/**/libheapwatch_memtrack.a")).parent
        help_text = run(cls.program, "--help").stdout
        cls.commands = inner_commands(help_text)
        cls.help = {"": help_text, **{name: cls.help_of(name) for name in cls.commands}}

    @classmethod
    def help_of(cls, name):
        done = run(cls.program, name, "-help" if name == "pprof" else "--help")
        text = done.stdout + done.stderr
        return text + "".join(run(cls.program, name, inner, "--help").stdout for inner in inner_commands(text))

    def pkg_config(self, package):
        return command("pkg-config", "--cflags", "--libs", package, PKG_CONFIG_PATH=str(self.libraries / "pkgconfig")).split()

    def project(self, name, **files):
        folder = self.folder / name
        folder.mkdir()
        for file, text in files.items():
            (folder / file.replace("_txt", ".txt").replace("_", ".")).write_text(text)
        return folder

    # What runs

    def test_programs_find_their_modules_in_a_prefix_that_was_moved(self):
        with Confd() as conf, Pages({"/debug/vars": b'{"n": 7}'}) as pages:
            self.assertRegex(run(self.program, "--version").stdout, r"^heapwatch \d+\.\d+\.\d+\n$")
            plugin = run(self.program, "plugin", "check", self.prefix / "lib/heapwatch/libdatadog-agent-go_expvar.so")
            self.assertEqual(plugin.returncode, 0, plugin.stderr)
            (conf.root / "checks.d").mkdir()
            (conf.root / "checks.d/one.py").write_text("from datadog_checks.base import AgentCheck\n\n\nclass One(AgentCheck):\n"
                                                       "    def check(self, instance):\n        self.gauge('one', 1)\n")
            conf.write("one.d/conf.yaml", "init_config:\ninstances:\n  - {}\n")
            conf.write("go_expvar.d/conf.yaml", f"init_config:\ninstances:\n  - expvar_url: {pages.url('/debug/vars')}\n"
                                                "    memstats: false\n    metrics:\n      - path: n\n")
            shown = run(self.program, "--confd", conf.confd, "check", "one", "--dogstatsd")
            self.assertIn("one:1|g", shown.stdout, shown.stderr)
            shown = run(self.program, "--confd", conf.confd, "check", "go_expvar", "--dogstatsd")
            self.assertIn("go_expvar.n:7|g", shown.stdout, shown.stderr)
            watched = run(self.program, "exec", "--", "/bin/true")
            self.assertEqual(watched.returncode, 0, watched.stderr)

    def test_examples_documents_and_the_unit_are_there(self):
        share = self.prefix / "share/doc/heapwatch"
        for file in (ROOT / "conf.d").rglob("*.*"):
            if file.is_file():
                self.assertEqual((share / "examples" / file.relative_to(ROOT)).read_text(), file.read_text())
        for file in (ROOT / "docs").glob("*.md"):
            self.assertEqual((share / file.name).read_text(), file.read_text())
        unit = (self.prefix / "lib/systemd/system/heapwatch.service").read_text()
        first = self.folder / "first"
        self.assertEqual(unit, (ROOT / "packaging/heapwatch.service").read_text().replace("/usr/", f"{first}/"))
        self.assertIn(f"\nExecStart={first}/bin/heapwatch run\n", unit)
        self.assertTrue((share / re.search(r"^Documentation=file://.*/(\S+)$", unit, re.M)[1]).exists())
        self.assertEqual((self.prefix / "lib/sysusers.d/heapwatch.conf").read_text(),
                         (ROOT / "packaging/heapwatch.sysusers.conf").read_text())

    def test_a_package_is_made_below_destdir(self):
        stage = self.folder / "stage"
        for component in ("service", "memtrack"):
            command("cmake", "--install", BUILD, "--prefix", "/opt/heapwatch", "--component", component, DESTDIR=str(stage))
        unit = (stage / "opt/heapwatch/lib/systemd/system/heapwatch.service").read_text()
        self.assertIn("\nExecStart=/opt/heapwatch/bin/heapwatch run\n", unit)
        self.assertEqual([path.name for path in stage.iterdir()], ["opt"])
        self.assertTrue((stage / "opt/heapwatch/include/heapwatch/memtrack/memtrack.h").exists())

    # What others build against

    def test_c_and_cxx_programs_link_memtrack_by_pkg_config(self):
        folder = self.project("by_pkg_config", main_c=C_PROGRAM, main_cpp=CXX_PROGRAM)
        flags = self.pkg_config("heapwatch-memtrack")
        for compiler, source in (("gcc", "main.c"), ("clang", "main.c"), ("g++", "main.cpp"), ("clang++", "main.cpp")):
            standard = ["-std=c++17"] if source == "main.cpp" else []
            with self.subTest(compiler):
                command(compiler, "-Wall", "-Wextra", "-Werror", *standard, source, "-o", compiler, *flags, cwd=folder)
                self.assertEqual(command(folder / compiler), COUNTS)

    def test_c_and_cxx_projects_find_memtrack_by_cmake(self):
        for language, source, text in (("C", "main.c", C_PROGRAM), ("CXX", "main.cpp", CXX_PROGRAM)):
            with self.subTest(language):
                listing = CMAKE_PROJECT.replace("@LANGUAGES@", language).replace("@SOURCE@", source)
                folder = self.project(f"by_cmake_{language}", **{source.replace(".", "_"): text, "CMakeLists_txt": listing})
                command("cmake", "-S", folder, "-B", folder / "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={self.prefix}")
                command("cmake", "--build", folder / "build")
                self.assertEqual(command(folder / "build/outside"), COUNTS)

    def test_a_go_program_links_memtrack_by_cgo(self):
        folder = self.project("by_cgo", main_go=GO_PROGRAM, go_mod="module outside\n\ngo 1.19\n")
        command("go", "build", "-o", "outside", ".", cwd=folder, PKG_CONFIG_PATH=str(self.libraries / "pkgconfig"),
                GOFLAGS="-mod=mod", GOTOOLCHAIN="local", CGO_ENABLED="1", HOME=str(folder))
        self.assertEqual(command(folder / "outside"), COUNTS)

    def test_a_plugin_is_built_with_the_header_alone(self):
        folder = self.project("plugin", sample_c=PLUGIN)
        library = folder / "libdatadog-agent-sample.so"
        command("gcc", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", library, "sample.c", *self.pkg_config("heapwatch-plugin"),
                cwd=folder)
        checked = run(self.program, "plugin", "check", library)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    # What it says of itself

    def test_the_manual_has_a_page_for_each_subcommand_that_names_every_option(self):
        pages = self.prefix / "share/man/man1"
        self.assertGreater(len(self.commands), 8)
        self.assertEqual(sorted(page.name for page in pages.iterdir()),
                         sorted(["heapwatch.1", *(f"heapwatch-{name}.1" for name in self.commands)]))
        for name, text in self.help.items():
            page = pages / (f"heapwatch-{name}.1" if name else "heapwatch.1")
            with self.subTest(page.name):
                lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True, check=False)
                self.assertEqual((lint.returncode, lint.stdout), (0, ""))
                shown = command("mandoc", "-T", "utf8", page)
                shown = re.sub(".\b", "", shown)
                shared = options_in(self.help[""]) if name else set()
                self.assertGreater(len(options_in(text)), 0)
                self.assertEqual(options_in(text) - shared - options_in(shown), set())

    def offered(self, shell, *words):
        """What a shell offers for the last of the words."""
        script = self.prefix / ("share/bash-completion/completions/heapwatch" if shell == "bash"
                                else "share/zsh/site-functions/_heapwatch")
        quoted = " ".join(f"'{word}'" for word in ("heapwatch", *words))
        if shell == "bash":
            text = f"source '{script}'; COMP_WORDS=({quoted}); COMP_CWORD={len(words)}; _heapwatch; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        else:
            text = (f"compadd() {{ shift; print -rl -- $@; }}; _files() {{ :; }}; complete_it() {{ source '{script}'; }}\n"
                    f"words=({quoted}); CURRENT={len(words) + 1}; complete_it")
        return set(command(*(["bash", "--norc"] if shell == "bash" else ["zsh", "-f"]), "-c", text).split())

    def test_shells_offer_every_subcommand_and_flag(self):
        command("bash", "-n", self.prefix / "share/bash-completion/completions/heapwatch")
        for shell in ("bash", "zsh"):
            with self.subTest(shell):
                first = self.offered(shell, "")
                self.assertEqual(set(self.commands) - first, set())
                self.assertEqual(options_in(self.help[""]) - first, set())
                self.assertEqual(self.offered(shell, "plugin", "") & {"check"}, {"check"})
                for name in self.commands:
                    offered = self.offered(shell, "--config", "x.yaml", name, "-")
                    self.assertEqual(options_in(self.help[name]) - offered, set(), name)
        self.assertEqual(self.offered("bash", "mem"), {"memory"})
        self.assertEqual(self.offered("bash", "exec", "--list"), {"--listen"})


if __name__ == "__main__":
    BUILD = sys.argv.pop()
    unittest.main()
