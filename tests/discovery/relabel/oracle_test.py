"""Rules and labels, and what Debian's Prometheus makes of them: the same as we do.

Each case is a job of one Prometheus with a file_sd list of one target; its /api/v1/targets says what the rules made of it.
Rules that Prometheus refuses are handed to promtool, one configuration each.
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "testing"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "e2e"))
from agent import fetch, wait_until  # noqa: E402
from real_parts import Program  # noqa: E402

PROGRAM = ""

POD = {"__meta_pod_name": "api-7", "__meta_pod_label_app": "api", "__meta_pod_label_tier_x": "front", "zone": "eu-1", "n": "41",
       "mixed": "Straße ÅNGSTRÖM İ ǅ ﬁ", "empty": "", "a": "x;y", "b": "x"}


def rule(**keys):
    return keys


# What the rules are, and the labels if they are not POD's.
CASES = [
    ("no rule", []),
    ("the defaults copy", [rule(source_labels=["zone"], target_label="region")]),
    ("replace without a source", [rule(target_label="team", replacement="core")]),
    ("a replacement that YAML takes for a number", [rule(target_label="team", replacement=7)]),
    ("groups by number", [rule(source_labels=["zone"], regex="(..)-(.*)", target_label="r", replacement="$2/$1")]),
    ("a group in braces", [rule(source_labels=["zone"], regex="(..)-(.*)", target_label="r", replacement="${1}x${2}")]),
    ("a group by name", [rule(source_labels=["zone"], regex="(?P<land>..)-.*", target_label="r", replacement="$land ${land}_")]),
    ("a name is as long as it can be", [rule(source_labels=["zone"], regex="(..)-.*", target_label="r", replacement="[$1x]")]),
    ("a name of letters beyond ASCII", [rule(source_labels=["zone"], regex="(..)-.*", target_label="r", replacement="[$1é] [$1·]")]),
    ("dollars", [rule(source_labels=["zone"], regex="(.*)", target_label="r", replacement="$$1 $ $- ${ ${1 ${} ${1}$")]),
    ("a group with a zero in front", [rule(source_labels=["zone"], regex="(.*)", target_label="r", replacement="[$01][$00][$0]")]),
    ("a group that is not there", [rule(source_labels=["zone"], regex="(.*)", target_label="r", replacement="[$9]")]),
    ("a group of very many digits", [rule(source_labels=["zone"], regex="(.*)", target_label="r", replacement="[$999999999999999999999]")]),
    ("a group that took no part", [rule(source_labels=["zone"], regex="(us)?(.*)", target_label="r", replacement="[$1][$2]")]),
    ("anchored on both sides", [rule(source_labels=["zone"], regex="eu", target_label="r", replacement="yes")]),
    ("anchors hold around alternatives", [rule(source_labels=["zone"], regex="eu|eu-1x", target_label="r", replacement="yes")]),
    ("a regex that closes the anchors' group", [rule(source_labels=["zone"], regex="eu)(?:.*", target_label="r", replacement="yes")]),
    ("case does not matter when asked", [rule(source_labels=["zone"], regex="(?i)EU-(1)", target_label="r", replacement="$1")]),
    ("a point takes no line end", [rule(source_labels=["zone"], regex="(.*)", target_label="r", replacement="yes")], {"zone": "a\nb"}),
    ("a dollar stands for the end of text alone", [rule(source_labels=["zone"], regex="a", target_label="r", replacement="yes")],
     {"zone": "a\n"}),
    ("the classes of letters", [rule(source_labels=["zone"], regex=r"(\pL+)\d(\w*).*", target_label="r", replacement="$1-$2")],
     {"zone": "é1xé"}),
    ("an empty replacement removes", [rule(source_labels=["zone"], target_label="b", replacement="")]),
    ("a replacement of nothing removes", [rule(source_labels=["nothing"], target_label="b")]),
    ("no match leaves it", [rule(source_labels=["zone"], regex="us.*", target_label="b", replacement="")]),
    ("sources are joined", [rule(source_labels=["zone", "nothing", "n"], target_label="r")]),
    ("a separator", [rule(source_labels=["zone", "n"], separator="//", target_label="r")]),
    ("an empty separator", [rule(source_labels=["zone", "n"], separator="", target_label="r")]),
    ("the name of the target out of the source", [rule(source_labels=["zone"], regex="(..)-.*", target_label="in_$1", replacement="y")]),
    ("a name in braces", [rule(source_labels=["zone"], regex="(..)-.*", target_label="${1}_zone", replacement="y")]),
    ("a name that comes out wrong", [rule(source_labels=["zone"], regex="(.*)", target_label="$1", replacement="y")]),
    ("a name that comes out empty", [rule(source_labels=["nothing"], regex="(.*)", target_label="$1", replacement="y")]),
    ("keep", [rule(source_labels=["zone"], regex="eu-.", action="keep")]),
    ("keep drops what does not match", [rule(source_labels=["zone"], regex="eu", action="keep")]),
    ("drop", [rule(source_labels=["zone"], regex="eu-.", action="drop")]),
    ("drop leaves what does not match", [rule(source_labels=["zone"], regex="us-.", action="drop")]),
    ("drop with the usual regex drops all", [rule(action="drop")]),
    ("keep what has a label", [rule(source_labels=["nothing"], regex=".+", action="keep")]),
    ("an empty regex matches nothing but nothing", [rule(source_labels=["nothing"], regex="", action="drop")]),
    ("the word of an action in capitals", [rule(source_labels=["zone"], regex="us", action="KEEP")]),
    ("keepequal", [rule(source_labels=["b"], target_label="b", action="keepequal")]),
    ("keepequal of different ones", [rule(source_labels=["b"], target_label="zone", action="keepequal")]),
    ("keepequal joins", [rule(source_labels=["b", "y"], target_label="a", action="keepequal")], {"b": "x", "y": "y", "a": "x;y"}),
    ("keepequal of two that are not there", [rule(source_labels=["no"], target_label="none", action="keepequal")]),
    ("dropequal", [rule(source_labels=["b"], target_label="b", action="dropequal")]),
    ("dropequal of different ones", [rule(source_labels=["b"], target_label="zone", action="dropequal")]),
    ("hashmod", [rule(source_labels=["__address__"], modulus=7, target_label="shard", action="hashmod")]),
    ("hashmod of several", [rule(source_labels=["zone", "n"], separator="-", modulus=1000003, target_label="h", action="hashmod")]),
    ("hashmod of nothing", [rule(source_labels=["nothing"], modulus=18446744073709551615, target_label="h", action="hashmod")]),
    ("hashmod over what is there", [rule(source_labels=["n"], modulus=1, target_label="n", action="hashmod")]),
    ("labelmap", [rule(regex="__meta_pod_label_(.+)", action="labelmap")]),
    ("labelmap with a prefix", [rule(regex="__meta_pod_label_(.+)", replacement="k8s_${1}", action="labelmap")]),
    ("labelmap onto what is there", [rule(regex="__meta_pod_label_(app)", replacement="zone", action="labelmap")]),
    ("labelmap of several onto one", [rule(regex="__meta_pod_label_(.+)", replacement="one", action="labelmap")]),
    ("labelmap swaps", [rule(regex="(p)(q)|(q)(p)", replacement="$2$1$4$3", action="labelmap")], {"pq": "1", "qp": "2"}),
    ("labelmap with the usual regex", [rule(action="labelmap")]),
    ("labeldrop", [rule(regex="__meta_.*|zone", action="labeldrop")]),
    ("labelkeep", [rule(regex="__.*|n", action="labelkeep")]),
    ("lowercase", [rule(source_labels=["mixed"], target_label="r", action="lowercase")]),
    ("uppercase", [rule(source_labels=["mixed"], target_label="r", action="uppercase")]),
    ("lowercase of several", [rule(source_labels=["mixed", "zone"], separator="|", target_label="r", action="lowercase")]),
    ("lowercase of nothing removes", [rule(source_labels=["nothing"], target_label="b", action="lowercase")]),
    ("rules in their order", [rule(source_labels=["zone"], target_label="tmp"), rule(source_labels=["tmp"], regex="(..).*", target_label="tmp"),
                              rule(source_labels=["tmp"], regex="eu", action="keep"), rule(regex="zone", action="labeldrop")]),
    ("the address", [rule(source_labels=["__meta_pod_name"], target_label="__address__", replacement="$1:9090")]),
    ("a shard as it is usually written", [rule(source_labels=["__address__"], modulus=4, target_label="__tmp_hash", action="hashmod"),
                                          rule(source_labels=["__tmp_hash"], regex="[0-3]", action="keep")]),
    ("a port out of an annotation", [rule(source_labels=["__address__", "n"], regex=r"([^:]+)(?::\d+)?;(\d+)", replacement="$1:$2",
                                          target_label="__address__")]),
]

REFUSED = [
    ("an unknown action", rule(action="replcae", target_label="a")),
    ("replace without a target", rule(source_labels=["a"])),
    ("a target that is no name", rule(target_label="a-b")),
    ("a target that cannot become one", rule(target_label="a-$1")),
    ("hashmod without a modulus", rule(action="hashmod", target_label="a")),
    ("hashmod without a target", rule(action="hashmod", modulus=3)),
    ("a modulus that is none", rule(action="hashmod", target_label="a", modulus="x")),
    ("a negative modulus", rule(action="hashmod", target_label="a", modulus=-3)),
    ("hashmod into a template", rule(action="hashmod", modulus=3, target_label="$1")),
    ("lowercase without a target", rule(action="lowercase", source_labels=["a"])),
    ("lowercase with a replacement", rule(action="lowercase", source_labels=["a"], target_label="b", replacement="x")),
    ("keepequal without a target", rule(action="keepequal", source_labels=["a"])),
    ("keepequal with a regex", rule(action="keepequal", source_labels=["a"], target_label="b", regex="x")),
    ("dropequal with a separator", rule(action="dropequal", source_labels=["a"], target_label="b", separator="-")),
    ("labelmap into no name", rule(action="labelmap", regex="(.*)", replacement="a-$1")),
    ("labeldrop with a source", rule(action="labeldrop", regex="a", source_labels=["a"])),
    ("labelkeep with a target", rule(action="labelkeep", regex="a", target_label="a")),
    ("labeldrop with a replacement", rule(action="labeldrop", regex="a", replacement="x")),
    ("a regex that is none", rule(source_labels=["a"], target_label="b", regex="(")),
    ("a regex with what RE2 has not", rule(source_labels=["a"], target_label="b", regex="a(?=b)")),
    ("a source that is no name", rule(source_labels=["a-b"], target_label="b")),
]


def labels_of(case):
    return case[2] if len(case) > 2 else POD


def ours(cases):
    """What our rules make of the cases; the address is one of them."""
    # Scalars keep what JSON makes of them: a number stays one for YAML.
    text = json.dumps({"cases": cases})
    done = subprocess.run([PROGRAM], input=text, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def address(number):
    return f"host-{number}.invalid:9100"


class RelabelOracleTest(unittest.TestCase):
    maxDiff = None

    def theirs(self):
        """By job: the labels of the target behind the rules, None when it was dropped."""
        def command(program):
            jobs = []
            for number, case in enumerate(CASES):
                (program.root / f"{number}.json").write_text(json.dumps([{"targets": [address(number)], "labels": labels_of(case)}]))
                jobs.append({"job_name": f"case{number}", "file_sd_configs": [{"files": [f"{number}.json"]}],
                             "scrape_interval": "1h", "relabel_configs": case[1] + self.probes(case)})
            (program.root / "prometheus.yml").write_text(json.dumps({"scrape_configs": jobs}))
            return ["prometheus", f"--config.file={program.root}/prometheus.yml", f"--storage.tsdb.path={program.root}/tsdb",
                    f"--web.listen-address=127.0.0.1:{program.port}"]

        with Program(command, "/-/ready") as server:
            def all_seen():
                data = json.loads(fetch(server.url("/api/v1/targets")))["data"]
                found = {one["scrapePool"]: one["labels"] for one in data["activeTargets"]}
                found.update({one["discoveredLabels"]["job"]: None for one in data["droppedTargets"]})
                return found if len(found) == len(CASES) else None
            return wait_until(all_seen, "Prometheus to see every target")

    @staticmethod
    def probes(case):
        """Labels that begin with __ are not told: they are copied to names that are."""
        hidden = [name for name in {"__address__", "__tmp_hash", *labels_of(case)} if name.startswith("__")]
        return [rule(source_labels=[name], target_label="seen" + name, regex="(.*)") for name in sorted(hidden)]

    def test_the_same_labels_come_out(self):
        theirs = self.theirs()
        made = ours([{"rules": case[1] + self.probes(case),
                      "labels": {**labels_of(case), "__address__": address(number), "job": f"case{number}"}}
                     for number, case in enumerate(CASES)])
        self.assertEqual(len(made), len(CASES))
        for number, case in enumerate(CASES):
            with self.subTest(case[0]):
                expected = theirs[f"case{number}"]
                if expected is None:
                    self.assertIsNone(made[number])
                    continue
                self.assertIsInstance(made[number], dict, made[number])
                seen = {name: value for name, value in made[number].items() if not name.startswith("__")}
                self.assertEqual(seen | {"instance": expected["instance"]}, expected)

    def test_the_cases_tell_something(self):
        made = ours([{"rules": case[1], "labels": {**labels_of(case), "__address__": "a:1"}} for case in CASES])
        self.assertGreater(sum(one is None for one in made), 5)
        self.assertGreater(len({json.dumps(one, sort_keys=True) for one in made}), 40)

    def test_what_prometheus_refuses_is_refused(self):
        made = ours([{"rules": [wrong], "labels": {"a": "b"}} for _, wrong in REFUSED])
        for (what, wrong), answer in zip(REFUSED, made, strict=True):
            with self.subTest(what), tempfile.TemporaryDirectory() as folder:
                path = pathlib.Path(folder) / "prometheus.yml"
                path.write_text(json.dumps({"scrape_configs": [{"job_name": "x", "relabel_configs": [wrong]}]}))
                self.assertNotEqual(subprocess.run(["promtool", "check", "config", path], capture_output=True, check=False).returncode, 0)
                self.assertIsInstance(answer, str)
                self.assertRegex(answer, r"^rules -> 1\b")


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
