"""What accounting for native memory costs, beside its peers: prints the tables of docs/performance-memtrack.md.

    bench.py BUILD pairs|programs|start [--rounds N] [--smoke]

BUILD is the folder of the bench preset. `pairs` takes the CPU time of allocating and freeing a block, `programs` that
of whole programs, `start` the time from the start of a program that does nothing to its end. Rounds go through all variants in turn, and the least of each counts: other work on the machine can
only add.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
LIBRARIES = "/usr/lib/x86_64-linux-gnu"
HEAPTRACK = "/usr/lib/heaptrack/libheaptrack_preload.so"

# Name, variant of `pairs` (None: not that program), environment.
PAIRS = [
    ("plain glibc", "glibc", {}),
    ("memtrack, switched off", "disabled", {}),
    ("memtrack, counters alone", "counters", {}),
    ("**memtrack, counters and samples**", "memtrack", {}),
    ("**preloaded library** (`heapwatch exec`)", "glibc", {"exec": ()}),
    ("**preloaded library, dormant** (`heapwatch exec --dormant`)", "glibc", {"exec": ("--dormant",)}),
    ("preloaded library alone, dormant (`LD_PRELOAD`)", "glibc", {"preload": True}),
    ("five shared atomics, no live set (2025's reference)", "five_atomics", {}),
    ("mutex and map", "mutex_map", {}),
    ("callback into Go, `sync.Map`, expvars (the guide's)", None, {"guide": True}),
    ("heaptrack, raw", "glibc", {"LD_PRELOAD": HEAPTRACK, "DUMP_HEAPTRACK_OUTPUT": "/dev/null"}),
    ("jemalloc", "glibc", {"LD_PRELOAD": f"{LIBRARIES}/libjemalloc.so.2"}),
    ("jemalloc with its profiler, 512 KiB", "glibc",
     {"LD_PRELOAD": f"{LIBRARIES}/libjemalloc.so.2", "MALLOC_CONF": "prof:true,lg_prof_sample:19"}),
    ("gperftools' tcmalloc", "glibc", {"LD_PRELOAD": f"{LIBRARIES}/libtcmalloc.so.4"}),
    ("gperftools' tcmalloc, sampling 512 KiB", "glibc",
     {"LD_PRELOAD": f"{LIBRARIES}/libtcmalloc.so.4", "TCMALLOC_SAMPLE_PARAMETER": "524288"}),
]
SCENARIOS = [("hot, 1 thread", "hot", 1), ("hot, 2 threads", "hot", 2), ("hot, 4 threads", "hot", 4),
             ("small, 1 thread", "small", 1), ("1 M live blocks", "live", 1)]
SLOW = {"heaptrack, raw": 20, "mutex and map": 4, "callback into Go, `sync.Map`, expvars (the guide's)": 20}

JSON = """import json
d = [{"id": i, "name": "n%d" % i, "tags": ["a", "b", str(i)], "nested": {"x": [i] * 8}} for i in range(3000)]
for _ in range(40):
    d = json.loads(json.dumps(d))
"""
SQL = "create table t(a, b); with recursive c(x) as (select 1 union all select x + 1 from c where x < 300000) " \
      "insert into t select x, 'text ' || x from c; create index i on t(b); select count(*) from t x join t y on x.b = y.b; " \
      "select sum(length(b)) from (select b from t order by b desc);"
PERL = 'for my $r (1..6) { my %h; $h{"k$_"} = [map { "v$_" } 1..5] for 1..60000; my $s = join ",", sort keys %h; }'
HEADERS = "#include <algorithm>\n#include <filesystem>\n#include <map>\n#include <regex>\n" \
          "#include <string>\nint main() { return std::regex_match(\"a\", std::regex(\"a+\")) ? 0 : 1; }\n"


def run(command, environment, **options):
    return subprocess.run(list(map(str, command)), env={**os.environ, **environment}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True, timeout=300, **options).stdout


def print_table(head, lines):
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for line in lines:
        print("| " + " | ".join(line) + " |")
    print()


class Bench:
    def __init__(self, build, folder, rounds, smoke):
        self.build, self.folder, self.rounds, self.smoke = build, folder, rounds, smoke
        self.programs = build / "tests" / "bench" / "memtrack"

    def exec_command(self, command, options=()):
        return [self.build / "agent" / "heapwatch", "exec", *options, "--", *command]

    def library(self):
        return str(self.build / "preload" / "libheapwatch_preload.so")

    def pair_ns(self, name, variant, environment, scenario, threads):
        pairs = (20000 if self.smoke else 1000000 if scenario == "live" else 4000000) // SLOW.get(name, 1)
        if environment.get("guide"):
            return float(run([self.folder / "guide", pairs], {}))
        command = [self.programs / "pairs", variant, scenario, threads, pairs]
        if "exec" in environment:
            return float(run(self.exec_command(command, environment["exec"]), {}))
        if environment.get("preload"):
            return float(run(command, {"LD_PRELOAD": self.library()}))
        return float(run(command, environment))

    def pairs(self):
        run(["go", "build", "-o", self.folder / "guide", "."],
            {"GOFLAGS": "-mod=mod", "CGO_ENABLED": "1", "GOCACHE": str(self.folder / "cache"), "GOTELEMETRY": "off"},
            cwd=HERE / "guide")
        rows = {name: {} for name, _, _ in PAIRS}
        for _ in range(self.rounds):
            for title, scenario, threads in SCENARIOS:
                for name, variant, environment in PAIRS:
                    if environment.get("guide") and (scenario, threads) != ("hot", 1) or \
                            name == "heaptrack, raw" and scenario == "live":
                        continue
                    took = self.pair_ns(name, variant, environment, scenario, threads)
                    rows[name][title] = min(took, rows[name].get(title, took))
        titles = [title for title, _, _ in SCENARIOS]
        plain = rows[PAIRS[0][0]]
        print_table(["", *titles], [[name, *(f"{row[title]:.1f} ({row[title] / plain[title]:.2f})" if title in row else ""
                                              for title in titles)] for name, row in rows.items()])

    def workloads(self):
        source = self.folder / "headers.cpp"
        source.write_text(HEADERS)
        repository = self.folder / "repository"
        repository.mkdir()
        for command in (["init", "-q"], ["config", "user.name", "a"], ["config", "user.email", "a@b"]):
            run(["git", "-C", repository, *command], {})
        for i in range(8):
            for j in range(100):
                (repository / f"f{j}").write_text("".join(f"{i} {j} {k * (i + 1)}\n" for k in range(300)))
            run(["git", "-C", repository, "add", "-A"], {})
            run(["git", "-C", repository, "commit", "-qm", str(i)], {})
        return {
            "CPython, JSON": ["/usr/bin/python3", "-c", JSON],
            "sqlite3": ["sqlite3", ":memory:", SQL],
            "jq": ["jq", "-n", "[range(300000) | {a: ., b: tostring}] | map(.b | length) | add"],
            "perl": ["perl", "-e", PERL],
            "git, repack": ["git", "-C", repository, "-c", "pack.threads=1", "repack", "-adfq"],
            "clang++ (C++)": ["/usr/lib/llvm-14/bin/clang++", "-std=c++20", "-O1", "-fsyntax-only", source],
            "8 threads (C++)": [self.programs / "work", "8"],
        }

    def cpu(self, command, watch):
        file = self.folder / "cpu"
        timed = [self.programs / "cpu_time", file]
        if watch == "heapwatch":
            run(self.exec_command([*timed, *command]), {})
        elif watch == "heaptrack":  # takes itself out of the environment, so it goes to the program directly
            run([*timed, "env", f"LD_PRELOAD={HEAPTRACK}", "DUMP_HEAPTRACK_OUTPUT=/dev/null", *command], {})
        else:
            run([*timed, *command], {})
        seconds, resident = file.read_text().split()
        return float(seconds), int(resident)

    def compare_programs(self):
        ways = ["alone", "heapwatch", "heaptrack"]
        lines = []
        for name, command in self.workloads().items():
            least = {}
            for _ in range(self.rounds):
                for way in ways:
                    taken = self.cpu(command, way)
                    least[way] = tuple(map(min, taken, least.get(way, taken)))
            cells = [f"{least['alone'][0]:.2f} s"]
            cells += [f"{least[way][0] / least['alone'][0]:.2f}" for way in ways[1:]]
            cells.append(f"{least['heapwatch'][1] / least['alone'][1]:.2f}")
            lines.append([name, *cells])
        print_table(["program", "alone", "`heapwatch exec`", "heaptrack, raw", "resident with `heapwatch exec`"], lines)


    def start(self):
        ways = {"alone": (["/bin/true"], {}),
                "`heapwatch exec`": (self.exec_command(["/bin/true"]), {}),
                "`heapwatch exec --dormant`": (self.exec_command(["/bin/true"], ("--dormant",)), {}),
                "the library alone (`LD_PRELOAD`)": (["/bin/true"], {"LD_PRELOAD": self.library()})}
        least = {}
        for _ in range(2 if self.smoke else 20 * self.rounds):
            for name, (command, environment) in ways.items():
                began = time.perf_counter()
                run(command, environment)
                took = time.perf_counter() - began
                least[name] = min(took, least.get(name, took))
        print_table(["`/bin/true`", "from start to end", "more than alone"],
                    [[name, f"{1000 * took:.1f} ms", f"{1000 * (took - least['alone']):.1f} ms"] for name, took in least.items()])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("what", choices=["pairs", "programs", "start"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--smoke", action="store_true", help="only whether our own variants and the guide's run at all")
    options = parser.parse_args()
    if options.smoke:
        PAIRS[:] = [entry for entry in PAIRS if "LD_PRELOAD" not in entry[2]]
        SCENARIOS[:] = SCENARIOS[1:2] + SCENARIOS[:1]
    missing = [what for what in (HEAPTRACK, f"{LIBRARIES}/libjemalloc.so.2", f"{LIBRARIES}/libtcmalloc.so.4")
               if not options.smoke and not os.path.exists(what)]
    if missing or shutil.which("go") is None:
        sys.exit(f"bench.py: not installed: {', '.join(missing) or 'go'}; Debian's heaptrack, libjemalloc2, "
                 "libgoogle-perftools4 and golang-go have them")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options.build.resolve(), pathlib.Path(folder), 1 if options.smoke else options.rounds, options.smoke)
        {"pairs": bench.pairs, "programs": bench.compare_programs, "start": bench.start}[options.what]()


if __name__ == "__main__":
    main()
