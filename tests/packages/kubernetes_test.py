"""The chart and the manifests: one source, right in all forms, and with a configuration that heapwatch reads.

UPDATE_GOLDEN=1 writes the manifests anew.
"""
import copy
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/testing"))
sys.path.insert(0, str(pathlib.Path(__file__).parent))
from agent import run  # noqa: E402
from kubernetes_schema import KINDS, disagreements, faults  # noqa: E402

PROGRAM = HELM = ""
CHART = ROOT / "packaging/helm/heapwatch"
MANIFESTS = ROOT / "packaging/kubernetes"
HEAD = "# Made of packaging/helm/heapwatch; change that.\n"
NAMESPACE = "---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: heapwatch\n"


def merged(below, above):
    """Values over values, as Helm lays them."""
    made = dict(below)
    for key, value in above.items():
        made[key] = merged(made[key], value) if isinstance(value, dict) and isinstance(made.get(key), dict) else value
    return made


def rendered(*values):
    """The text of all manifests."""
    given = yaml.safe_load((CHART / "values.yaml").read_text())
    for more in values:
        given = merged(given, more)
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    facts = {"Values": given, "Chart": {"Name": chart["name"], "Version": chart["version"], "AppVersion": chart["appVersion"]}}
    done = subprocess.run([HELM, CHART, "heapwatch", "heapwatch"], input=json.dumps(facts), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return done.stdout


def documents_of(text):
    return [one for one in yaml.safe_load_all(text) if one]


def all_faults(documents):
    found = []
    for one in documents:
        kind = (one.get("apiVersion"), one.get("kind"))
        if kind not in KINDS:
            found.append(f"there is no {kind}")
            continue
        rest = {key: value for key, value in one.items() if key not in ("apiVersion", "kind")}
        found += faults(rest, KINDS[kind], one["kind"])
    return found + disagreements(documents)


def pod_of(documents):
    return next(one for one in documents if one["kind"] == "DaemonSet")["spec"]["template"]["spec"]


class KubernetesTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.memory = yaml.safe_load((CHART / "values-memory.yaml").read_text())
        cls.forms = {"heapwatch.yaml": rendered(), "heapwatch-memory.yaml": rendered(cls.memory)}

    def test_the_manifests_are_what_the_chart_gives(self):
        for name, text in self.forms.items():
            file = MANIFESTS / name
            wanted = HEAD + NAMESPACE + text
            if os.environ.get("UPDATE_GOLDEN"):
                file.write_text(wanted)
            self.assertEqual(file.read_text(), wanted, name)

    def test_all_forms_are_what_kubernetes_takes(self):
        forms = [*self.forms.values(), rendered({"rbac": {"create": False}}), rendered({"stateHostPath": "/var/lib/heapwatch"}),
                 rendered({"priorityClassName": "system-node-critical", "nodeSelector": {"kubernetes.io/os": "linux"}, "tolerations": [],
                           "image": {"tag": "1.2.3"}, "confd": {}, "podAnnotations": {}})]
        for text in forms:
            self.assertEqual(all_faults(documents_of(text)), [])

    def test_the_schema_finds_faults(self):
        right = documents_of(self.forms["heapwatch.yaml"])

        def with_fault(change):
            documents = copy.deepcopy(right)
            change(pod_of(documents), {one["kind"]: one for one in documents})
            return all_faults(documents)

        self.assertEqual(with_fault(lambda pod, all: pod.update(hostPid=True)), ["DaemonSet.spec.template.spec has the key 'hostPid'"])
        self.assertEqual(with_fault(lambda pod, all: pod["securityContext"].update(runAsUser="10001")),
                         ["DaemonSet.spec.template.spec.securityContext.runAsUser is '10001'"])
        self.assertEqual(with_fault(lambda pod, all: pod["containers"][0].pop("image")),
                         ["DaemonSet.spec.template.spec.containers[0] has no image"])
        self.assertEqual(with_fault(lambda pod, all: all["ClusterRole"]["rules"][0].update(verbs=["read"])),
                         ["ClusterRole.rules[0].verbs[0] is 'read'"])
        self.assertEqual(with_fault(lambda pod, all: pod["volumes"].pop()), ["volume tmp is not mounted, or not there"])
        self.assertEqual(with_fault(lambda pod, all: all["ConfigMap"]["data"].update(more="")),
                         ["configMap has more, or the volume has"])
        self.assertEqual(with_fault(lambda pod, all: all["ClusterRoleBinding"]["roleRef"].update(name="other")), ["there is no role other"])

    def test_it_has_no_privileges_but_those_of_the_overlay(self):
        plain = pod_of(documents_of(self.forms["heapwatch.yaml"]))
        self.assertNotIn("hostPID", plain)
        self.assertEqual(plain["securityContext"]["runAsNonRoot"], True)
        user = re.search(r"^USER (\d+):(\d+)$", (ROOT / "packaging/Containerfile").read_text(), re.M)
        self.assertEqual((plain["securityContext"]["runAsUser"], plain["securityContext"]["fsGroup"]), (int(user[1]), int(user[2])))
        self.assertEqual(plain["containers"][0]["securityContext"],
                         {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}})
        memory = pod_of(documents_of(self.forms["heapwatch-memory.yaml"]))
        self.assertEqual(memory["hostPID"], True)
        self.assertEqual(memory["containers"][0]["securityContext"]["capabilities"], {"drop": ["ALL"], "add": ["SYS_PTRACE", "DAC_READ_SEARCH"]})
        self.assertEqual(memory["containers"][0]["securityContext"]["readOnlyRootFilesystem"], True)

    def test_heapwatch_reads_the_configuration_that_is_mounted(self):
        for text in self.forms.values():
            documents = documents_of(text)
            data = next(one for one in documents if one["kind"] == "ConfigMap")["data"]
            volume = next(one for one in pod_of(documents)["volumes"] if "configMap" in one)
            with tempfile.TemporaryDirectory() as folder:
                for item in volume["configMap"]["items"]:
                    path = pathlib.Path(folder) / item["path"]
                    path.parent.mkdir(exist_ok=True)
                    path.write_text(data[item["key"]])
                checked = run(PROGRAM, "--config", pathlib.Path(folder) / "heapwatch.yaml", "configcheck")
                self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
                self.assertIn("go_expvar", checked.stdout)
                self.assertEqual("cgroup_root: /host/sys/fs/cgroup" in checked.stdout, "hostPID" in text)
                self.assertEqual(len([item for item in volume["configMap"]["items"] if item["path"].startswith("conf.d/")]),
                                 len(set(re.findall("^Configuration source: (.*)$", checked.stdout, re.M))), checked.stdout)

    def test_the_versions_agree(self):
        version = re.search(r"^project\(heapwatch VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text(), re.M)[1]
        chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
        self.assertEqual((chart["version"], chart["appVersion"]), (version, version))
        changelog = (ROOT / "packaging/debian/changelog").read_text()
        self.assertEqual(re.match(r"heapwatch \(([^)]*)\)", changelog)[1], version)


if __name__ == "__main__":
    HELM = sys.argv.pop()
    PROGRAM = sys.argv.pop()
    unittest.main()
