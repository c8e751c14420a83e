"""Agents that discover their targets by lists in files, for tests."""
import json
import re

from agent import Agent, Confd

INTERVAL = "    min_collection_interval: 0.2\n    memstats: false\n    metrics: [{path: n, type: monotonic_counter}]\n"


def group(*targets, **labels):
    return {"targets": list(targets), "labels": labels}


class Fleet(Confd):
    """conf.d with a folder `targets` beside its file of go_expvar."""

    program = ""

    def __init__(self):
        super().__init__()
        (self.root / "run").mkdir()

    def lists(self, name, *groups):
        path = self.confd / "go_expvar.d/targets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(groups))
        draft.rename(path)
        return path

    def template(self, text, name="conf.yaml"):
        return self.write(f"go_expvar.d/{name}", text)

    def agent(self, extra=""):
        return Agent(self.program, self, f"run_path: {self.root}/run\n{extra}")


def series(agent, name="found_n_total"):
    """The label sets of a metric on the page of Prometheus."""
    return [dict(re.findall(r'(\w+)="([^"]*)"', line)) for line in agent.metrics().splitlines() if line.startswith(name + "{")]


def seen(agent, label, name="found_n_total"):
    return sorted(one.get(label, "") for one in series(agent, name))


def value(agent, name, **labels):
    for line in agent.metrics("text/plain").splitlines():
        if line.startswith(name + "{") and all(f'{key}="{text}"' in line for key, text in labels.items()):
            return float(line.rsplit(" ", 1)[1])
    return None
