"""heapwatch's tracer of Python's memory beside CPython's own: python3 memory_tracers_test.py HEAPWATCH."""
import re
import sys
import unittest

from memory_profile_fixture import SEPARATOR, MemoryTest


class Tracers(MemoryTest):
    """The native tracer against CPython's own: the same reports to the byte."""

    KINDS = (
        "documents churn classes generators evaluated strings sets errors floats in_threads large grown recursion "
        "collected subclasses resized"
    ).split()
    VIEWS = (
        (),
        ("-m-sort", "traceback", "-m-frames", "20"),
        ("-m-combine", "1", "-m-frames", "5"),
        ("-m-sort", "filename", "-m-gc", "1"),
    )

    def corpus(self, init_config=None, **instance):
        self.instances("corpus", [{"what": kind, "name": kind, **instance} for kind in self.KINDS], init_config)

    def reports(self, *arguments):
        """{kind: (snapshot report, diff report)} of one command."""
        text = self.report("corpus", "-m", "-t", "3", "-m-limit", "1000", "-m-unit", "b", *arguments)
        parts = re.split(r"=== corpus:(\w+):[0-9a-f]+ ===\n\n", text)[1:]
        return {
            kind: [report.rstrip() for report in part.split("This check type has")[0].split(SEPARATOR)[:2]]
            for kind, part in zip(parts[::2], parts[1::2])
        }

    def test_both_tracers_give_the_same_reports_for_every_kind_of_code(self):
        for replace, view in [(False, view) for view in self.VIEWS] + [(True, ())]:
            self.corpus(replace=replace)
            theirs, ours = (self.reports("-m-profiler", tracer, *view) for tracer in ("tracemalloc", "native"))
            self.assertEqual(list(theirs), self.KINDS)
            for kind in self.KINDS:
                with self.subTest(kind=kind, replace=replace, view=view):
                    self.assertIn("Total allocated size: ", theirs[kind][0])
                    self.assertNotIn("Total allocated size: 0 B", theirs[kind][0])
                    self.assertEqual(theirs[kind], ours[kind])

    def test_the_live_metric_is_the_same_number(self):
        self.configure("tracemalloc_debug: true\n")
        values = []
        for tracer in ("tracemalloc", "native"):
            self.corpus({"profiler": tracer}, tags=["a:b"], __memory_profiling_tags=["team:x"])
            out = self.report("corpus", "--dogstatsd", "-t", "3")
            values.append(re.findall(r"^datadog.agent.profile.memory.check_run_alloc:(\S+?)\|g\|#([^|\n]*)", out, re.MULTILINE))
        self.assertEqual(len(values[0]), 3 * len(self.KINDS))
        # The first run of the first kind imports; and what the first threads find in the tables of `threading` depends on
        # whether garbage was collected before, as tracemalloc has it.
        unlike = {0, 1, 2, 3 * self.KINDS.index("in_threads")}
        self.assertEqual(*([value for i, value in enumerate(of) if i not in unlike] for of in values))
        self.assertEqual(set(values[0][0][1].split(",")), {"check_name:corpus", "check_version:2.5.0", "a:b", "team:x"})


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
