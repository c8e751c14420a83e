"""The profiler's reports, part by part, against CPython's own statistics: python3 memory_report_test.py PACKAGES."""
import gc
import logging
import sys
import threading
import tracemalloc
import types
import unittest
import unittest.mock

sys.path.insert(0, sys.argv[1] + "/profiling")
tracer = sys.modules["_heapwatch_memory"] = types.ModuleType("_heapwatch_memory")  # no real one is needed here

from heapwatch_memory import course, profiler
from heapwatch_memory.amounts import amount, signed
from heapwatch_memory.options import Options, read
from heapwatch_memory.report import diff_report, differences, short_path, snapshot_report
from heapwatch_memory.traces import FileFilter, by_stack, group


def snapshots():
    """Two of a process that made and lost blocks of many kinds in between."""
    tracemalloc.start(10)
    kept = [[i, {i: str(i) * i}] for i in range(300)]
    first = tracemalloc.take_snapshot()
    del kept[::3]
    kept += [compile("x = %d" % i, "made_%d.py" % (i % 7), "exec") for i in range(50)]
    import difflib  # many lines

    second = tracemalloc.take_snapshot()
    tracemalloc.stop()
    return first, second, kept, difflib


class Amounts(unittest.TestCase):
    def test_dynamic_units_are_the_largest_that_is_not_less_than_one(self):
        for size, text in (
            (0, "0 B"), (1, "1 B"), (1023, "1023 B"), (1024, "1.00 KiB"), (10947, "10.69 KiB"),
            (1048575, "1024.00 KiB"), (1048576, "1.000 MiB"), (5012345, "4.780 MiB"), (2**30, "1.000 GiB"),
            (2**40, "1.000 TiB"), (2**50, "1.000 PiB"), (2**60, "1.000 EiB"), (2**70, "1.000 ZiB"),
            (2**80, "1.000 YiB"), (5 * 2**90, "5120.000 YiB"),
        ):
            self.assertEqual(amount(size), text)
            self.assertEqual(amount(-size), text)

    def test_fixed_units_go_by_their_letters(self):
        for unit, text in (
            ("b", "5012345 B"), ("byte", "5012345 B"), ("kb", "4894.87 KiB"), ("KiB", "4894.87 KiB"),
            ("kib", "4894.87 KiB"), ("mb", "4.780 MiB"), ("MIB", "4.780 MiB"), ("gib", "0.005 GiB"),
            ("yb", "0.000 YiB"), ("mebibyte", "5012345 B"), ("parsec", "5012345 B"), ("", "5012345 B"),
        ):
            self.assertEqual(amount(5012345, unit), text)

    def test_signs_are_minus_or_plus(self):
        self.assertEqual([signed(size) for size in (-174, 0, 4096)], ["-174 B", "+0 B", "+4.00 KiB"])


class Paths(unittest.TestCase):
    def test_what_leads_to_a_package_or_a_library_is_cut(self):
        for path, text in (
            ("/opt/lib/python3.11/site-packages/datadog_checks/go_expvar/go_expvar.py", "go_expvar/go_expvar.py"),
            ("/opt/lib/python3.11/site-packages/simplejson/decoder.py", "simplejson/decoder.py"),
            ("/usr/lib/python3.7/abc.py", "python3.7/abc.py"),
            ("/usr/lib/python3/dist-packages/x.py", "python3/dist-packages/x.py"),
            ("C:/Python/Lib/abc.py", "abc.py"),
            ("/a/lib/b/lib/c.py", "b/lib/c.py"),
            ("/a/library/c.py", "/a/library/c.py"),
            ("/etc/checks.d/x.py", "/etc/checks.d/x.py"),
            ("/usr/lib", "/usr/lib"),
            ("<frozen abc>", "<frozen abc>"),
            ("<string>", "<string>"),
        ):
            self.assertEqual(short_path(path), text)


class Statistics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.first, cls.second, *cls.alive = snapshots()

    def test_groups_are_those_of_tracemalloc(self):
        for key in ("lineno", "filename", "traceback"):
            for cumulative in (False, True):
                if cumulative and key == "traceback":
                    continue
                theirs = {
                    tuple((frame.filename, frame.lineno) for frame in stat.traceback): [stat.size, stat.count]
                    for stat in self.second.statistics(key, cumulative)
                }
                self.assertEqual(group(by_stack(self.second), key, cumulative), theirs)

    def test_reports_are_in_tracemallocs_order(self):
        for key in ("lineno", "filename", "traceback"):
            groups = group(by_stack(self.second), key, False)
            rows = self.second.statistics(key)
            text = snapshot_report(groups, Options(limit=len(rows) + 1, unit="b"))
            shown = [line.split(": ")[-1] for line in text.splitlines() if line.startswith("#")]
            self.assertEqual(shown, ["%d B" % row.size for row in rows])
            names = [line.split(": ")[1] for line in text.splitlines() if line.startswith("#")]
            self.assertEqual(
                names, ["%s:%d" % (short_path(row.traceback[-1].filename), row.traceback[-1].lineno) for row in rows]
            )
            self.assertTrue(text.endswith("\n\nTotal allocated size: %d B\n" % sum(row.size for row in rows)))

    def test_differences_are_in_tracemallocs_order(self):
        for key in ("lineno", "filename", "traceback"):
            now, before = (group(by_stack(snapshot), key, False) for snapshot in (self.second, self.first))
            rows = self.second.compare_to(self.first, key)
            self.assertEqual(
                sorted(differences(now, before)),
                sorted(
                    (row.size_diff, row.size, row.count_diff, row.count,
                     tuple((frame.filename, frame.lineno) for frame in row.traceback))
                    for row in rows
                ),
            )
            text = diff_report(now, before, Options(limit=len(rows), unit="b"))
            shown = [line.split(": ")[-1] for line in text.splitlines() if line.startswith("#")]
            self.assertEqual(shown, ["%+d B" % row.size_diff for row in rows if row.size_diff])
            growing_first = sorted(rows, key=lambda row: row.size_diff <= 0)  # stable
            text = diff_report(now, before, Options(limit=len(rows), unit="b", diff="positive"))
            shown = [line.split(": ")[-1] for line in text.splitlines() if line.startswith("#")]
            self.assertEqual(shown, ["%+d B" % row.size_diff for row in growing_first if row.size_diff])

    def test_filters_are_those_of_tracemalloc(self):
        machinery = (
            "<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>", "<unknown>", tracemalloc.__file__,
        )
        for patterns in ((), ("made_*",), ("*/difflib.pyc", "nothing"), ("made_[12].py", "*.PY"), (" made_*",)):
            theirs = self.second.filter_traces(
                [tracemalloc.Filter(False, name) for name in machinery]
                + [tracemalloc.Filter(True, pattern) for pattern in patterns]
            )
            allows = FileFilter(Options(filters=patterns)).allows
            ours = {frames: total for frames, total in by_stack(self.second).items() if allows(frames[0][0])}
            self.assertEqual(ours, by_stack(theirs))


class Reports(unittest.TestCase):
    GROUPS = {(("/usr/lib/python3.7/abc.py", 143),): [10947, 3], (("<x>", 1),): [174, 1], (("<y>", 1),): [174, 2]}

    def test_a_snapshot_report_to_the_byte(self):
        self.assertEqual(
            snapshot_report(self.GROUPS, Options(limit=2)),
            "Top 2 lines\n\n#1: python3.7/abc.py:143: 10.69 KiB\n\n#2: <y>:1: 174 B\n\n1 other: 174 B\n"
            "Total allocated size: 11.03 KiB\n",
        )
        self.assertEqual(snapshot_report({}, Options()), "Top 30 lines\n\nTotal allocated size: 0 B\n")

    def test_a_diff_report_to_the_byte(self):
        previous = {(("<x>", 1),): [348, 2], (("<y>", 1),): [174, 2], (("<z>", 9),): [5, 1]}
        self.assertEqual(
            diff_report(self.GROUPS, previous, Options(limit=3)),
            "Top 3 line diffs\n\n#1: python3.7/abc.py:143: +10.69 KiB\n\n#2: <x>:1: -174 B\n\n#3: <z>:9: -5 B\n\n"
            "1 other: +0 B\nTotal difference: +10.52 KiB\n",
        )
        # What has not changed is not shown, but takes its place in the limit.
        self.assertEqual(
            diff_report({(("<x>", 1),): [5, 1]}, {(("<x>", 1),): [5, 1]}, Options(limit=1)),
            "Top 1 line diffs\n\nTotal difference: +0 B\n",
        )

    def test_options_have_two_names_and_types(self):
        options = read({"frames": "7", "gc": "1", "profile_memory_limit": "-3", "limit": 9, "filters": "a, b", "unit": {}},
                       {"limit": "+4", "verbose": "0"})
        self.assertEqual(
            (options.frames, options.gc, options.limit, options.filters, options.unit, options.verbose, options.profiler),
            (7, True, 4, ("a", " b"), "dynamic", False, "native"),
        )
        with self.assertRaisesRegex(ValueError, "^profile_memory_gc must be an integer, not 'yes'$"):
            read({"profile_memory_gc": "yes"})


def trend_of_ends(values):
    """In place of the statistics, which have tests of their own."""
    return "grows" if values[-1] > values[0] else "flat", True, 1.0, 1.0, 1.0, float(values[-1] - values[0]), 0


class CoursesOfLines(unittest.TestCase):
    def setUp(self):
        tracer.trend = trend_of_ends
        self.courses = course.Courses()

    def observe(self, runs, **lines):
        """A run leaves behind `size(run)`, of which the next takes nothing away."""
        for run in range(self.courses.runs + 1, self.courses.runs + runs + 1):
            self.courses.observe({(name, 1): (size(run), size(run - 1), 0) for name, size in lines.items()})

    def values(self, name):
        return list(self.courses.lines[name, 1].values)

    def test_each_run_has_a_value_until_there_is_no_room(self):
        self.observe(129, a=lambda run: run, b=lambda run: 7)
        self.assertEqual(self.values("a"), list(range(1, 129)))
        self.observe(1, a=lambda run: run)
        self.assertEqual(self.values("a"), [*range(1, 129, 2), 129])
        self.assertEqual(self.values("b"), [7] * 64 + [0])
        self.observe(1, a=lambda run: run, c=lambda run: 5)
        self.assertEqual(self.values("a"), [*range(1, 129, 2), 129])
        self.assertEqual(self.values("c"), [0] * 65)  # it was not there in all of the last stretch
        self.observe(1, a=lambda run: run, d=lambda run: 5)
        self.assertEqual(self.values("d"), [0] * 65 + [5])

    def test_the_room_of_a_line_is_bounded_and_the_rate_is_that_of_a_run(self):
        self.observe(5000, a=lambda run: run)
        line = self.courses.lines["a", 1]
        self.assertEqual((line.grew, line.size), (4999, 5000))
        width = 64
        self.assertEqual(self.values("a"), list(range(1, 5000, width)))
        self.assertEqual(self.courses.trend(line).rate, 1 / width)

    def test_what_each_run_replaces_has_no_course(self):
        for size in (5, 800, 3, 40):
            self.courses.observe({("a", 1): (size, 0, 0)})
        self.assertEqual((self.values("a"), self.courses.trends()), ([0, 0, 0], []))

    def test_of_two_runs_only_the_sizes_are_known(self):
        self.observe(2, a=lambda run: 300 * run, b=lambda run: 7)
        self.assertEqual([(key, trend.growth) for key, _, trend in self.courses.trends()], [(("a", 1), 300.0)])

    def test_lines_beyond_a_number_are_one(self):
        with unittest.mock.patch.object(course, "LINES_MAX", 3):
            self.courses.observe({("f", n): (n, n, 0) for n in range(1, 6)})
            self.courses.observe({("f", n): (n, n, 0) for n in range(3, 9)})
        sizes = {key: line.size for key, line in self.courses.lines.items()}
        self.assertEqual(sizes, {("f", 1): 0, ("f", 2): 0, ("f", 3): 3, course.OTHER: 4 + 5 + 6 + 7 + 8})
        self.assertEqual(self.courses.total().size, 33)


class Check:
    """What the profiler wants of a check."""

    check_version = "1"

    def __init__(self, name, does, init_config):
        self.name = self.check_id = name
        self.does, self.init_config, self.instances = does, init_config, [{}]
        self.log = logging.getLogger(name)
        self.metrics = []

    def check(self, _instance):
        self.does()

    def gauge(self, name, value, tags, raw):
        self.metrics.append(value)

    def run(self):
        profiler.call(self, {})
        return self.metrics


class Turns(unittest.TestCase):
    """A run that does not return, and the profiles of the others."""

    def setUp(self):
        patches = [
            unittest.mock.patch.dict(sys.modules, datadog_agent=types.SimpleNamespace(
                tracemalloc_enabled=lambda: True, get_config=lambda key: "")),
            unittest.mock.patch.object(profiler.time, "monotonic", lambda: self.now),
        ]
        for patch in patches:
            patch.start()
            self.addCleanup(patch.stop)
        self.now = 1000.0
        self.traces = []
        tracer.start = lambda frames: self.traces.append("on")
        tracer.stop = lambda: self.traces.append("off") or True
        tracer.clear = lambda: None
        tracer.set_run = lambda run: None
        tracer.own = lambda whether: False
        tracer.stacks = lambda run: [(1, (("check.py", 1),), 100, 1, None, False)]
        self.addCleanup(gc.set_threshold, *gc.get_threshold())

    def stuck(self, init_config):
        """A check in the middle of its run, and what ends it."""
        began, may_end = threading.Event(), threading.Event()
        check = Check("stuck", lambda: began.set() or may_end.wait(), init_config)
        thread = threading.Thread(target=check.run)
        thread.start()
        began.wait()

        def end():
            may_end.set()
            thread.join()

        self.addCleanup(end)
        return check, end

    def test_a_run_that_does_not_return_is_given_up_and_the_others_go_on(self):
        for init_config in ({}, {"profiler": "tracemalloc"}):
            thresholds = gc.get_threshold()
            with self.subTest(init_config=init_config):
                stuck, end = self.stuck(init_config)
                other = Check("other", lambda: None, init_config)
                self.now += profiler.GIVE_UP_AFTER_S - 1
                self.assertEqual(other.run(), [])
                self.now += 2
                with self.assertLogs("other", "WARNING") as log:
                    self.assertEqual(len(other.run()), 1)
                self.assertEqual(log.output, ["WARNING:other:the memory profile of stuck is given up, since its run takes "
                                              "longer than 30 s: others go on"])
                self.assertEqual(gc.get_threshold(), thresholds)
                self.assertEqual(len(other.run()), 2)
                traces = len(self.traces)
                with self.assertLogs("stuck", "WARNING") as log:
                    end()
                self.assertIn("this run has no memory profile: it took so long", log.output[0])
                self.assertEqual((stuck.metrics, gc.get_threshold(), len(self.traces)), ([], thresholds, traces))
                self.assertEqual(len(other.run()), 3)
                self.assertFalse(tracemalloc.is_tracing())

    def test_a_given_up_run_that_returns_leaves_the_one_that_goes_on_alone(self):
        for init_config in ({}, {"profiler": "tracemalloc"}):
            with self.subTest(init_config=init_config):
                self.traces.clear()
                _, end = self.stuck(init_config)
                self.now += profiler.GIVE_UP_AFTER_S + 1
                inside = []

                def does():
                    end()
                    inside.append((gc.get_threshold()[0], tracemalloc.is_tracing(), self.traces[-1:]))

                other = Check("other", does, init_config)
                with self.assertLogs(level="WARNING"):
                    self.assertEqual(len(other.run()), 1)
                self.assertEqual(inside, [(2**31 - 1, True, [])] if init_config else [(2**31 - 1, False, ["on"])])

    def test_a_run_that_is_profiled_beside_another_one_is_not(self):
        inner = Check("inner", lambda: None, {})
        outer = Check("outer", inner.run, {})
        self.assertEqual((outer.run(), inner.metrics), ([100.0], []))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
