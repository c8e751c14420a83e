"""Targets that agents share, and what a change of a template or of the agents leaves as it is."""
import json
import os
import pathlib
import re
import socket
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "testing"))
from agent import run, wait_until  # noqa: E402
from fleet import INTERVAL, Fleet, group, seen, value  # noqa: E402
from pages import Pages  # noqa: E402
from remote_write import STALE_BITS, Receiver  # noqa: E402

TARGETS = [f"t{n:02}" for n in range(30)]


def template(more="", extra="", namespace="found"):
    return (f"init_config:\ninstances:\n  - namespace: {namespace}\n{INTERVAL}{extra}    discover:\n"
            f"      file_sd_configs: [{{files: ['targets/*.json']}}]\n{more}")


class Counters:
    """Targets, by ?x=NAME, whose counter is ten more each time that they are asked."""

    def __init__(self):
        self.lock = threading.Lock()
        self.numbers = {}
        self.pages = Pages({"/debug/vars": self._answer})
        self.place = f"127.0.0.1:{self.pages.port}"

    def _answer(self, handler):
        name = handler.path.rpartition("=")[2]
        with self.lock:
            self.numbers[name] = self.numbers.get(name, 0) + 10
            body = json.dumps({"n": self.numbers[name]}).encode()
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def groups(self, names=TARGETS):
        return [group(self.place, __param_x=name, who=name) for name in names]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.pages.close()


class Statsd:
    """What counters add up to, by the tag `who`, from all that send to it."""

    def __init__(self):
        self.sums, self.increases = {}, {}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.option = (f"dogstatsd_url: udp://127.0.0.1:{self.socket.getsockname()[1]}\ndogstatsd_telemetry_enabled: false\n")
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while True:
            packet = self.socket.recv(65536)
            if not packet:
                return
            for line in packet.decode().splitlines():
                found = re.match(r"found\.n:(\d+)\|c\|#.*who:(\w+)", line)
                if found:
                    self.sums[found[2]] = self.sums.get(found[2], 0) + int(found[1])
                    self.increases.setdefault(found[2], []).append(int(found[1]))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", self.socket.getsockname())
        self.thread.join()
        self.socket.close()


class SharingTest(unittest.TestCase):
    def setUp(self):
        self.counters = Counters()
        self.addCleanup(self.counters.pages.close)

    def shared(self, members, name):
        """conf.d of the agent of that name; all read the members from one file."""
        fleet = Fleet()
        self.addCleanup(fleet.close)
        fleet.lists("a.json", *self.counters.groups())
        fleet.template(template(f"      shard: {{self: {name}, hand_over: 2s, members: {{file_sd_configs: [{{files: ['{members}']}}]}}}}\n"))
        return fleet

    def members(self, *names):
        path = self.folder / "members.json"
        path.with_suffix(".draft").write_text(json.dumps([{"targets": list(names)}]))
        path.with_suffix(".draft").rename(path)
        return path

    def test_an_agent_that_comes_takes_its_part_without_stale_markers_or_counters_that_count_twice(self):
        scratch = Fleet()
        self.addCleanup(scratch.close)
        self.folder = scratch.root
        members = self.members("one", "two")
        with Receiver() as receiver, Statsd() as statsd:
            extra = f"{statsd.option}remote_write: [{{url: {receiver.url()}, queue_config: {{batch_send_deadline: 200ms}}}}]\n"
            with self.shared(members, "one").agent(extra) as one, self.shared(members, "two").agent(extra) as two:
                def parts(*agents):
                    return [set(seen(agent, "who")) for agent in agents]

                def are_all_watched(*agents):
                    shares = parts(*agents)
                    self.assertEqual(sum(map(len, shares)), len(set().union(*shares)), "one is watched twice")
                    return set().union(*shares) == set(TARGETS) and shares
                before = wait_until(lambda: are_all_watched(one, two), "the targets to be shared")
                self.assertTrue(all(8 <= len(part) <= 22 for part in before), before)
                self.assertEqual(value(one, "heapwatch_discovery_elsewhere_targets"), len(TARGETS) - len(before[0]))
                with self.shared(members, "three").agent(extra) as three:
                    self.members("one", "three", "two")
                    after = wait_until(lambda: are_all_watched(one, two, three) and parts(three)[0] and parts(one, two, three), "the third's part")
                    self.assertTrue(after[0] < before[0] or after[1] < before[1], "what the third has comes from the others")
                    self.assertTrue(after[0] <= before[0] and after[1] <= before[1], "and nothing else moves")
                    moved = sorted(after[2])
                    self.assertTrue(4 <= len(moved) <= 18, moved)
                    status = wait_until(lambda: run(Fleet.program, "-c", three.config_file, "status").stdout, "the status")
                    self.assertRegex(status, r"shared: member 2 of 3, three.*; \d+ targets? (is|are) for others")
                    asked = dict(self.counters.numbers)
                    wait_until(lambda: all(self.counters.numbers[name] >= asked[name] + 50 for name in moved), "some runs of the third")

                    def markers():
                        return [dict(labels)["who"] for labels, samples in receiver.named("found_n_total").items()
                                if any(bits == STALE_BITS for _, bits in samples)]
                    self.assertEqual(markers(), [], "a series that moved has not ended")
                    for agent in (one, two, three):
                        self.assertEqual(agent.stop()[0], 0, agent.log())
            self.assertEqual(receiver.problems, [])
            for name in TARGETS:
                self.assertLessEqual(statsd.sums[name], self.counters.numbers[name], f"{name} counted twice")

    def test_a_target_that_goes_ends_with_a_stale_marker(self):
        with Receiver() as receiver, Fleet() as fleet:
            fleet.template(template("      shard: {index: 0, count: 1}\n"))
            fleet.lists("a.json", *self.counters.groups(["goes", "stays"]))
            with fleet.agent(f"remote_write: [{{url: {receiver.url()}, queue_config: {{batch_send_deadline: 200ms}}}}]\n") as agent:
                wait_until(lambda: len(receiver.named("found_n_total")) == 2, "both")
                fleet.lists("a.json", *self.counters.groups(["stays"]))

                def ended():
                    return [dict(labels)["who"] for labels, samples in receiver.named("found_n_total").items() if samples[-1][1] == STALE_BITS]
                wait_until(lambda: ended() == ["goes"], "the end of its series")
                self.assertEqual(agent.stop()[0], 0)

    def test_a_changed_template_leaves_the_instances_alone_that_come_out_as_before(self):
        with Statsd() as statsd, Fleet() as fleet:
            fleet.template(template())
            fleet.lists("a.json", *self.counters.groups())
            with fleet.agent(statsd.option) as agent:
                def instances():
                    return agent.vars()["checks"]["go_expvar"]["instances"]
                wait_until(lambda: seen(agent, "who") == TARGETS, "all targets")
                before = instances()
                fleet.template(template("      relabel_configs: [{source_labels: [who], regex: 't0.', action: drop},\n"
                                        "        {source_labels: [who], regex: 't1.', target_label: more, replacement: x}]\n"))
                wait_until(lambda: seen(agent, "who") == TARGETS[10:] and seen(agent, "more").count("x") == 10, "the change")
                after = instances()
                stayed = before.keys() & after.keys()
                self.assertEqual(len(stayed), 10)
                self.assertTrue(all(after[one]["runs"] > before[one]["runs"] for one in stayed))
                asked = dict(self.counters.numbers)
                wait_until(lambda: all(self.counters.numbers[name] >= asked[name] + 50 for name in TARGETS[20:]), "some runs")
                self.assertEqual({increase for name in TARGETS[20:] for increase in statsd.increases[name]}, {10}, "each increase once")
                self.assertRegex(agent.log(), r"discovery of .*conf.yaml:3: 10 targets came, 0 went, 20 are watched")
                self.assertEqual(agent.stop()[0], 0)

    def test_a_template_that_was_not_touched_stays_while_another_changes(self):
        with Fleet() as fleet:
            fleet.template(template())
            other = fleet.template(template(namespace="other"), "other.yaml")
            fleet.lists("a.json", *self.counters.groups(["a"]))
            with fleet.agent() as agent:
                wait_until(lambda: seen(agent, "who") == ["a"] and seen(agent, "who", "other_n_total") == ["a"], "both")
                other.unlink()
                wait_until(lambda: not seen(agent, "who", "other_n_total"), "the end of the other")
                self.assertEqual(seen(agent, "who"), ["a"])
                self.assertNotIn("discovery of " + str(fleet.confd / "go_expvar.d/conf.yaml") + ":3 ends", agent.log())

    def test_lists_of_sources_that_are_configured_no_more_are_removed(self):
        with Fleet() as fleet, Pages({"/sd": json.dumps(self.counters.groups(["a"])).encode()}) as sd:
            def by_http(path):
                return template().replace("file_sd_configs: [{files: ['targets/*.json']}]",
                                          f"http_sd_configs: [{{url: '{sd.url(path)}', allowed_targets: [127.0.0.1]}}]")

            def kept():
                folder = fleet.root / "run/discovery"
                return sorted(path.name for path in folder.iterdir()) if folder.exists() else []
            fleet.template(by_http("/sd"))
            with fleet.agent() as agent:
                wait_until(lambda: seen(agent, "who") == ["a"], "the target")
                wait_until(kept, "its list")
            first = kept()
            (fleet.root / "run/discovery/notes.txt").write_text("of somebody")
            fleet.template(by_http("/sd") + "  - [\n", "conf.yaml")
            with fleet.agent():
                self.assertEqual(kept(), [*first, "notes.txt"], "an error is no reason")
            fleet.template(by_http("/sd?other=1"))
            with fleet.agent() as agent:
                wait_until(lambda: seen(agent, "who") == ["a"], "the target")
                wait_until(lambda: len(kept()) == 2, "its list")
                self.assertIn("notes.txt", kept())
                self.assertNotIn(first[0], kept())
                second = kept()
                fleet.template(template())
                wait_until(lambda: second[0] not in kept() and "notes.txt" in kept(), "the list to go with a reload")


if __name__ == "__main__":
    Fleet.program = os.path.abspath(sys.argv.pop(1))
    unittest.main()
