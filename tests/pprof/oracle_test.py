"""pprof_cli and `go tool pprof` say the same, byte for byte, of profiles that a Go program writes.

The reports follow the newest pprof. What Debian's Go says otherwise is listed in `as_newest`.
"""
import gzip
import itertools
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from made_profiles import Maker
from pairwise import pairwise

CLI = os.path.abspath(sys.argv.pop(1))
PROGRAM = pathlib.Path(__file__).parent / "go_profiles" / "main.go"
TRIES = 6
KINDS = ["heap", "allocs", "goroutine", "threadcreate", "block", "mutex", "cpu"]
TABLES = ["-top", "-text", "-tree", "-peek=main", "-dot", "-callgrind", "-topproto"]
REPORTS = [*TABLES, "-traces", "-raw", "-comments", "-proto", "-list=main"]
# Reports in which every option below shows itself.
OPTIONS = [
    ["-cum"], ["-nodecount=3"], ["-nodecount=5", "-cum"], ["-nodefraction=0.1"], ["-edgefraction=0.2"],
    ["-trim=false"], ["-lines"], ["-addresses"], ["-filefunctions"], ["-noinlines"], ["-lines", "-noinlines"],
    ["-unit=auto"], ["-unit=kb"], ["-unit=s"], ["-divide_by=3"], ["-compact_labels"], ["-relative_percentages"],
    ["-focus=leaf|spin"], ["-focus=leaf|spin", "-relative_percentages"], ["-ignore=keep"], ["-hide=middle"],
    ["-show=^main"], ["-show_from=keep"], ["-prune_from=middle"], ["-tagfocus=tenant=red|green"], ["-tagfocus=red"],
    ["-tagfocus=1kb:4kb"], ["-tagfocus=bytes=:2kb"], ["-tagignore=3kb:"], ["-tagshow=bytes"], ["-taghide=tenant"],
    ["-tagroot=tenant"], ["-tagleaf=bytes,tenant"], ["-sample_index=0"], ["-sample_index=0", "-mean"], ["-mean"],
    ["-focus=nothing_has_this_name"], ["-drop_negative"], ["-functions"], ["-flat"], ["-intel_syntax"],
    ["-unit=minimum"], ["-unit=megabytes"], ["-unit=furlongs"], ["-divide_by=0.5"], ["-nodecount=0"],
    ["-trim_path=/usr/lib"], ["-source_path=/usr/lib/go"], ["-show=runtime", "-hide=malloc"],
    ["-tagfocus=tenant:red,tenant"], ["-tagshow=nothing"], ["-tagroot=tenant,bytes"], ["-add_comment=by hand"],
    ["-inuse_objects"], ["-alloc_space", "-alloc_objects"],
]
# Settings of which every two values are tried together. None: not given.
FACTORS = {
    "report": ["-top", "-tree", "-dot", "-traces", "-raw", "-proto", "-topproto", "-callgrind", "-peek=main|runtime",
               "-list=main|leaf"],
    "source": ["heap.merged", "allocs.merged", "goroutine.merged", "cpu.merged", "block.merged"],
    "granularity": [None, "-lines", "-filefunctions", "-addresses"],
    "sort": [None, "-cum"],
    "unit": [None, "-unit=auto", "-unit=kb"],
    "count": [None, "-nodecount=4", "-trim=false", "-nodefraction=0.05"],
    "edges": [None, "-edgefraction=0.1"],
    "focus": [None, "-focus=main", "-ignore=keep|chan", "-show_from=main.main", "-prune_from=middle"],
    "hide": [None, "-hide=middle|runtime", "-show=main"],
    "tags": [None, "-tagfocus=red|bytes", "-tagignore=2kb:", "-tagroot=tenant", "-tagleaf=bytes", "-taghide=bytes"],
    "relative": [None, "-relative_percentages"],
    "value": [None, "-sample_index=0", "-mean"],
    "divide": [None, "-divide_by=7"],
    "labels": [None, "-compact_labels"],
    "inlines": [None, "-noinlines"],
    "negative": [None, "-drop_negative"],
}
MADE_PROFILES = 120
MADE_OPTIONS = [options for options in OPTIONS if options != ["-files"]]


def as_newest(report, text):
    """Go 1.19's words as the newest pprof has them."""
    text = re.sub(rb"Time: (\w{3} \d+, \d{4} at \d+:\d\d[ap]m) \(UTC\)", b"Time: *", text)
    if report == "-raw":  # columns of lines came later
        text = re.sub(rb"(:\d+) s=(-?\d+)", rb"\1:0 s=\2", text)
    return text


def comparable(report, text, is_theirs):
    if report in ("-proto", "-topproto") and text:
        return gzip.decompress(text)
    if is_theirs:
        return as_newest(report, text)
    return re.sub(rb"Time: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", b"Time: *", text)


class OracleTest(unittest.TestCase):
    runs = itertools.count()

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="heapwatch-pprof-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.environment = {**os.environ, "TZ": "UTC", "GO111MODULE": "off", "GOFLAGS": "", "HOME": cls.folder}
        cls.pprof = cls.run_checked("go", "tool", "-n", "pprof").decode().strip()  # the tool itself, which starts in half the time
        cls.run_checked("go", "build", "-o", "program", str(PROGRAM))
        cls.run_checked("./program", cls.folder)
        os.mkdir(os.path.join(cls.folder, "base"))
        cls.run_checked("./program", "base")
        for folder in ("", "base/"):
            for kind in KINDS:
                # Go 1.19 merges a single profile with itself, the newest does not: merged ones are the same to both.
                out = cls.run_checked(cls.pprof, "-symbolize=none", "-proto", f"{folder}{kind}.pb.gz")
                pathlib.Path(cls.folder, f"{folder}{kind}.merged").write_bytes(out)

    @classmethod
    def run_checked(cls, *command):
        done = subprocess.run(command, cwd=cls.folder, env=cls.environment, capture_output=True, timeout=120)
        if done.returncode != 0:
            raise AssertionError(f"{command}: {done.stderr.decode()}")
        return done.stdout

    def ours(self, *args):
        # Looking for leaks costs as much as half of the rest: one run in eight does.
        with_leaks = next(self.runs) % 8 == 0
        return subprocess.run([CLI, *args], cwd=self.folder, env={**self.environment, "ASAN_OPTIONS": f"detect_leaks={int(with_leaks)}"},
                              capture_output=True, timeout=120)

    def theirs(self, *args):
        return subprocess.run([self.pprof, "-symbolize=none", *args], cwd=self.folder,
                              env=self.environment, capture_output=True, timeout=120)

    def assert_same(self, report, *args):
        ours = self.ours(report, *args)
        mine = comparable(report, ours.stdout, is_theirs=False)
        # Where several orders are as good the original takes one by chance; ours has to be one of them.
        for _ in range(TRIES):
            theirs = self.theirs(report, *args)
            wanted = comparable(report, theirs.stdout, is_theirs=True)
            # Edges of +x and -x are in no order at all in the original.
            if report in ("-dot", "-tree", "-peek=main|runtime") and any("base=" in arg for arg in args):
                mine, wanted = (b"\n".join(sorted(text.split(b"\n"))) for text in (mine, wanted))
            if mine == wanted:
                break
        with self.subTest(args=" ".join([report, *args])):
            self.assertEqual(ours.returncode, 2 if theirs.returncode else 0,
                             ours.stderr.decode() + theirs.stderr.decode())
            if mine != wanted:
                self.maxDiff = None
                self.assertEqual(mine.decode(errors="replace"), wanted.decode(errors="replace"))

    def test_every_report_of_every_kind_of_profile(self):
        for kind in KINDS:
            for report in REPORTS:
                self.assert_same(report, f"{kind}.merged")

    def test_every_option(self):
        for options in OPTIONS:
            for report in ["-top", "-tree", "-dot"]:
                for kind in ["heap", "goroutine", "cpu"]:
                    self.assert_same(report, *options, f"{kind}.merged")

    def test_options_of_reports_without_a_graph(self):
        for options in OPTIONS:
            if "-noinlines" in options:  # the newest keeps it for raw and proto, Go 1.19 takes it back
                continue
            for report in ["-traces", "-raw", "-proto", "-peek=main", "-callgrind"]:
                self.assert_same(report, *options, "heap.merged")

    def test_every_two_settings_together(self):
        for row in pairwise(FACTORS):
            report = row["report"]
            if report in ("-raw", "-proto", "-callgrind"):  # see above
                row["inlines"] = None
            options = [row[name] for name in FACTORS if name not in ("report", "source") and row[name]]
            self.assert_same(report, *options, row["source"])

    def test_profiles_that_no_go_program_writes(self):
        for seed in range(MADE_PROFILES):
            choice = random.Random(seed)
            report = choice.choice(FACTORS["report"])
            sources = [self.made(f"made{seed}.{i}", 10 * seed + i, seed) for i in range(choice.choice([1, 1, 1, 2]))]
            flags = {}
            for options in choice.sample(MADE_OPTIONS, choice.choice([0, 1, 2, 3])):
                flags.update({self.group_of(option): option for option in options})
            if report in ("-raw", "-proto", "-callgrind"):
                flags.pop("-noinlines", None)
            if report != "-callgrind" and choice.random() < .25:
                flags["base"] = choice.choice(["-base", "-diff_base"]) + "=" + self.made("made.base", 10 * seed + 9, seed)
            self.assert_same(report, *flags.values(), *sources)

    @staticmethod
    def group_of(option):
        name = option.split("=")[0]
        if name in ("-lines", "-addresses", "-filefunctions", "-functions"):
            return "granularity"
        return "sort" if name in ("-cum", "-flat") else name

    def made(self, name, seed, program):
        """A profile of a program, merged until merging changes nothing."""
        path = pathlib.Path(self.folder, name)
        path.write_bytes(Maker(seed, program).make())
        for _ in range(3):
            path.write_bytes(self.run_checked(self.pprof, "-symbolize=none", "-proto", name))
        return name

    def test_several_sources_are_merged(self):
        for report in ["-top", "-raw", "-proto", "-dot"]:
            self.assert_same(report, "heap.pb.gz", "base/heap.pb.gz", "allocs.pb.gz")

    def test_differences(self):
        for base in ("-base", "-diff_base"):
            for options in ([], ["-cum"], ["-normalize"], ["-drop_negative"], ["-sample_index=alloc_space"]):
                for report in ["-top", "-tree", "-traces", "-raw", "-proto"]:
                    # Edges of +x and -x are in no order at all in Go 1.19's tree.
                    if report == "-tree" and options[:1] not in ([], ["-normalize"]):
                        continue
                    self.assert_same(report, *options, f"{base}=base/heap.merged", "heap.merged")

    def test_call_trees(self):
        for report in ["-dot", "-callgrind"]:
            self.assert_same(report, "-call_tree", "block.merged")

    def test_texts_without_symbols_are_read_alike(self):
        # Go's own names in the comments are read here, and not there.
        for kind in ["heap", "goroutine", "block", "mutex"]:
            text = pathlib.Path(self.folder, f"{kind}.txt").read_text()
            bare = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
            pathlib.Path(self.folder, f"{kind}.bare").write_text(bare + "\n")
            for report in ["-top", "-raw", "-proto"]:
                self.assert_same(report, f"{kind}.bare", f"{kind}.bare")

    def test_names_in_the_comments_give_what_the_proto_gives(self):
        for kind in ["heap", "goroutine", "block", "mutex"]:
            with self.subTest(kind=kind):
                def total(path):
                    text = self.run_checked(CLI, "-top", "-unit=auto", path).decode()
                    return re.search(r"of (\S+) total", text)[1]

                def functions(path):
                    text = self.run_checked(CLI, "-top", "-trim=false", "-noinlines", path).decode()
                    return set(re.findall(r"%  (main\.[^ \n]*)", text))
                self.assertEqual(total(f"{kind}.txt"), total(f"{kind}.pb.gz"))
                # Without -noinlines both tell inlined calls too, the text as calls of their own.
                self.assertLessEqual(functions(f"{kind}.pb.gz"), functions(f"{kind}.txt"))

    def test_labels_in_the_comments_are_those_of_the_proto(self):
        tags = self.run_checked(CLI, "-tags", "goroutine.txt")
        self.assertEqual(tags, self.run_checked(CLI, "-tags", "goroutine.pb.gz"))
        self.assertIn(b"tenant", tags)

    def test_errors_end_alike(self):
        for args in (["-top", "missing"], ["-top", "-tree", "heap.merged"], ["-top", "-focus=(", "heap.merged"],
                     ["-peek=nothing_has_this_name", "heap.merged"], ["-top", "-sample_index=9", "heap.merged"],
                     ["-top", "-sample_index=foo", "heap.merged"], ["-top", "-cum", "-flat", "heap.merged"],
                     ["-top", "-divide_by=0", "heap.merged"], ["-top", "-unknown_flag", "heap.merged"],
                     ["-top", "-base=heap.merged", "-diff_base=heap.merged", "heap.merged"]):
            ours, theirs = self.ours(*args), self.theirs(*args)
            with self.subTest(args=args):
                self.assertEqual((ours.returncode, ours.stdout), (2, b""), ours.stderr)
                self.assertNotEqual(theirs.returncode, 0)


if __name__ == "__main__":
    unittest.main()
