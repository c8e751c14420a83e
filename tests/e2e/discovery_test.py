"""Targets that are discovered, by files and by HTTP, and what the running agent makes of them."""
import contextlib
import json
import os
import pathlib
import re
import socket
import stat
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "testing"))
from agent import fetch, run, wait_until  # noqa: E402
from fleet import INTERVAL, Fleet, group, seen, series, value  # noqa: E402
from pages import Pages  # noqa: E402
from real_parts import Program  # noqa: E402

PROGRAM = ""


def template(sources, namespace="found", extra=""):
    return (f"init_config:\ninstances:\n  - namespace: {namespace}\n{INTERVAL}{extra}"
            f"    discover:\n{sources}")


def by_files(pattern="targets/*.json", more=""):
    return f"      file_sd_configs:\n        - files: ['{pattern}']\n{more}"


def by_http(url, allowed="[127.0.0.1]", more=""):
    return f"      http_sd_configs:\n        - url: {url}\n          allowed_targets: {allowed}\n          refresh_interval: 1s\n{more}"


def status(agent, *arguments):
    """The command gives up soon, which a loaded machine makes it do."""
    return wait_until(lambda: run(PROGRAM, "-c", agent.config_file, "status", *arguments).stdout, "the status")


class DiscoveryTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.pages = Pages({"/debug/vars": b'{"n": 5}', "/own": b'{"n": 6}'})
        self.addCleanup(self.pages.close)
        self.place = f"127.0.0.1:{self.pages.port}"

    def test_targets_come_and_go_without_a_reload_and_the_counters_of_those_that_stay_go_on(self):
        numbers = [b'{"n": %d}' % n for n in range(0, 1_000_000, 10)]
        with Pages({"/debug/vars": numbers}) as stays, Fleet() as fleet, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as statsd:
            statsd.bind(("127.0.0.1", 0))
            statsd.settimeout(30)
            fleet.template(template(by_files()))
            fleet.lists("a.json", group(f"127.0.0.1:{stays.port}", who="stays"), group(self.place, who="goes"))
            with fleet.agent(f"dogstatsd_url: udp://127.0.0.1:{statsd.getsockname()[1]}\ndogstatsd_telemetry_enabled: false\n") as agent:
                wait_until(lambda: seen(agent, "who") == ["goes", "stays"], "both targets")
                before = agent.vars()["checks"]["go_expvar"]["instances"]
                self.assertEqual(len(before), 2)
                fleet.lists("a.json", group(f"127.0.0.1:{stays.port}", who="stays"))
                fleet.lists("b.json", group(self.place, who="comes"))
                wait_until(lambda: seen(agent, "who") == ["comes", "stays"], "the change")
                increases = []
                while len(increases) < 10:
                    found = re.match(rb"found\.n:(\d+)\|c\|#.*who:stays", statsd.recv(8192))
                    if found:
                        increases.append(int(found[1]))
                self.assertEqual(set(increases), {10})
                after = agent.vars()["checks"]["go_expvar"]["instances"]
                stayed = before.keys() & after.keys()
                self.assertEqual([len(after), len(stayed)], [2, 1])
                self.assertGreater(after[min(stayed)]["runs"], before[min(stayed)]["runs"])
                self.assertNotIn("reload", agent.log())
                self.assertIn("conf.yaml:3: 1 target came, 1 went, 2 are watched", agent.log())
                self.assertEqual(agent.vars()["reloads"]["applied"], 0)

    def test_labels_make_the_address_and_the_tags(self):
        with Fleet() as fleet:
            fleet.template(template(by_files(more="      relabel_configs:\n"
                                             "        - {source_labels: [__meta_team], target_label: team}\n"
                                             "        - {source_labels: [env], regex: test, action: drop}\n"), extra="    tags: ['own:x']\n"))
            fleet.lists("a.json", group(self.place, env="prod", __metrics_path__="/own", __meta_team="core"),
                        group(self.place, env="test"))
            with fleet.agent() as agent:
                found = wait_until(lambda: series(agent), "the target")
                self.assertEqual(found, [{"env": "prod", "expvar_url": f"http://{self.place}/own", "own": "x", "team": "core"}])
                self.assertEqual(value(agent, "heapwatch_discovery_instances", check="go_expvar"), 1)
                self.assertEqual(value(agent, "heapwatch_discovery_dropped_targets", check="go_expvar"), 1)
                self.assertEqual(value(agent, "heapwatch_discovery_refused_targets", check="go_expvar"), 0)
                self.assertEqual(value(agent, "heapwatch_discovery_targets", source="file_sd targets/*.json"), 2)
                self.assertLess(value(agent, "heapwatch_discovery_list_age_seconds"), 60)

    def test_a_broken_list_changes_nothing_and_is_told_of_until_it_is_mended(self):
        with Fleet() as fleet:
            fleet.template(template(by_files()))
            path = fleet.lists("a.json", group(self.place, who="a"))
            with fleet.agent() as agent:
                wait_until(lambda: seen(agent, "who") == ["a"], "the target")
                path.write_text('[{"targets": ["x')
                wait_until(lambda: (value(agent, "heapwatch_discovery_failures_total") or 0) > 0, "the failure")
                self.assertEqual(seen(agent, "who"), ["a"])
                self.assertRegex(status(agent), rf"trouble: {re.escape(str(path))}: no JSON at byte \d+")
                self.assertEqual(json.loads(status(agent, "--json"))["discovery"][0]["sources"][0]["targets"], 1)
                fleet.lists("a.json", group(self.place, who="b"))
                wait_until(lambda: seen(agent, "who") == ["b"], "the mended list")
                self.assertNotIn("trouble", status(agent))

    def test_the_last_good_answer_of_a_server_holds_over_a_restart(self):
        answers = {"/sd": json.dumps([group(self.place, who="a")]).encode()}
        with Pages(answers) as sd, Fleet() as fleet:
            fleet.template(template(by_http(sd.url("/sd?token=geheim"))))
            with fleet.agent() as agent:
                wait_until(lambda: seen(agent, "who") == ["a"], "the target")
                _, headers = sd.requests[0]
                self.assertEqual(headers["X-Prometheus-Refresh-Interval-Seconds"], "1")
                self.assertEqual(headers["Accept"], "application/json")
                self.assertNotIn("geheim", status(agent) + agent.metrics() + agent.log())
            kept = list((fleet.root / "run/discovery").iterdir())
            self.assertEqual([stat.S_IMODE(path.stat().st_mode) for path in kept], [0o640])
            del sd.pages["/sd"]
            with fleet.agent() as agent:
                wait_until(lambda: seen(agent, "who") == ["a"], "the target that was known")
                self.assertRegex(status(agent), r"1 target, good \d+ s ago \(before the restart\)\n.*answered 404 Not Found")
                sd.pages["/sd"] = [json.dumps([group(self.place, who="b")]).encode()]
                wait_until(lambda: seen(agent, "who") == ["b"], "the new answer")
            self.assertEqual(len(list((fleet.root / "run/discovery").iterdir())), 1)

    def test_a_server_cannot_make_the_agent_ask_a_host_that_is_not_allowed(self):
        def redirect(handler):
            handler.send_response(302)
            handler.send_header("Location", forbidden.url())
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        with Pages({"/debug/vars": b'{"n": 1}'}) as forbidden, Pages({"/debug/vars": redirect}) as redirecting, Fleet() as fleet:
            other = f"localhost:{forbidden.port}"
            answer = [group(other, "2130706433:80", f"127.0.0.1@{other}", f"[::ffff:127.0.0.1]:{forbidden.port}", who="evil"),
                      group(f"127.0.0.1:{redirecting.port}", who="redirects"),
                      group(self.place, who="sly", __scheme__="unix"), group(self.place, who="good")]
            with Pages({"/sd": json.dumps(answer).encode()}) as sd:
                allowed = f"['127.0.0.1:{self.pages.port}', '127.0.0.1:{redirecting.port}']"
                fleet.template(template(by_http(sd.url("/sd"), allowed)))
                with fleet.agent() as agent:
                    wait_until(lambda: seen(agent, "who") == ["good"] and redirecting.requests, "the good one")
                    wait_until(lambda: len(redirecting.requests) > 2, "some runs")
                    self.assertEqual(forbidden.requests, [])
                    self.assertEqual(value(agent, "heapwatch_discovery_refused_targets"), 5)
                    self.assertIn(f"refused: {other} is not among the allowed_targets of http_sd {sd.url('/sd')}", status(agent))

    def test_a_target_that_stands_in_conf_d_too_is_watched_once(self):
        text = f"init_config:\ninstances:\n  - namespace: found\n{INTERVAL}    expvar_url: \"http://{self.place}/debug/vars\"\n    tags: [\"who:a\"]\n"
        with Fleet() as fleet:
            fleet.lists("a.json", group(self.place, who="a"))
            fleet.template(template(by_files()))
            with fleet.agent() as agent:
                wait_until(lambda: seen(agent, "who") == ["a"], "the target")
                static = fleet.template(text, "static.yaml")
                wait_until(lambda: "reload: added" in agent.log(), "the reload")
                wait_until(lambda: seen(agent, "who") == ["a"], "the one in conf.d")
                self.assertEqual(value(agent, "heapwatch_check_instances", check="go_expvar"), 1)
                self.assertEqual(value(agent, "heapwatch_discovery_instances"), 0)
                static.unlink()
                wait_until(lambda: value(agent, "heapwatch_discovery_instances") == 1, "what was discovered to be taken back")
                wait_until(lambda: seen(agent, "who") == ["a"], "its series")
                self.assertEqual(value(agent, "heapwatch_check_instances", check="go_expvar"), 1)

    def test_a_reload_changes_the_template_or_keeps_it_when_it_is_wrong(self):
        with Fleet() as fleet:
            fleet.lists("a.json", group(self.place, who="a"))
            path = fleet.template(template(by_files()))
            with fleet.agent() as agent:
                wait_until(lambda: seen(agent, "who") == ["a"], "the target")
                path.write_text(template(by_files(more="      relabel_configs: [{action: kepe}]\n")))
                wait_until(lambda: "its 1 instance from before stays" in agent.log(), "the error to be told")
                self.assertIn('action must be one of replace, keep', agent.log())
                self.assertEqual(seen(agent, "who"), ["a"])
                path.write_text(template(by_files(), namespace="other"))
                wait_until(lambda: seen(agent, "who", "other_n_total") == ["a"], "the new template")
                self.assertEqual(seen(agent, "who"), [])
                path.unlink()
                wait_until(lambda: not series(agent, "other_n_total"), "the end of it")
                self.assertEqual(value(agent, "heapwatch_check_instances", check="go_expvar"), 0)

    def test_many_targets_come_and_a_tenth_goes(self):
        count = 1000
        with Fleet() as fleet:
            fleet.template(template(by_files()).replace("0.2", "30"))
            fleet.lists("a.json", *(group(self.place, __param_x=str(n), who=str(n)) for n in range(count)))
            with fleet.agent() as agent:
                wait_until(lambda: value(agent, "heapwatch_discovery_instances") == count, "all of them")
                fleet.lists("a.json", *(group(self.place, __param_x=str(n), who=str(n)) for n in range(count // 10, count)))
                wait_until(lambda: value(agent, "heapwatch_discovery_instances") == count * 9 // 10, "a tenth to go")
                self.assertIn(f"0 targets came, {count // 10} went, {count * 9 // 10} are watched", agent.log())

    def test_configcheck_and_check_show_what_is_found(self):
        with Fleet() as fleet:
            fleet.template(template(by_files()))
            fleet.lists("a.json", group(self.place, who="a"))
            config = fleet.config(f"confd_path: {fleet.confd}\nrun_path: {fleet.root}/run\n")
            shown = run(PROGRAM, "-c", config, "configcheck")
            self.assertEqual(shown.returncode, 0, shown.stdout + shown.stderr)
            self.assertRegex(shown.stdout, rf"=== Discovery ===\n    go_expvar by .*conf.yaml:3: 1 instance, 0 targets dropped by rules, 0 refused\n"
                                           rf"      file_sd targets/\*\.json: 1 target, good \d+ s ago\n"
                                           rf"      go_expvar:found:\w+ http://{self.place}/debug/vars\n")
            ran = run(PROGRAM, "-c", config, "check", "go_expvar", "--prometheus")
            self.assertIn('who="a"', ran.stdout, ran.stderr)
            self.assertFalse((fleet.root / "run/discovery").exists(), "a command keeps nothing")
            fleet.template(template(by_files(pattern="targets/*.txt")))
            shown = run(PROGRAM, "-c", config, "configcheck")
            self.assertEqual(shown.returncode, 1)
            self.assertRegex(shown.stdout, r"conf\.yaml:9:18: discover -> file_sd_configs -> 1 -> files: \"targets/\*\.txt\" must end in")

    def test_prometheus_makes_the_same_addresses_of_the_same_list(self):
        groups = [group("a:1"), group("b:443", __scheme__="https"), group("c:80", __metrics_path__="/x y"), group("[::1]:5"),
                  group("d:1", __param_q="1 &2", __param_a="é"), group("e:1", __metrics_path__="no/slash"),
                  group("f/g:1"), group("h:1", __scheme__="https", __metrics_path__="/p;a=b,c@d~e'(f)*!$%")]
        with Fleet() as fleet:
            path = fleet.lists("a.json", *groups)
            fleet.template(template(by_files(more="      metrics_path: /debug/vars\n      params: {m: n}\n")))

            def command(program):
                config = program.root / "prometheus.yml"
                config.write_text(json.dumps({"scrape_configs": [
                    {"job_name": "x", "scrape_interval": "1h", "metrics_path": "/debug/vars", "params": {"m": ["n"]},
                     "file_sd_configs": [{"files": [str(path)]}]}]}))
                return ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={program.root}/tsdb",
                        f"--web.listen-address=127.0.0.1:{program.port}"]

            with Program(command, "/-/ready") as server:
                def active():
                    return json.loads(fetch(server.url("/api/v1/targets")))["data"]["activeTargets"]
                theirs = sorted(one["scrapeUrl"] for one in wait_until(active, "Prometheus to read the list"))
            config = fleet.config(f"confd_path: {fleet.confd}\n")
            shown = run(PROGRAM, "-c", config, "configcheck").stdout
            ours = re.findall(r"go_expvar:found:\w+ (\S+)", shown.split("=== Discovery ===")[1])
            self.assertIn("http://d:1/debug/vars?a=*", "\n".join(ours), "values of queries are shown as hashes")
            self.assertEqual(sorted(url.split("?")[0] for url in ours), sorted(url.split("?")[0] for url in theirs), shown)

    def test_prometheus_finds_what_is_watched(self):
        with Fleet() as fleet:
            fleet.template(template(by_files()).replace("init_config:", "init_config: {service: found}"))
            fleet.lists("a.json", group(self.place, who="a", __param_token="geheim"))
            fleet.template(f"init_config: {{service: shop}}\ninstances:\n  - namespace: static\n{INTERVAL}"
                           f"    expvar_url: http://user:pass@{self.place}/own\n    tags: ['env:prod', 'bare', 'a-b:c']\n"
                           f"  - expvar_url: unix:///run/nothing.sock/debug/vars\n", "static.yaml")
            with fleet.agent() as agent:
                wait_until(lambda: seen(agent, "who") == ["a"], "the target")
                url = f"http://127.0.0.1:{agent.port}/api/v1/http_sd"
                text = fetch(url)
                self.assertNotRegex(text, "geheim|pass")
                self.assertEqual(json.loads(text), [
                    {"targets": [self.place], "labels": {
                        "__meta_heapwatch_check": "go_expvar", "__meta_heapwatch_path": "/own",
                        "__meta_heapwatch_url": f"http://{self.place}/own", "__scheme__": "http",
                        "a_b": "c", "bare": "true", "env": "prod", "service": "shop"}},
                    {"targets": [self.place], "labels": {
                        "__meta_heapwatch_check": "go_expvar", "__meta_heapwatch_path": "/debug/vars",
                        "__meta_heapwatch_url": f"http://{self.place}/debug/vars", "__scheme__": "http", "service": "found", "who": "a"}}])
                self.assertEqual(json.loads(fetch(url + "?check=memory")), [])

                def command(program):
                    config = program.root / "prometheus.yml"
                    config.write_text(json.dumps({"scrape_configs": [
                        {"job_name": "x", "scrape_interval": "1h", "http_sd_configs": [{"url": url}],
                         "relabel_configs": [{"source_labels": ["__meta_heapwatch_path"], "target_label": "path"}]}]}))
                    return ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={program.root}/tsdb",
                            f"--web.listen-address=127.0.0.1:{program.port}"]

                with Program(command, "/-/ready") as server:
                    def active():
                        return json.loads(fetch(server.url("/api/v1/targets")))["data"]["activeTargets"]
                    found = wait_until(active, "Prometheus to ask")
                    self.assertEqual(sorted((one["scrapeUrl"], one["labels"]["path"], one["labels"].get("env")) for one in found),
                                     [(f"http://{self.place}/metrics", "/debug/vars", None), (f"http://{self.place}/metrics", "/own", "prod")])

    def test_the_agent_ends_at_once_while_a_server_does_not_answer(self):
        with socket.socket() as silent, Fleet() as fleet:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            fleet.template(template(by_http(f"http://127.0.0.1:{silent.getsockname()[1]}/")))
            with fleet.agent() as agent:
                silent.settimeout(30)
                with contextlib.closing(silent.accept()[0]):
                    code, seconds = agent.stop()
                    self.assertEqual(code, 0, agent.log())
                    self.assertLess(seconds, 10)


if __name__ == "__main__":
    PROGRAM = Fleet.program = os.path.abspath(sys.argv.pop(1))
    unittest.main()
