"""docs/configuration.md lists exactly the options the code reads, each key of heapwatch.yaml with its variables."""
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROW = re.compile(r'\n    (?:option<.*?>\(|\{\.key =)\s*"([\w.]+)"(.*?)(?=\n    (?:option<|\{)|\n\}\};)', re.S)
SECOND_VARIABLE = re.compile(r'"(DD_\w+)"')
GETTER = re.compile(
    r"\b(?:text|texts|text_map|boolean|number|seconds|integer|section|sections|raw|one_of<[^(]*>|is_set|current_name"
    r"|lenient_boolean|add_headers|read_proxy_url|read_patterns)\("
)
KEY_LIST = re.compile(r"\b(?:key = |(?:without_effect|aws)\{)([^;]*);", re.S)
REFUSED = re.compile(r"\brefused\{\{(.*?)\}\};", re.S)
WORD = re.compile(r'"([a-z][a-z0-9_]*)"')
CODE = re.compile(r"`([^`]+)`")


def section_rows(title):
    """The rows of a section's table, each as its cells."""
    page = (ROOT / "docs/configuration.md").read_text()
    text = page.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return rows[2:]


def listed_keys(title):
    return {key for row in section_rows(title) for key in CODE.findall(row[0])}


def arguments(text, begin):
    """What stands between the parenthesis before `begin` and its partner."""
    depth = 1
    for end in range(begin, len(text)):
        depth += {"(": 1, ")": -1}.get(text[end], 0)
        if depth == 0:
            return text[begin:end]
    raise ValueError("a parenthesis is not closed")


def keys_read(file):
    source = (ROOT / file).read_text()
    parts = [arguments(source, call.end()) for call in GETTER.finditer(source)]
    parts += KEY_LIST.findall(source)
    keys = {key for part in parts for key in WORD.findall(part)}
    for table in REFUSED.findall(source):
        keys |= set(re.findall(r'\{"(\w+)",', table))
    return keys


def agent_keys():
    source = (ROOT / "config/agent_options.cpp").read_text()
    keys = {}
    for key, rest in ROW.findall(source):
        keys[key] = ["DD_" + key.replace(".", "_").upper()] + SECOND_VARIABLE.findall(rest)
    return keys


class ConfigurationPageTest(unittest.TestCase):
    def test_every_key_of_heapwatch_yaml_is_listed_with_its_variables_and_no_other(self):
        source = (ROOT / "config/agent_options.cpp").read_text()
        count = int(re.search(r"array<AgentOptionRow, (\d+)>", source)[1])
        self.assertEqual(count, len(agent_keys()))
        listed = {CODE.findall(row[0])[0]: CODE.findall(row[1]) for row in section_rows("heapwatch.yaml")}
        self.assertEqual(agent_keys(), listed)

    def test_every_option_of_an_instance_is_listed_and_no_other(self):
        self.assertEqual(keys_read("check/instance_options.cpp") | keys_read("check/isolation/isolation_options.cpp"),
                         listed_keys("Options of every instance"))

    def test_every_option_of_the_memory_check_is_listed_and_no_other(self):
        page = (ROOT / "docs/memory-check.md").read_text().split("\n## Options\n", 1)[1].split("\n## ", 1)[0]
        listed = {key for row in page.splitlines() if row.startswith("| `") for key in CODE.findall(row.split("|")[1])}
        source = (ROOT / "check/memory/config.cpp").read_text()
        self.assertEqual(keys_read("check/memory/config.cpp") | set(re.findall(r'Key\{"(\w+)"', source)), listed)

    def test_the_example_of_the_memory_check_has_every_option(self):
        example = (ROOT / "conf.d/memory.d/conf.yaml.example").read_text()
        source = (ROOT / "check/memory/config.cpp").read_text()
        keys = keys_read("check/memory/config.cpp") | set(re.findall(r'Key\{"(\w+)"', source))
        self.assertEqual({key for key in keys if not re.search(rf"^ *[-# ]*{key}: ", example, re.M)}, set())

    def options_of_receivers(self, page, kind):
        """Those that are listed, those that rows tell of in passing, and those that are read."""
        text = (ROOT / "docs" / page).read_text().split("\n## Options\n", 1)[1].split("\n## ", 1)[0]
        rows = [row.split("|") for row in text.splitlines() if row.startswith("| `")]
        listed = {key.removeprefix("queue_config.") for row in rows for key in CODE.findall(row[1])}
        below = {key for row in rows for key in CODE.findall(row[3]) if WORD.fullmatch(f'"{key}"')}
        source = "".join((ROOT / f"config/{name}.cpp").read_text() for name in (kind, "receiver_options", "receiver_access"))
        read = set(re.findall(r'(?:\.|->|read_\w+\()(?:text|texts|text_map|boolean|integer|section|one_of<bool>|raw)?\(?(?:\*?\w+, )?"(\w+)"', source))
        return listed, below, read

    def test_every_option_of_remote_write_is_listed_and_no_other(self):
        listed, below, read = self.options_of_receivers("remote-write.md", "remote_write_options")
        self.assertEqual(read - listed - below, {"queue_config"}, "read and not listed")
        self.assertEqual(listed - read, set(), "listed and not read")

    def test_every_option_of_otlp_is_listed_and_no_other(self):
        listed, below, read = self.options_of_receivers("otlp.md", "otlp_options")
        self.assertEqual(read - listed - below, {"queue_config"}, "read and not listed")
        self.assertEqual(listed - read, set(), "listed and not read")

    def test_every_option_of_discovery_is_listed_and_no_other(self):
        page = (ROOT / "docs/fleet.md").read_text()
        tables = re.findall(r"\n\| option \|.*?\n\n", page, re.S)
        listed = {key for table in tables for row in table.splitlines() for key in CODE.findall(row.split("|")[1] if "|" in row else "")}
        files = [f"discovery/{name}" for name in ("template.cpp", "sources.cpp", "sharing.cpp", "file_source.cpp", "http_source.cpp", "dns_source.cpp", "docker_source.cpp",
                                                  "kubernetes_source.cpp", "process_source.cpp")]
        read = {key for file in (*files, "discovery/relabel/rules.cpp") for key in keys_read(file)}
        sources = "".join((ROOT / file).read_text() for file in (*files, "discovery/relabel/rules.cpp"))
        read |= set(re.findall(r'(?:read_duration|read_allowed|read_text|read_rules)\(\w+, "(\w+)"', sources))
        read |= set(re.findall(r'Key\{"(\w+)", ChoiceKind::\w+\}', (ROOT / "check/memory/config.cpp").read_text()))
        kinds = set(re.findall(r'\.key = "(\w+)"', sources))
        refused = set(re.findall(r'\{"(\w+)", "use ', sources))
        self.assertEqual((read | kinds) - refused - {"discover"}, listed)
        self.assertEqual({key for key in refused if f"`{key}`" not in page}, set(), "what is refused is told")

    def test_every_http_option_is_listed_and_no_other(self):
        self.assertEqual(keys_read("check/http/http_options.cpp") | keys_read("check/http/http_auth_options.cpp"),
                         listed_keys("HTTP options"))


if __name__ == "__main__":
    unittest.main()
