"""What a manifest of Kubernetes may say, as far as ours go: the kinds, their keys, what must be there and what must agree.

A schema is a dict of keys; `!` before a key says that it must be there. A value is a schema, a list of one schema (a list of such), a
pattern for texts, a type, or a set of the words that there are.
"""
import re

NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
LABEL = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi)?")
PATH = re.compile(r"/[^:]*")
ANY = re.compile(r".*", re.S)
CAPABILITY = {"ALL", "SYS_PTRACE", "DAC_READ_SEARCH"}


class Map:
    """Keys of one's own, as labels have them."""

    def __init__(self, key, value):
        self.key, self.value = key, value


LABELS = Map(re.compile(r"([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"), LABEL)
ANNOTATIONS = Map(LABELS.key, ANY)
META = {"!name": NAME, "namespace": NAME, "labels": LABELS, "annotations": ANNOTATIONS}
SECCOMP = {"!type": {"RuntimeDefault", "Unconfined", "Localhost"}}
FIELD = {"!fieldRef": {"!fieldPath": {"spec.nodeName", "status.hostIP", "status.podIP", "metadata.name", "metadata.namespace"}}}
PROBE = {"exec": {"!command": [ANY]}, "tcpSocket": {"!port": ANY}, "httpGet": {"!path": PATH, "!port": ANY}, "initialDelaySeconds": int,
         "periodSeconds": int, "timeoutSeconds": int, "failureThreshold": int}
CONTAINER = {
    "!name": NAME, "!image": re.compile(r"[a-z0-9./_-]+:[A-Za-z0-9_.-]+"), "imagePullPolicy": {"IfNotPresent", "Always", "Never"},
    "args": [ANY], "command": [ANY],
    "env": [{"!name": re.compile(r"[A-Za-z_][A-Za-z0-9_]*"), "value": ANY, "valueFrom": FIELD}],
    "ports": [{"!containerPort": int, "name": re.compile(r"[a-z0-9-]{1,15}"), "protocol": {"TCP", "UDP"}}],
    "livenessProbe": PROBE, "readinessProbe": PROBE,
    "resources": {"requests": Map(re.compile("cpu|memory"), QUANTITY), "limits": Map(re.compile("cpu|memory"), QUANTITY)},
    "securityContext": {"allowPrivilegeEscalation": bool, "readOnlyRootFilesystem": bool, "privileged": bool,
                        "capabilities": {"drop": [CAPABILITY], "add": [CAPABILITY]}},
    "volumeMounts": [{"!name": NAME, "!mountPath": PATH, "readOnly": bool}],
}
VOLUME = {
    "!name": NAME, "configMap": {"!name": NAME, "items": [{"!key": re.compile(r"[-._a-zA-Z0-9]{1,253}"), "!path": re.compile(r"[^/].*")}]},
    "emptyDir": {"medium": {"", "Memory"}, "sizeLimit": QUANTITY},
    "hostPath": {"!path": PATH, "type": {"", "Directory", "DirectoryOrCreate", "File"}},
}
POD = {
    "serviceAccountName": NAME, "hostPID": bool, "hostNetwork": bool, "priorityClassName": NAME, "terminationGracePeriodSeconds": int,
    "securityContext": {"runAsNonRoot": bool, "runAsUser": int, "runAsGroup": int, "fsGroup": int, "seccompProfile": SECCOMP},
    "nodeSelector": LABELS,
    "tolerations": [{"key": ANY, "operator": {"Exists", "Equal"}, "value": ANY, "effect": {"NoSchedule", "NoExecute", "PreferNoSchedule"}}],
    "!containers": [CONTAINER], "volumes": [VOLUME],
}
RULE = {"!apiGroups": [ANY], "!resources": [re.compile(r"[a-z]+(/[a-z]+)?")],
        "!verbs": [{"get", "list", "watch", "create", "update", "patch", "delete"}]}
KINDS = {
    ("v1", "ServiceAccount"): {"!metadata": META},
    ("v1", "Namespace"): {"!metadata": META},
    ("v1", "ConfigMap"): {"!metadata": META, "!data": Map(re.compile(r"[-._a-zA-Z0-9]{1,253}"), ANY)},
    ("rbac.authorization.k8s.io/v1", "ClusterRole"): {"!metadata": META, "!rules": [RULE]},
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"): {
        "!metadata": META, "!roleRef": {"!apiGroup": {"rbac.authorization.k8s.io"}, "!kind": {"ClusterRole"}, "!name": NAME},
        "!subjects": [{"!kind": {"ServiceAccount"}, "!name": NAME, "!namespace": NAME}]},
    ("apps/v1", "DaemonSet"): {
        "!metadata": META,
        "!spec": {"!selector": {"!matchLabels": LABELS},
                  "updateStrategy": {"!type": {"RollingUpdate", "OnDelete"}, "rollingUpdate": {"maxUnavailable": ANY}},
                  "!template": {"!metadata": {"!labels": LABELS, "annotations": ANNOTATIONS}, "!spec": POD}}},
}


def faults(value, schema, where):
    """What is wrong with a value, as sentences."""
    if isinstance(schema, Map):
        if not isinstance(value, dict):
            return [f"{where} is no map"]
        found = [f"{where} has the key {key!r}" for key in value if not schema.key.fullmatch(str(key))]
        return found + [fault for key, one in value.items() for fault in faults(one, schema.value, f"{where}.{key}")]
    if isinstance(schema, dict):
        if not isinstance(value, dict):
            return [f"{where} is no map"]
        names = {key.lstrip("!"): one for key, one in schema.items()}
        found = [f"{where} has the key {key!r}" for key in value if key not in names]
        found += [f"{where} has no {key[1:]}" for key in schema if key.startswith("!") and key[1:] not in value]
        return found + [fault for key, one in value.items() if key in names for fault in faults(one, names[key], f"{where}.{key}")]
    if isinstance(schema, list):
        if not isinstance(value, list):
            return [f"{where} is no list"]
        return [fault for i, one in enumerate(value) for fault in faults(one, schema[0], f"{where}[{i}]")]
    if isinstance(schema, set):
        return [] if value in schema else [f"{where} is {value!r}"]
    if isinstance(schema, type):
        return [] if type(value) is schema else [f"{where} is {value!r}"]
    if not isinstance(value, str) or not schema.fullmatch(value):
        return [f"{where} is {value!r}"]
    return []


def disagreements(documents):
    """Names that are spoken of and are not there."""
    by_kind = {kind: {one["metadata"]["name"]: one for one in documents if one["kind"] == kind} for one in documents
               for kind in [one["kind"]]}
    found = []
    for binding in by_kind.get("ClusterRoleBinding", {}).values():
        if binding["roleRef"]["name"] not in by_kind.get("ClusterRole", {}):
            found.append(f"there is no role {binding['roleRef']['name']}")
        found += [f"there is no account {one['name']}" for one in binding["subjects"] if one["name"] not in by_kind["ServiceAccount"]]
    for name, daemons in by_kind.get("DaemonSet", {}).items():
        template = daemons["spec"]["template"]
        labels = template["metadata"]["labels"]
        if any(labels.get(key) != value for key, value in daemons["spec"]["selector"]["matchLabels"].items()):
            found.append(f"{name} does not select its own pods")
        pod = template["spec"]
        if pod.get("serviceAccountName") not in by_kind.get("ServiceAccount", {}):
            found.append(f"{name} has an account that is not there")
        volumes = {one["name"]: one for one in pod["volumes"]}
        mounted = {mount["name"] for one in pod["containers"] for mount in one["volumeMounts"]}
        found += [f"volume {one} is not mounted, or not there" for one in set(volumes) ^ mounted]
        for volume in volumes.values():
            if len(volume) != 2:
                found.append(f"volume {volume['name']} is not of one kind")
            if "configMap" in volume:
                data = by_kind.get("ConfigMap", {}).get(volume["configMap"]["name"], {}).get("data", {})
                keys = {item["key"] for item in volume["configMap"]["items"]}
                found += [f"configMap has {key}, or the volume has" for key in keys ^ set(data)]
        for container in pod["containers"]:
            ports = {port["name"] for port in container["ports"]}
            for probe in (container["livenessProbe"], container["readinessProbe"]):
                port = (probe.get("tcpSocket") or probe.get("httpGet") or {}).get("port")
                if isinstance(port, str) and port not in ports:
                    found.append(f"a probe asks for the port {port}")
    return found
