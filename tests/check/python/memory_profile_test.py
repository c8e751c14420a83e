"""What `heapwatch check <name> -m` reports of real checks: python3 memory_profile_test.py HEAPWATCH."""
import re
import subprocess
import sys
import tracemalloc
import unittest

from memory_profile_fixture import CHECKS, SEPARATOR, MemoryTest
import agent as testing


class Arrays(MemoryTest):
    """Memory of extension modules, of which they tell tracemalloc."""

    def test_both_tracers_see_numpys_memory_alike(self):
        for does in ("keeps_one", "leaks", "grows_and_drops"):
            self.instances("arrays", [{"does": does}])
            theirs, ours = (
                self.report("arrays", "-m", "-t", 4, "-m-unit", "b", "-m-profiler", tracer).split(SEPARATOR)[:2]
                for tracer in ("tracemalloc", "native")
            )
            with self.subTest(does=does):
                self.assertEqual([report.rstrip() for report in theirs], [report.rstrip() for report in ours])

    def test_it_ranks_and_has_its_domain(self):
        self.instances("arrays", [{"does": "leaks"}])
        file = self.folder.root / "arrays.pb"
        text = self.report("arrays", "-m", "-t", 8, "-m-pprof", file).split(SEPARATOR)[2]
        self.assertRegex(text, r"#1: \S+/arrays.py:\d+: \+64\.\d\d KiB a run, grew in 7 of 7 runs after the first")
        self.assertIn("\nHeld by numpy, outside of Python's allocators: 512.00 KiB in 8 blocks\n", text)
        tags = subprocess.run(["go", "tool", "pprof", "-tags", str(file)], capture_output=True, text=True,
                              env=testing.clean_environment(PPROF_TMPDIR=str(self.temporary))).stdout
        self.assertRegex(tags, r"domain: Total (.|\n)*: numpy\n")

    def test_a_block_counts_once_and_goes_when_it_is_untracked(self):
        self.instances("arrays", [{"does": "tracks"}])
        folder = self.folder.root / "kept"
        text = self.report("arrays", "-m", "-m-unit", "b", "-m-dir", folder)
        self.assertIn("Held by domain 7, outside of Python's allocators: 400 B in 1 block\n"
                      "Held by domain 8, outside of Python's allocators: 500 B in 1 block\n", text)
        self.assertNotIn("numpy", text)  # ctypes' buffer is Python's own, and counts as that
        (last,) = folder.glob("arrays/*/last-snapshot")
        traces = tracemalloc.Snapshot.load(str(last)).traces
        self.assertEqual(sorted((trace.domain, trace.size) for trace in traces if trace.domain), [(7, 400), (8, 500)])
        self.assertEqual(sum(trace.size >= 5000 for trace in traces), 1)


class Reports(MemoryTest):
    def exact(self, *arguments):
        self.instances("exact", [self.STEPS])
        return self.report("exact", "-m", *arguments)

    def rows(self, text):
        """The lines of exact.py alone, as (number, line, text)."""
        return re.findall(r"^#(\d+): \S*/exact\.py:(\d+): (.*)$", text, re.MULTILINE)

    def test_a_snapshot_report_is_as_the_agent_writes_it(self):
        text = self.exact("-t", "1").split("\nCheck has run only once")[0]
        path = str(CHECKS / "exact.py")
        self.assertEqual(
            text,
            f"""Top 30 lines

#1: {path}:12: 4.94 KiB
    self.second = bytearray(step[1])

#2: {path}:11: 1.03 KiB
    self.first = bytearray(step[0])

#3: {path}:14: 125 B
    bytearray(step[2])

#4: {path}:13: 64 B
    self.third = [

#5: {path}:9: 56 B
    step = instance["steps"][min(self.runs, len(instance["steps"]) - 1)]

Total allocated size: 6.21 KiB
""",
        )

    def test_limit_unit_and_filters_shape_the_report(self):
        text = self.exact("-m-limit", "1", "-m-unit", "b")
        self.assertIn("Top 1 lines\n\n#1: ", text)
        self.assertEqual(self.rows(text), [("1", "12", "5057 B")])
        self.assertRegex(text, r"\n\n4 other: \d+ B\nTotal allocated size: \d+ B\n")
        self.assertEqual([row[1] for row in self.rows(self.exact("-m-limit", "-1"))], ["12", "11", "14", "13"])
        self.assertIn("Top 0 lines\n\n5 other: ", self.exact("-m-limit", "0"))
        self.assertIn(": 0.005 MiB\n", self.exact("-m-unit", "MiB"))
        self.assertIn("Top 30 lines\n\nTotal allocated size: 0 B\n", self.exact("-m-filters", "*/nowhere.py"))
        self.assertEqual(len(self.rows(self.exact("-m-filters", "*/nowhere.py,*/exact.py"))), 5)

    def test_sorting_by_file_shows_line_0_and_no_source(self):
        text = self.exact("-m-sort", "filename")
        self.assertRegex(text, r"\n#1: \S+/exact.py:0: 6.21 KiB\n\nTotal")

    def test_verbose_shows_what_is_left_out_otherwise(self):
        self.assertIn("heapwatch_memory", self.exact("-m-verbose", "1"))
        self.assertNotIn("heapwatch_memory", self.exact())

    def test_diffs_have_signs_and_their_own_order(self):
        text = self.exact("-t", "3").split(SEPARATOR)[1]
        self.assertTrue(text.startswith("Top 30 line diffs\n\n#1: "))
        self.assertEqual(self.rows(text), [("1", "12", "-1000 B")])
        self.assertIn("\n\nTotal difference: -1000 B\n", text)
        text = self.exact("-t", "2").split(SEPARATOR)[1]
        self.assertEqual(self.rows(text)[0], ("1", "11", "+1.95 KiB"))
        self.assertIn(("2", "14", "-10 B"), self.rows(text))

    def test_positive_diffs_go_first(self):
        self.instances("exact", [{"steps": [[1000, 9000, 20], [1100, 1000, 20]]}])
        orders = [
            [row[1:] for row in self.rows(self.report("exact", "-m", "-t", "2", "-m-diff", order).split(SEPARATOR)[1])]
            for order in ("absolute", "positive")
        ]
        self.assertEqual(orders[0], [("12", "-7.81 KiB"), ("11", "+100 B")])
        self.assertEqual(orders[1], [("11", "+100 B"), ("12", "-7.81 KiB")])

    def test_options_stand_in_init_config_under_both_names_and_the_command_line_wins(self):
        for key in ("limit", "profile_memory_limit"):
            self.instances("exact", [self.STEPS], {key: 2})
            self.assertIn("Top 2 lines\n", self.report("exact", "-m"))
            self.assertIn("Top 3 lines\n", self.report("exact", "-m", "-m-limit", "3"))
        self.instances("exact", [self.STEPS], {"limit": 2, "profile_memory_limit": 4, "filters": ["its own"]})
        self.assertIn("Top 4 lines\n", self.report("exact", "-m"))

    def test_a_wrong_option_in_init_config_fails_the_run_by_name(self):
        for config, words in (
            ({"profile_memory_frames": "many"}, "profile_memory_frames must be an integer, not 'many'"),
            ({"frames": 0}, "the number of frames must be in range [1; 65535]"),
            ({"sort": "size"}, "unknown key_type: 'size'"),
            ({"combine": 1, "sort": "traceback"}, "cumulative mode cannot by used with key type 'traceback'"),
            ({"profiler": "fast"}, "profiler must be native, sampled or tracemalloc, not 'fast'"),
        ):
            self.instances("exact", [self.STEPS], config)
            result = self.check("exact", "-m")
            with self.subTest(config=config):
                self.assertEqual(result.returncode, 1)
                self.assertIn(words, result.stderr)


class Growth(MemoryTest):
    def test_a_steady_leak_is_named_first(self):
        self.instances("leaky", [{"name": "one"}])
        text = self.report("leaky", "-m", "-t", "5").split(SEPARATOR)[2]
        self.assertRegex(
            text,
            r"\ATop 30 lines by growth after 5 runs\n\n#1: \S+/leaky.py:13: \+300\.\d\d KiB a run, grew in 4 of 4 runs "
            r"after the first, 1\.172 MiB held from earlier runs\n    self.kept.append\(bytes\(300 \* 1024\)\)\n",
        )
        self.assertRegex(text, r"\nTotal growth: \+(299|300)\.\d\d KiB a run\nTotal held from earlier runs: 1\.17\d MiB\n")
        # What is replaced each run is no leak.
        self.assertNotIn("leaky.py:14:", text)

    def shapes(self, does, times, *arguments):
        """The third report, and the parts behind it by their first words."""
        self.instances("shapes", [{"does": does}])
        return self.report("shapes", "-m", "-t", times, *arguments).split(SEPARATOR)[2]

    def line_of(self, code):
        """(number, text) of each line of shapes.py in a report that is followed by this code."""
        return re.findall(r"#(\d+): \S*/shapes\.py:\d+: (.*)\n +" + re.escape(code) + "\n", self.text)

    def test_a_small_steady_leak_ranks_and_a_cache_that_is_full_does_not(self):
        text = self.text = self.shapes("fills_a_cache fills_a_queue leaks comes_and_goes replaces", 100)
        growing, stopped = text.split("Grew and stopped, as a cache does that is full: ")
        self.assertRegex(growing, r"\ATop 30 lines by growth after 100 runs\n\n#1: \S+/shapes.py:\d+: \+2\.0\d KiB a run, "
                                  r"grew in 99 of 99 runs after the first, 20\d\.\d\d KiB held from earlier runs\n"
                                  r"    self.kept.append\(bytes\(2048\)\)\n\nTotal growth: \+2\.\d\d KiB a run\n")
        self.assertIn("+768.10 KiB until run 4, none in 96 runs since\n    self.cache[self.runs] = bytes(256 * 1024)\n", stopped)
        self.assertRegex(stopped, r"\+7\d\.\d\d KiB until run 9, none in 91 runs since\n    self.queue.append")

    def test_more_runs_than_are_kept_one_by_one_are_told_as_well(self):
        text = self.text = self.shapes("fills_a_cache leaks", 300)
        self.assertRegex(text, r"#1: \S+/shapes.py:\d+: \+2\.0\d KiB a run, grew in 299 of 299 runs")
        self.assertRegex(text, r"\+768\.10 KiB until run 5, none in 295 runs since")

    def test_few_runs_are_said_to_tell_little(self):
        words = "So few runs cannot tell a leak from what fills up once, as a cache does: -t 30 can.\n"
        self.assertIn(words, self.shapes("leaks", 6))
        self.assertNotIn(words, self.shapes("leaks", 7))

    def test_of_two_runs_the_difference_is_shown(self):
        self.assertRegex(self.shapes("leaks", 2), r"#1: \S+/shapes.py:\d+: \+2\.\d\d KiB a run, grew in 1 of 1 runs after the first")

    def test_names_that_the_interpreter_remembers_do_not_grow(self):
        text = self.shapes("opens looks_up_fresh_names", 10)
        self.assertIn("Top 30 lines by growth after 10 runs\n\nTotal growth: +0 B a run\n", text)
        self.assertNotIn("Garbage", text)

    def test_what_background_threads_keep_between_runs_counts(self):
        text = self.shapes("works_in_the_background", 10, "--pause", "150")
        self.assertRegex(text, r"#1: \S+/shapes.py:\d+: \+97\.\d\d KiB a run, grew in \d of 9 runs after the first, "
                               r"\S+ KiB held from earlier runs, most of it allocated between the runs\n    self.kept.append")

    def test_what_failing_runs_keep_counts(self):
        self.instances("shapes", [{"does": "fails"}])
        result = self.check("shapes", "-m", "-t", 8)
        self.assertEqual(result.returncode, 1)
        self.assertIn("no luck", result.stderr)
        self.assertRegex(result.stdout, r"\ATop 30 lines by growth after 8 runs, 8 of which failed\n\n"
                                        r"#1: \S+/shapes.py:\d+: \+19\.\d\d KiB a run, grew in 7 of 7 runs")

    def test_garbage_has_lines_of_its_own_and_is_a_leak_where_nothing_collects(self):
        text = self.shapes("makes_cycles", 8)
        self.assertRegex(text, r"\nGarbage in cycles, which the collector frees in time: 4\d\.\d\d KiB a run\n#1: \S+/shapes.py:\d+: 48\.\d\d KiB a run\n"
                               r"    self.other, self.data = self, bytes\(size\)\n")
        self.assertIn("\nTotal growth: +0 B a run\n", text)
        for does in ("makes_cycles_with_the_collector_off", "makes_cycles turns_it_off"):
            text = self.shapes(does, 8)
            self.assertRegex(text, r"\nGarbage in cycles, which stays, since the collector is off: 4\d\.\d\d KiB a run\n#1: ")
        self.assertNotIn("Garbage", self.shapes("leaks", 3))

    def test_the_live_profile_collects_no_garbage_unless_asked(self):
        self.configure("tracemalloc_debug: true\n")
        for options, is_collected in (({}, False), ({"gc": 1}, True), ({"profiler": "tracemalloc"}, True)):
            self.instances("shapes", [{"does": "makes_cycles_with_the_collector_off counts_nodes"}], options)
            out = self.report("shapes", "--dogstatsd", "-t", 5)
            self.assertIn("check_run_alloc", out)
            nodes = [int(float(n)) for n in re.findall(r"^shapes.nodes:(\S+)\|g", out, re.MULTILINE)]
            with self.subTest(options=options):
                self.assertEqual(nodes, [1] * 5 if is_collected else [1, 2, 3, 4, 5])

    def test_heapwatchs_own_files_never_rank(self):
        text = self.shapes("warns leaks comes_and_goes", 8, "-m-frames", "2")
        names = re.findall(r"^#\d+: (\S+?):", text, re.MULTILINE)
        self.assertEqual(names[0], str(CHECKS / "shapes.py"))
        self.assertEqual([name for name in names if "heapwatch" in name or "datadog_checks" in name], [])

    def test_imports_and_native_memory_are_told_apart(self):
        self.instances("leaky", [{"name": "one"}])
        first, extra = self.report("leaky", "-m").split(SEPARATOR)
        self.assertIn("leaky.py:13: 300", first)
        self.assertRegex(extra, r"Imports: \d+\.\d\d KiB in 1 module, the rest: 3\d\d\.\d\d KiB\n")
        self.assertRegex(extra, r"\n#1: colorsys: \d+\.\d\d KiB\n")
        self.assertRegex(extra, r"\nNative memory of the agent's modules: 410 B in 40 allocations, 0 B held\n"
                                r"#1: \S+/leaky.py:16: 410 B in 40 allocations\n    self.gauge")

    def test_a_profile_for_pprof_holds_the_same_bytes(self):
        self.instances("leaky", [{"name": "one"}, {"name": "two"}])
        file = self.folder.root / "leaky.pb"
        self.report("leaky", "-m", "-t", "3", "-m-pprof", file)
        top = subprocess.run(
            ["go", "tool", "pprof", "-top", "-nodecount=3", "-unit=B", str(file)],
            capture_output=True, text=True, env=testing.clean_environment(PPROF_TMPDIR=str(self.temporary)),
        )
        self.assertEqual(top.returncode, 0, top.stderr)
        self.assertIn("Type: inuse_space", top.stdout)
        # Six blocks of 300 KiB and a header of 33 bytes each, or more where the list grew.
        held = int(re.search(r"^\s*(\d+)B .* Leaky\.check$", top.stdout, re.MULTILINE).group(1))
        self.assertGreaterEqual(held, 6 * (300 * 1024 + 33))
        self.assertLess(held, 6 * (300 * 1024 + 33) + 60_000)
        tags = subprocess.run(["go", "tool", "pprof", "-tags", str(file)], capture_output=True, text=True,
                              env=testing.clean_environment(PPROF_TMPDIR=str(self.temporary))).stdout
        for part in ("leaky:one:", "leaky:two:", "python", "colorsys", " run: "):
            self.assertIn(part, tags)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
