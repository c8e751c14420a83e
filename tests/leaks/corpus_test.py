"""The quick form: every leak of the corpus is found in its space, and nothing else is called a leak."""
import contextlib
import sys
import unittest

import corpus

HEAPWATCH, *PROGRAMS = sys.argv[1:5]
LENGTH = "24s"
EVERY = "700ms"


def run_all(cases, commands):
    """All at the same time. Gives name to judgement."""
    with contextlib.ExitStack() as stack:
        programs = {case[0]: stack.enter_context(corpus.Program(commands[case[1]], case[2], seed, case[3]))
                    for seed, case in enumerate(cases, 1)}
        watch = corpus.start_watch(HEAPWATCH, programs.values(), LENGTH, EVERY)
        found = corpus.judgements(watch)
        return {name: found[program.pid] for name, program in programs.items()}


class CorpusTest(unittest.TestCase):
    def test_each_leak_is_found_and_nothing_else_is_called_one(self):
        found = run_all([*corpus.LEAKS, *corpus.OTHERS], corpus.commands(*PROGRAMS))
        for name, _, _, _, space in corpus.LEAKS:
            with self.subTest(program=name):
                self.assertTrue(corpus.is_right(found[name], space), found[name])
        for name, *_ in corpus.OTHERS:
            with self.subTest(program=name):
                self.assertTrue(corpus.is_right(found[name], ""), found[name])
        self.check_sites(found)
        self.check_shape(found["c_malloc"])

    def check_sites(self, found):
        site = found["go_heap"]["site"]
        self.assertEqual((site["function"], site["file"].rsplit("/", 1)[-1]), ("main.keep", "main.go"))
        self.assertGreater(site["line"], 0)
        self.assertEqual(found["go_goroutines"]["site"]["function"], "main.wait")
        self.assertIn("blocks of 3", found["c_malloc"]["sentence"])
        self.assertIn("Session", found["python_objects"]["sentence"])

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
