// The base package that heapwatch brings along for boxes without Datadog's.
#include "fixture.h"

namespace heapwatch::check::python {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class BasePackage : public PythonHost {
 protected:
  /// What Python expressions come to in a check with this instance.
  std::vector<std::string> values_of(const std::vector<std::string>& calls,
                                     const std::string& options = "",
                                     const std::string& check = "evaluate") {
    std::string instance = options + "\ncalls:\n";
    for (const std::string& call : calls) {
      std::string quoted;
      for (const char c : call) {
        quoted += c == '\'' ? "''" : std::string(1, c);
      }
      instance += "- '" + quoted + "'\n";
    }
    return warnings_of(check, instance);
  }
};

TEST_F(BasePackage, IsAffirmativeReadsWhatPeopleWrite) {
  EXPECT_THAT(values_of({"[__import__('datadog_checks.base').base.is_affirmative(v) for v in"
                         " (True, 1, 'yes', 'Y', 'On', 'TRUE', b't')]",
                         "[__import__('datadog_checks.base').base.is_affirmative(v) for v in"
                         " (None, False, 0, '', 'no', 'off', 'x', [])]"}),
              ElementsAre("[True, True, True, True, True, True, True]",
                          "[False, False, False, False, False, False, False, False]"));
}

TEST_F(BasePackage, NamesBecomeWhatDatadogTakes) {
  EXPECT_THAT(
      values_of({"self.normalize('a b-c__d._e')", "self.normalize('HeapAlloc', 'My.Prefix', True)",
                 "self.normalize('HeapAlloc', 'My.Prefix')",
                 "self.convert_to_underscore_separated('HTTPRequests.GCPause')",
                 "self.normalize_tag('a b,c')"}),
      ElementsAre("'a_b_c_d.e'", "'my.prefix.heap_alloc'", "'My.Prefix.HeapAlloc'",
                  "'http_requests.gc_pause'", "'a_b_c'"));
}

TEST_F(BasePackage, TagsAndValuesAreTakenInManyForms) {
  EXPECT_THAT(
      values_of({"self.gauge(b'n', '1.5', [b'a', None, 'b'], b'h')", "self.gauge('n', True)",
                 "self.gauge('n', 1, device_name='sda')", "self.gauge('n', [])",
                 "self.service_check('s', 0, message=None)", "self.gauge('n', 1, tags=[1, 'x'])"}),
      ElementsAre("None", "None", "None",
                  "Metric: 'n' has non float value: []. Only float values can be submitted "
                  "as metrics.",
                  "None", "None", "None"));
  EXPECT_THAT(sink_.lines,
              ElementsAre("gauge n 1.5 #a #b on h", "gauge n 1", "gauge n 1 #device:sda",
                          "service check s 0 ", "gauge n 1 #x"));
}

TEST_F(BasePackage, PatternsAndLimitsHoldMetricsBack) {
  EXPECT_THAT(
      values_of({"[self.gauge(n, 1) for n in ('a.x', 'a.y', 'b.x', 'a.x', 'a.z')] and None"},
                "metric_patterns: {include: ['^a'], exclude: [y]}\nmax_returned_metrics: 1"),
      ElementsAre("Check exceeded limit of 1 metrics, ignoring next ones", "None"));
  EXPECT_THAT(sink_.lines, ElementsAre("gauge a.x 1", "gauge a.x 1"));
  EXPECT_THAT(load_error("evaluate", "metric_patterns: {include: x}"),
              HasSubstr("Setting `include` of `metric_patterns` must be an array"));
}

TEST_F(BasePackage, GenericTagsAreRenamedWhenAskedFor) {
  (void)values_of({"self.gauge('n', 1, tags=['env:a', 'x:b', 'host'])"},
                  "disable_generic_tags: true");
  EXPECT_THAT(sink_.lines, ElementsAre("gauge n 1 #evaluate_env:a #evaluate_host #x:b"));
}

TEST_F(BasePackage, EventsAreTakenAsTheyAre) {
  (void)values_of(
      {"self.event({'msg_title': b't', 'msg_text': 'x', 'timestamp': 1.5, 'tags': [b'a', None]})",
       "self.event({'msg_title': 't', 'tags': None, 'timestamp': None})"});
  EXPECT_THAT(sink_.lines, ElementsAre("event t|x|1||||| #a", "event t||now|||||"));
}

TEST_F(BasePackage, HistogramBucketsAndPlatformEventsAreCountedAsDropped) {
  const auto loaded =
      load("evaluate",
           "calls: [\"self.submit_histogram_bucket('n', 1, 0, 1, True, None, ['a'])\","
           " \"self.event_platform_event('{}', 'dbm')\", \"self.send_log({'a': 1})\"]");
  const auto report = loaded->check->run(sink_);
  const std::map<std::string, std::uint64_t> expected{
      {"event_platform_event", 1}, {"histogram_bucket", 1}, {"log", 1}};
  EXPECT_EQ(report->dropped, expected);
}

TEST_F(BasePackage, SecretsAreTakenOutOfErrorsAndWarnings) {
  EXPECT_THAT(values_of({"self.register_secret('s3cret')", "self.warning('is %s', 's3cret')"}),
              ElementsAre("None", "is ********", "None"));
  EXPECT_THAT(warnings_of("evaluate",
                          "{username: u, password: s3cret, calls: ['self.http and None', "
                          "'self.warning(\"s3cret\")']}"),
              ElementsAre("None", "********", "None"));
}

TEST_F(BasePackage, AnInitializationThatFailsIsTriedAgain) {
  const auto loaded = load("initializes");
  ASSERT_TRUE(loaded) << loaded.error().message;
  const auto first = loaded->check->run(sink_);
  ASSERT_FALSE(first);
  EXPECT_THAT(first.error().message, StartsWith("not yet\nTraceback"));
  for (int run = 0; run < 2; ++run) {
    const auto report = loaded->check->run(sink_);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_THAT(report->warnings, ElementsAre("tries 2, changed False"));
  }
}

TEST_F(BasePackage, TheCacheIsTheInstancesOwn) {
  EXPECT_THAT(values_of({"self.write_persistent_cache('k', 'v')", "self.read_persistent_cache('k')",
                         "datadog_agent.read_persistent_cache('evaluate:1_k')"}),
              ElementsAre("None", "'v'", "'v'"));
}

TEST_F(BasePackage, TheLogNamesCheckAndPlace) {
  (void)host();
  (void)agent_log().take();
  (void)values_of({"self.log.info('a %s', 1)", "self.log.trace('b')",
                   "__import__('logging').getLogger('x').error('c')"});
  EXPECT_THAT(agent_log().take(),
              ElementsAre("2 evaluate:1 | (<string>:1) | a 1", "4 - | (<string>:1) | c"));
}

TEST_F(BasePackage, VersionsAreOfTheModule) {
  EXPECT_THAT(values_of({"self.check_version", "self.hostname",
                         "__import__('every_kind').EveryKind('n', {}, [{}]).check_version"}),
              ElementsAre("'0.0.0'", "'test-host'", "'1.2.3'"));
}

TEST_F(BasePackage, HttpSpeaksLikeRequests) {
  const std::string common = R"("agent": "Datadog Agent/7.1.2", "extra": "None"})";
  EXPECT_THAT(
      values_of(
          {"http.get(url + '/a', params={'q': [1, 2]}).text", "http.get(url + '/a').json()['path']",
           "http.post(url, json={}, extra_headers={'X-Extra': 'e'}).json()['extra']",
           "http.put(url, data='x').json()", "http.get(url + '/redirect').url",
           "http.get(url + '/redirect', allow_redirects=False).status_code",
           "http.get(url + '/fail').status_code", "http.get(url + '/fail').raise_for_status()",
           "http.get(url).headers['content-TYPE']", "http.get(url + '/hang', timeout=0.05)",
           "http.get('http://127.0.0.1:1/x?token=s')", "http.get('ftp://u:p@h/')",
           "http.get('http://u:p@127.0.0.1:%d/' % port).json()['auth']",
           "http.get(url, auth=('a', 'b')).json()['auth']"},
          "", "talks_http"),
      ElementsAre(
          R"('{"method": "GET", "path": "/a?q=1&q=2", "body": "", "auth": "None", )" + common + "'",
          "'/a'", "'e'",
          "{'method': 'PUT', 'path': '/', 'body': 'x', 'auth': 'None', 'agent': 'Datadog "
          "Agent/7.1.2', 'extra': 'None'}",
          "'http://127.0.0.1:PORT/after'", "302", "503",
          "HTTPError: 503 Server Error: Service Unavailable for url: http://127.0.0.1:PORT/fail",
          "'application/json'", "Timeout: GET http://127.0.0.1:PORT/hang: no answer within 0.05 s",
          "ConnectionError: GET http://127.0.0.1:1/x: [Errno 111] Connection refused",
          "ConfigurationError: 'ftp://h/' is no URL of http:// or https:// and a host",
          "'Basic dTpw'", "'Basic YTpi'"));
}

TEST_F(BasePackage, HttpTakesItsOptionsFromTheInstance) {
  EXPECT_THAT(
      values_of({"http.get(url).json()['auth']", "http.get(url).json()['extra']", "http.timeout"},
                "username: u\npassword: p\nextra_headers: {X-Extra: 1}\ntimeout: 3", "talks_http"),
      ElementsAre("'Basic dTpw'", "'1'", "3.0"));
  EXPECT_THAT(warnings_of("talks_http", "{timeout: soon, calls: []}"),
              ElementsAre(StartsWith("timeout must be a number of seconds, not 'soon'")));
}

TEST_F(BasePackage, WhatThreadsSubmitBetweenRunsCountsForTheNext) {
  const auto loaded = load("starts_thread");
  ASSERT_TRUE(loaded) << loaded.error().message;
  ASSERT_TRUE(loaded->check->run(sink_));
  EXPECT_THAT(sink_.lines, ElementsAre("gauge early 1"));
  EXPECT_THAT(
      values_of({"[o.start() for o in __import__('gc').get_objects() if type(o).__name__ == "
                 "'StartsThread'] and None"}),
      ElementsAre("None"));
  EXPECT_THAT(sink_.lines, ElementsAre("gauge early 1"));
  ASSERT_TRUE(loaded->check->run(sink_));
  EXPECT_THAT(sink_.lines, ElementsAre("gauge early 1", "gauge late 1", "gauge second 1"));
}

TEST_F(BasePackage, AServiceAndNoHostAreAddedToEverything) {
  (void)values_of(
      {"self.gauge('n', 1)", "self.gauge('n', 1, hostname='h')", "self.service_check('s', 0)"},
      "service: web\nempty_default_hostname: true");
  EXPECT_THAT(sink_.lines, ElementsAre("gauge n 1 #service:web on ", "gauge n 1 #service:web on h",
                                       "service check s 0 #service:web "));
}

TEST_F(BasePackage, ACheckIsToldThatItIsCancelled) {
  {
    const auto first = load("cancelled");
    (void)agent_log().take();
    const auto second = load("cancelled", "fails: true");
    ASSERT_TRUE(first && second);
  }
  EXPECT_THAT(agent_log().take(),
              ElementsAre(testing::AllOf(
                  StartsWith("3 check cancelled:1: error invoking 'cancel' method: "),
                  HasSubstr("ValueError: cannot cancel"))));
  EXPECT_THAT(values_of({"sys.cancelled"}), ElementsAre("2"));
}

TEST_F(BasePackage, ACheckWithoutItsOwnCodeSaysSo) {
  EXPECT_THAT(warnings_of("does_nothing"),
              ElementsAre(StartsWith("DoesNothing does not define check(self, instance)")));
}

}  // namespace
}  // namespace heapwatch::check::python
