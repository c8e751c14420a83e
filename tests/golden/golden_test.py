"""Each folder beside this file is a case: conf.yaml, what the target serves, and what heapwatch makes of it.

served.json (or served.1.json, served.2.json, ... for the runs of the check, in order) is served on a free port that
conf.yaml names as %%env_PORT%%. dogstatsd.txt, prometheus.txt, table.txt and console.txt are what `heapwatch check`
prints after as many runs as there are pages; PORT, TIME, ID and RATE stand for
what differs between two runs. UPDATE_GOLDEN=1 rewrites.
"""
import os
import pathlib
import re
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "testing"))
from agent import Confd, run  # noqa: E402
from pages import Pages  # noqa: E402

PROGRAM = ""
FORMS = {"dogstatsd.txt": ["--dogstatsd"], "prometheus.txt": ["--prometheus"], "table.txt": ["--table"], "console.txt": []}


def served(case):
    pages = sorted(case.glob("served*.json"), key=lambda page: [int(n) for n in re.findall(r"\d+", page.name)])
    return [page.read_bytes() for page in pages]


def steady(text, port, root):
    """Without what differs between two runs of the same case."""
    text = text.replace(f"localhost:{port}", "localhost:PORT").replace(str(root), "ROOT")
    text = re.sub(r"(memstats\.(?:mallocs|frees|pause_total_ns|num_gc)):[\d.e+]+\|g", r"\1:RATE|g", text)
    text = re.sub(r"\b1[6-9]\d{8}(\d{3})?\b", "TIME", text)
    text = re.sub(r"(go_expvar:(?:[\w.]+:)?)[0-9a-f]{8,16}\b", r"\1ID", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "TIME", text)
    text = re.sub(r"(Average Execution Time : ).*", r"\1DURATION", text)
    text = re.sub(r"(last_success_timestamp_seconds\{.*\}) .*", r"\1 TIME", text)
    return re.sub(r"(scrape_duration_seconds\{.*\}) .*", r"\1 DURATION", text)


class GoldenTest(unittest.TestCase):
    maxDiff = None

    def check_case(self, case):
        bodies = served(case)
        expected = [name for name in FORMS if (case / name).exists()]
        if os.environ.get("UPDATE_GOLDEN") and not expected:
            expected = ["dogstatsd.txt", "prometheus.txt"]
        self.assertTrue(bodies and expected, f"{case.name} has no pages or nothing to compare")
        for name in expected:
            with self.subTest(case=case.name, form=name), Pages({"/debug/vars": bodies}) as pages, Confd() as folder:
                folder.write("go_expvar.d/conf.yaml", (case / "conf.yaml").read_text())
                done = run(PROGRAM, "--confd", folder.confd, "--log-level", "off", "check", "go_expvar", "-t",
                           len(bodies), *FORMS[name], env={"PORT": str(pages.port)})
                actual = steady(done.stdout, pages.port, folder.root)
                if os.environ.get("UPDATE_GOLDEN"):
                    (case / name).write_text(actual)
                self.assertEqual(done.stderr, "")
                self.assertEqual(actual, (case / name).read_text())

    def test_every_case(self):
        cases = sorted(path for path in HERE.iterdir() if (path / "conf.yaml").exists())
        self.assertTrue(cases)
        for case in cases:
            self.check_case(case)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
