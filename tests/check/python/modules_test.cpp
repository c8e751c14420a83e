// The built-in modules, called as Python code calls them.
#include <sys/stat.h>

#include <fstream>

#include "fixture.h"

namespace heapwatch::check::python {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;

/// A check that evaluates Python expressions and warns of what each came to.
class PythonModules : public PythonHost {
 protected:
  std::vector<std::string> values_of(const std::vector<std::string>& calls) {
    std::string instance = "calls:\n";
    for (const std::string& call : calls) {
      std::string quoted;
      for (const char c : call) {
        quoted += c == '\'' ? "''" : std::string(1, c);
      }
      instance += "- '" + quoted + "'\n";
    }
    return warnings_of("evaluate", instance);
  }
  std::string value_of(const std::string& call) {
    const auto values = values_of({call});
    return values.size() == 1 ? values[0] : std::to_string(values.size()) + " values";
  }
};

TEST_F(PythonModules, TellOfTheAgent) {
  EXPECT_THAT(
      values_of({"datadog_agent.get_version()", "datadog_agent.get_hostname()",
                 "datadog_agent.get_clustername()", "datadog_agent.get_host_tags()",
                 "json.loads(datadog_agent.get_host_tags())", "datadog_agent.tracemalloc_enabled()",
                 "datadog_agent.tracemalloc_enabled(1, 'x')",
                 "type(datadog_agent.get_process_start_time())",
                 "0 < datadog_agent.get_process_start_time() < __import__('time').time()",
                 "datadog_agent.get_version(1)"}),
      ElementsAre("'7.1.2'", "'test-host'", "'test-cluster'",
                  R"('{"system": ["env:\\"test\\"", "b"]}')", R"({'system': ['env:"test"', 'b']})",
                  "False", "False", "<class 'float'>", "True",
                  "TypeError: datadog_agent.get_version() takes no arguments (1 given)"));
}

TEST_F(PythonModules, GetConfigGivesTheValueOfAKey) {
  EXPECT_THAT(values_of({"datadog_agent.get_config('log_level')", "datadog_agent.get_config('n')",
                         "datadog_agent.get_config('a')", "datadog_agent.get_config('a.b.c')",
                         "datadog_agent.get_config('d.e')", "datadog_agent.get_config('nowhere')",
                         "datadog_agent.get_config('a.x')", "datadog_agent.get_config('')",
                         "datadog_agent.get_config(1)", "datadog_agent.get_config()"}),
              ElementsAre("'debug'", "1", "{'b': {'c': ['x', 2]}}", "['x', 2]", "'dotted'", "None",
                          "None", "None", "TypeError: argument 1 must be str, not int",
                          "TypeError: function takes exactly 1 argument (0 given)"));
}

TEST_F(PythonModules, HeadersNameTheAgent) {
  const std::string plain =
      "{'User-Agent': 'Datadog Agent/7.1.2', 'Content-Type': 'application/x-www-form-urlencoded', "
      "'Accept': 'text/html, */*'";
  EXPECT_THAT(values_of({"datadog_agent.headers()", "util.headers({'a': 1}, other=2)",
                         "util.headers(http_host='h')"}),
              ElementsAre(plain + "}", plain + "}", plain + ", 'Host': 'h'}"));
}

TEST_F(PythonModules, LogHasTheLevelsOfPython) {
  (void)host();
  (void)agent_log().take();
  EXPECT_THAT(values_of({"[datadog_agent.log('m', n) for n in (7, 10, 20, 30, 40, 50, 99)]",
                         "datadog_agent.log('m')", "datadog_agent.log('m', 'x')"}),
              ElementsAre("[None, None, None, None, None, None, None]",
                          "TypeError: function takes exactly 2 arguments (1 given)",
                          "TypeError: 'str' object cannot be interpreted as an integer"));
  EXPECT_THAT(agent_log().take(), ElementsAre("0 m", "1 m", "2 m", "3 m", "4 m", "5 m", "2 m"));
}

TEST_F(PythonModules, LogsOfChecksCountAndGoNowhere) {
  EXPECT_EQ(value_of("datadog_agent.send_log('line', id)"), "None");
  const auto loaded = load("evaluate", "calls: [\"datadog_agent.send_log('line', id)\"]");
  const auto report = loaded->check->run(sink_);
  EXPECT_EQ(report->dropped, (std::map<std::string, std::uint64_t>{{"log", 1}}));
}

TEST_F(PythonModules, MetadataIsKeptForTheCheckWhileItLives) {
  const auto loaded =
      load("evaluate", "calls: [\"datadog_agent.set_check_metadata(id, 'v', '1')\"]");
  (void)loaded->check->run(sink_);
  EXPECT_EQ(host().report().told.metadata["evaluate:1"]["v"], "1");
}

TEST_F(PythonModules, ExternalTagsAreTakenUntilTheFirstWrongOne) {
  const std::string call = "datadog_agent.set_external_tags(";
  EXPECT_THAT(
      values_of({call + "1)", call + "[[]])", call + "[('h',)])", call + "[(1, {})])",
                 call + "[('h', 1)])", call + "[('h', {1: []})])", call + "[('h', {'s': ()})])",
                 call + "[('h', {})])",
                 call + "[('h1', {'s1': ['a', 1, b'b'], 's2': ['c']}), ('h2', {'s': 1})])"}),
      ElementsAre("TypeError: tags must be a list",
                  "TypeError: external host tags list must contain only tuples",
                  "TypeError: external host tags tuple must have at least 2 elements",
                  "TypeError: hostname is not a valid string",
                  "TypeError: second elem of the host tags tuple must be a dict",
                  "TypeError: source_type is not a valid string",
                  "TypeError: dict value must be a list of tags", "None",
                  "TypeError: dict value must be a list of tags"));
  const std::map<std::string, std::map<std::string, std::vector<std::string>>> expected{
      {"h1", {{"s1", {"a", "b"}}}}};
  EXPECT_EQ(host().report().told.external_tags, expected);
}

TEST_F(PythonModules, ThePersistentCacheHasAFileForEachKey) {
  EXPECT_THAT(values_of({"datadog_agent.read_persistent_cache('check.1:in/../st_key')",
                         "datadog_agent.write_persistent_cache('check.1:in/../st_key', 'väl')",
                         "datadog_agent.read_persistent_cache('check.1:in/../st_key')",
                         "datadog_agent.write_persistent_cache('plain', '')",
                         "datadog_agent.read_persistent_cache('plain')",
                         "datadog_agent.write_persistent_cache('plain:below', 'x')",
                         "datadog_agent.read_persistent_cache('plain:below')",
                         "datadog_agent.read_persistent_cache('check1')",
                         "datadog_agent.read_persistent_cache(1)"}),
              ElementsAre("''", "None", "'väl'", "None", "''", "None",
                          "RuntimeError: failed to read data", "RuntimeError: failed to read data",
                          "TypeError: argument 1 must be str, not int"));
  struct stat folder {};
  struct stat file {};
  ASSERT_EQ(stat((run_path() / "check1").c_str(), &folder), 0);
  ASSERT_EQ(stat((run_path() / "check1" / "inst_key").c_str(), &file), 0);
  EXPECT_EQ(folder.st_mode & 0777U, 0700U);
  EXPECT_EQ(file.st_mode & 0777U, 0600U);
}

TEST_F(PythonModules, TelemetryAddsCountersAndKeepsGauges) {
  const std::string call = "datadog_agent.emit_agent_telemetry(";
  EXPECT_THAT(
      values_of({call + "'c', 'n', 2, 'counter')", call + "'c', 'n', 3, 'counter')",
                 call + "'c', 'g', 2, 'gauge')", call + "'c', 'g', 1, 'gauge', {'a': 'b'})",
                 call + "'c', 'h', 4, metric_type='histogram')", call + "'c', 'x', 4, 'other')",
                 call + "'c', 'x', 4, 'gauge', {'a': set()})", call + "'c', 'x', 'y', 'gauge')"}),
      ElementsAre("None", "None", "None", "None", "None", "None", "None",
                  "TypeError: must be real number, not str"));
  const std::map<std::string, Figure> expected{{"c.g", {2, false}},
                                               {"c.g{\"a\": \"b\"}", {1, false}},
                                               {"c.h.count", {1, true}},
                                               {"c.h.sum", {4, true}},
                                               {"c.n", {5, true}}};
  EXPECT_EQ(host().report().told.telemetry, expected);
}

TEST_F(PythonModules, IssuesAreKeptUntilTheyAreResolved) {
  EXPECT_THAT(values_of({"datadog_agent.report_issue('c', report_json='{\"id\": \"i1\"}')",
                         "datadog_agent.resolve_issue('nothing')"}),
              ElementsAre("None", "RuntimeError: no issue \"nothing\" has been reported"));
  EXPECT_EQ(host().report().told.issues["c"], "{\"id\": \"i1\"}");
  EXPECT_EQ(value_of("datadog_agent.resolve_issue(issue_id='i1')"), "None");
  EXPECT_TRUE(host().report().told.issues.empty());
}

TEST_F(PythonModules, StatementsLoseTheirValues) {
  EXPECT_THAT(
      values_of(
          {"datadog_agent.obfuscate_sql('SELECT a AS b FROM t WHERE x IN (1, 2) AND y = ''z''')",
           "datadog_agent.obfuscate_sql(query=\"SELECT a FROM t -- c\", options='{"
           "\"return_json_metadata\": true, \"table_names\": true}')",
           "datadog_agent.obfuscate_sql('')", "datadog_agent.obfuscate_sql(\"a = 'b\")",
           "datadog_agent.obfuscate_sql('a', 'no json')", "datadog_agent.obfuscate_sql(1)",
           "datadog_agent.obfuscate_sql_exec_plan('{\"Filter\": \"a = 1\", \"Total Cost\": 2}')",
           "datadog_agent.obfuscate_sql_exec_plan('{\"Total Cost\": 2, \"x\": 1}', True)",
           "datadog_agent.obfuscate_sql_exec_plan('{\"Total Cost\": 2}', 1)",
           "datadog_agent.obfuscate_mongodb_string('{\"find\": \"c\", \"filter\": {\"a\": [1]}}')",
           "datadog_agent.obfuscate_mongodb_string('[]')"}),
      ElementsAre(
          "'SELECT a FROM t WHERE x IN ( ? ) AND y = z'",
          R"('{"query":"SELECT a FROM t","metadata":{"size":11,"tables_csv":"t","commands":[],"comments":[],"procedures":[]}}')",
          "RuntimeError: result is empty", "RuntimeError: at position 5: unexpected EOF in string",
          "RuntimeError: Expecting value: line 1 column 1 (char 0)",
          "TypeError: argument 1 must be str, not int", R"('{"Filter":"a = ?","Total Cost":2}')",
          R"('{"x":"?"}')", R"('{"Total Cost":2}')", R"('{"find":"c","filter":{"a":["?"]}}')",
          "RuntimeError: a command is a JSON object"));
}

TEST_F(PythonModules, CommandsGiveTheirOutputErrorsAndStatus) {
  const std::string call = "_util.get_subprocess_output(";
  EXPECT_THAT(
      values_of({"_util.subprocess_output(['sh', '-c', 'echo out; echo err >&2; exit 3'])",
                 call + "['sh', '-c', '/bin/cat; echo $A$PATH'], env={'A': 'b', 'PATH': ':c'})",
                 call + "['sh', '-c', 'echo $HOME'], env={})[0] == os.environ['HOME'] + chr(10)",
                 call + "['sh', '-c', 'kill -9 $$'])", call + "['/nowhere/program'])",
                 call + "['true'], False)",
                 call + "['head', '-c', '300000', '/dev/zero'])[0] == chr(0) * 300000",
                 call + "command=['printf', '\\\\377'])",
                 call + "['grep', 'SigBlk', '/proc/self/status'])[0].split()[1]"}),
      ElementsAre("('out\\n', 'err\\n', 3)", "('b:c\\n', '', 0)", "True", "('', '', -1)",
                  "('', '', 0)", "('', '', 0)", "True", "('\ufffd', '', 0)", "'0000000000000000'"));
}

TEST_F(PythonModules, CommandsCheckTheirArguments) {
  const std::string call = "_util.subprocess_output(";
  EXPECT_THAT(
      values_of({call + "'ls')", call + "[])", call + "['a', 1])", call + "['a'], 1)",
                 call + "['a'], env=1)", call + "['a'], env={1: 'a'})",
                 call + "['a'], env={'a': 1})", call + "['true'], True)", call + "['a'], True, {})",
                 call + ")", "_util.SubprocessOutputEmptyError.__module__",
                 "issubclass(_util.SubprocessOutputEmptyError, Exception)"}),
      ElementsAre(
          "TypeError: command args is not a list", "TypeError: invalid command: empty list",
          "TypeError: command argument must be valid strings",
          "TypeError: bad raise_on_empty argument: should be bool", "TypeError: env is not a dict",
          "TypeError: env key is not a string", "TypeError: env value is not a string",
          "SubprocessOutputEmptyError: get_subprocess_output expected output but had none.",
          "TypeError: get_subprocess_output() takes at most 2 positional arguments (3 given)",
          "TypeError: get_subprocess_output() missing required argument 'command' (pos 1)",
          "'_util'", "True"));
}

TEST_F(PythonModules, TheTaggerKnowsNoEntity) {
  EXPECT_THAT(values_of({"(tagger.LOW, tagger.ORCHESTRATOR, tagger.HIGH)",
                         "[tagger.tag('container_id://x', n) for n in (0, 1, 2)]",
                         "tagger.tag('x', 3)", "tagger.tag('x', -1)", "tagger.tag('x')",
                         "[tagger.get_tags('x', n) for n in (True, 0, -3, 5)]",
                         "tagger.get_tags(1, 0)", "kubeutil.get_connection_info()"}),
              ElementsAre("(0, 1, 2)", "[[], [], []]", "TypeError: Invalid cardinality",
                          "TypeError: Invalid cardinality",
                          "TypeError: function takes exactly 2 arguments (1 given)",
                          "[[], [], [], []]", "TypeError: argument 1 must be str, not int", "{}"));
}

TEST_F(PythonModules, ContainersAreExcludedAsTheAgentIsTold) {
  EXPECT_THAT(
      values_of(
          {"containers.is_excluded('web', 'nginx')", "containers.is_excluded('db1', 'x')",
           "containers.is_excluded('dbkeep', 'x')", "containers.is_excluded('web', 'k8s/pause:3')",
           "containers.is_excluded('web', 'nginx', 'kube-system')",
           "containers.is_excluded('web', 'nginx', 'default')", "containers.is_excluded('web')"}),
      ElementsAre("False", "True", "False", "True", "True", "False",
                  "TypeError: function takes at least 2 arguments (1 given)"));
}

TEST_F(PythonModules, EveryTextAndTagArrayIsOnTheBooks) {
  (void)host();
  const auto allocations_of = [&](const std::string& call) {
    const auto loaded = load("evaluate", "calls: [\"" + call + "\"]");
    const auto before = memtrack_stats().allocations;
    (void)loaded->check->run(sink_);
    return memtrack_stats().allocations - before;
  };
  const auto run = allocations_of("None");  // its result and its warning
  EXPECT_EQ(run, 2U);
  EXPECT_EQ(
      allocations_of("aggregator.submit_metric(self, id, 0, 'n', 1, ['a', 'b', 3], '')") - run, 3U);
  EXPECT_EQ(allocations_of("aggregator.submit_metric(self, id, 0, 'n', 1, [], '')") - run, 1U);
  EXPECT_EQ(allocations_of("datadog_agent.get_version()") - run, 1U);
  EXPECT_EQ(allocations_of("datadog_agent.log('x', 10)") - run, 1U);
}

TEST_F(PythonModules, TheInterpretersMemoryIsCounted) {
  (void)host();
  const MemoryUse before = host().report().memory;
  EXPECT_GT(before.inuse_bytes, 1U << 20U);
  EXPECT_GE(before.allocated_bytes, before.inuse_bytes);
  constexpr std::uint64_t block = 8U << 20U;
  EXPECT_EQ(value_of("setattr(sys, 'kept', bytearray(8 << 20))"), "None");
  const MemoryUse with_block = host().report().memory;
  EXPECT_GE(with_block.inuse_bytes, before.inuse_bytes + block);
  EXPECT_GE(with_block.allocated_bytes, before.allocated_bytes + block);
  EXPECT_EQ(value_of("delattr(sys, 'kept')"), "None");
  EXPECT_LT(host().report().memory.inuse_bytes, with_block.inuse_bytes - block / 2);
}

}  // namespace
}  // namespace heapwatch::check::python
