"""Prometheus' own parsers take every page, and both formats say the same."""
import math
import subprocess
import sys
import unittest

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

PAGES = sys.argv.pop(1)
CASES = ["usual", "plain", "nasty", "collisions"]
LINT_PROBLEMS = 3  # promtool's exit status when the page parses; 1 when it does not


def page(case, accept):
    return subprocess.run([PAGES, case, accept], capture_output=True, check=True).stdout


def text(case):
    return page(case, "text/plain").decode()


def samples(families):
    """Each sample once: name and labels to value, with NaN equal to itself."""
    found = {}
    for family in families:
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, f"{key} is there twice"
            value = sample.value
            found[key] = "NaN" if isinstance(value, float) and math.isnan(value) else float(value)
    return found


def about_checks(found):
    return {key: value for key, value in found.items()
            if not key[0].startswith(("process_", "heapwatch_scrapes_", "heapwatch_series_dropped_"))}


class ParsersTest(unittest.TestCase):
    def test_promtool_parses_every_page(self):
        for case in CASES:
            with self.subTest(case):
                done = subprocess.run(["promtool", "check", "metrics"], input=page(case, ""), capture_output=True)
                self.assertIn(done.returncode, (0, LINT_PROBLEMS), done.stderr.decode())

    def test_promtool_only_minds_the_names_that_datadog_chose(self):
        done = subprocess.run(["promtool", "check", "metrics"], input=page("usual", ""), capture_output=True)
        self.assertEqual(done.stderr.decode().splitlines(),
                         ["go_expvar_memstats_pause_ns metric names should not contain abbreviated units"])

    def test_both_formats_have_the_same_values(self):
        for case in ("usual", "nasty"):
            with self.subTest(case):
                self.assertEqual(about_checks(samples(parse_text(text(case)))),
                                 about_checks(samples(parse_openmetrics(page(case, "application/openmetrics-text").decode()))))

    def test_the_strict_parser_takes_every_page(self):
        for case in CASES:
            with self.subTest(case):
                self.assertTrue(samples(parse_openmetrics(page(case, "application/openmetrics-text").decode())))

    def test_families_are_there_once(self):
        for case in CASES:
            with self.subTest(case):
                names = [line.split(" ")[2] for line in text(case).splitlines() if line.startswith("# TYPE ")]
                self.assertEqual(len(names), len(set(names)))
                families = list(parse_text(text(case)))
                self.assertEqual(len(families), len(names), "each group of lines has its head")

    def test_nasty_labels_come_back_as_they_were(self):
        labels = next(family for family in parse_text(text("nasty")) if family.name == "a_b_c_d_e").samples[0].labels
        self.assertEqual(labels, {
            "_": "keyless", "_9": "9", "bare": "true", "dup": "1,2", "exported_le": "1", "exported_quantile": "2",
            "i": "0", "k_e_y": "v\"a\\l\nue", "name__": "x", "_n_code": "日本 \ufffd\ufffd"})

    def test_the_largest_counter_is_exact(self):
        for accept in ("text/plain", "application/openmetrics-text"):
            self.assertIn(b'go_expvar_memstats_mallocs_total{i="0"} 18446744073709551615\n', page("usual", accept))


if __name__ == "__main__":
    unittest.main()
