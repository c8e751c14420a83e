"""The quick form: every leak of the corpus is found in its space, and nothing else is called a leak."""
import contextlib
import sys
import unittest

import corpus

HEAPWATCH, *PROGRAMS = sys.argv[1:7]
# Started under the watch, so that the line of a native leak is told, too.
STARTED = ["cxx_map", "python_extension", "python_bounded"]
# A machine that is busy gives few looks in the first of these; who cannot be told anything then is watched for the next.
LENGTHS = ["27s", "60s", "150s"]
EVERY = "700ms"
# Looks of a build with sanitizers take long at C++ and at Python, whose programs are in the long form.
QUICK = [{"c_malloc", "c_mmap", "c_threads", "c_descriptors", "c_cache", "c_ring", "c_bursts", "c_steady",
          "c_thread_pool", "c_files"},
         {"go_heap", "go_goroutines", "go_garbage", "go_cache"}]


def start(names, commands, stack, length):
    cases = [case for case in corpus.ALL if case.name in names]
    programs = {case.name: stack.enter_context(corpus.Program(commands[case.program], case, seed))
                for seed, case in enumerate(cases, 1)}
    return programs, corpus.start_watch(HEAPWATCH, programs.values(), length, EVERY)


def run_all(commands, groups, names_started, length):
    """All at the same time. Gives name to judgement."""
    with contextlib.ExitStack() as stack:
        started = [start(names, commands, stack, length) for names in groups if names]
        watch = [HEAPWATCH, "leak", "--for", length, "--every", EVERY, "--json", "--stop", "--"]
        under_watch = [stack.enter_context(corpus.Program(commands[case.program], case, 1, watched_by=watch))
                       for case in corpus.ALL if case.name in names_started]
        found = {}
        for programs, watch in started:
            judgements = corpus.judgements(watch)
            found.update({name: judgements[program.pid] for name, program in programs.items()})
        found.update({program.case.name: program.answer() for program in under_watch})
        return found


class CorpusTest(unittest.TestCase):
    def test_each_leak_is_found_and_nothing_else_is_called_one(self):
        found, left, started = {}, QUICK, STARTED
        spaces = {case.name: case.space for case in corpus.LEAKS}
        leaks = set(spaces)
        for length in LENGTHS:
            found.update(run_all(corpus.commands(*PROGRAMS), left, started, length))
            # On a busy machine there are few looks in the time: what is told with low confidence is asked again, for longer.
            open_ones = {name for name in leaks & set(found) if found[name]["verdict"] == "cannot_tell" or (
                found[name]["confidence"] == "low" and not corpus.is_right(found[name], spaces[name]))}
            left, started = [group & open_ones for group in QUICK], [name for name in STARTED if name in open_ones]
            if not open_ones:
                break
        self.assertEqual(len(found), sum(map(len, QUICK)) + len(STARTED))
        for name, judgement in found.items():
            with self.subTest(program=name):
                self.assertTrue(corpus.is_right(judgement, spaces.get(name, "")), judgement)
        self.check_sites(found)
        self.check_shape(found["c_malloc"])

    def test_the_corpus_has_as_many_of_each_kind_as_are_promised(self):
        self.assertGreaterEqual(len(corpus.LEAKS), 24)
        self.assertGreaterEqual(len(corpus.OTHERS), 24)
        self.assertEqual({case.space for case in corpus.LEAKS},
                         {"go", "goroutine", "native", "python", "mmap", "stack", "files"})
        self.assertEqual(len({case.name for case in corpus.ALL}), len(corpus.ALL))

    def check_sites(self, found):
        site = found["go_heap"]["site"]
        self.assertEqual((site["function"], site["file"].rsplit("/", 1)[-1]), ("main.keep", "main.go"))
        self.assertGreater(site["line"], 0)
        self.assertEqual(found["go_goroutines"]["site"]["function"], "main.wait")
        self.assertIn("blocks of 3", found["c_malloc"]["sentence"])

        for case in corpus.LEAKS:
            if case.name in STARTED:
                self.assertTrue(corpus.names_site(found[case.name], case), found[case.name])
        site = found["python_extension"]["site"]
        self.assertEqual(site["function"], "forget_block")
        self.assertIn("leak_extension", [frame["function"] for frame in site["stack"] if frame["space"] == "python"])

    def check_shape(self, judgement):
        self.assertEqual(judgement["schema"], "heapwatch.leak/1")
        self.assertEqual(list(judgement), ["schema", "target", "window_s", "verdict", "space", "rate_bytes_per_s",
                                           "share_of_growth", "confidence", "site", "sentence", "findings", "growth",
                                           "why", "next"])
        rate = judgement["rate_bytes_per_s"]
        self.assertLessEqual(rate["low"], rate["value"])
        self.assertLessEqual(rate["value"], rate["high"])
        self.assertTrue(judgement["next"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
