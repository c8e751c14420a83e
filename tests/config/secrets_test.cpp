// Secrets from real programs: shell scripts that stand in for the operator's own.
#include "config/secrets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

#include "diagnostics_text.h"
#include "tests/testing/temporary_folder.h"

namespace heapwatch::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SecretResolverTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::string program() const { return (folder_ / "backend").string(); }

  /// The body of a shell script; `$0.in` and `$0.calls` lie beside it.
  SecretsConfig backend(std::string_view body, mode_t mode = 0700) {
    folder_.write("backend", "#!/bin/sh\n" + std::string(body) + "\n", mode);
    SecretsConfig config;
    config.command = program();
    return config;
  }
  /// A program that writes `answer` whatever it is asked.
  SecretsConfig answering(std::string_view answer) {
    folder_.write("answer", answer);
    return backend("cat \"${0%backend}answer\"");
  }

  /// The YAML after its secrets are filled in; what was said is in said().
  Value resolve(SecretResolver& resolver, std::string_view text) {
    Value value = parse_yaml(text, "f.yaml", diagnostics_);
    resolver.resolve(value, "f.yaml", diagnostics_);
    return value;
  }
  Value resolve(const SecretsConfig& config, std::string_view text) {
    SecretResolver resolver(config);
    return resolve(resolver, text);
  }
  [[nodiscard]] std::vector<std::string> said() const { return lines(diagnostics_); }
  [[nodiscard]] std::string no_secret(std::string_view why) const {
    return "error f.yaml:1:4: no secret for ENC[h]: " + program() + std::string(why);
  }

  heapwatch::tests::TemporaryFolder folder_;
  Diagnostics diagnostics_;
};

TEST_F(SecretResolverTest, AsksForAllHandlesOfAFileInOneCall) {
  const Value value =
      resolve(backend("cat > \"$0.in\"; echo call >> \"$0.calls\"; printf '%s' "
                      R"('{"a":{"value":"A","error":null},"b \" \\":{"value":"B","error":""}}')"),
              "x: ENC[a]\ny: ['ENC[a]', {z: ' \tENC[b \" \\] '}]\n");
  EXPECT_THAT(said(), IsEmpty());
  EXPECT_EQ(folder_.read("backend.in"), R"({"version":"1.0","secrets":["a","b \" \\"]})");
  EXPECT_EQ(folder_.read("backend.calls"), "call\n");
  EXPECT_EQ(value.find("x")->text, "A");
  EXPECT_EQ(value.find("y")->items[0].text, "A");
  EXPECT_EQ(value.find("y")->items[1].find("z")->text, "B");
}

TEST_F(SecretResolverTest, RemembersWhatItWasTold) {
  SecretResolver resolver(
      backend("cat >> \"$0.in\"; echo >> \"$0.in\"; printf '%s' "
              R"('{"a":{"value":"A"},"b":{"value":"B"}}')"));
  resolve(resolver, "x: ENC[a]");
  resolve(resolver, "x: ENC[a]");
  const Value last = resolve(resolver, "{x: 'ENC[a]', y: 'ENC[b]'}");
  EXPECT_THAT(said(), IsEmpty());
  EXPECT_EQ(folder_.read("backend.in"),
            "{\"version\":\"1.0\",\"secrets\":[\"a\"]}\n{\"version\":\"1.0\",\"secrets\":[\"b\"]}"
            "\n");
  EXPECT_EQ(last.find("x")->text, "A");
  EXPECT_EQ(last.find("y")->text, "B");
}

TEST_F(SecretResolverTest, TouchesWholeValuesOnlyAndNoKeys) {
  SecretsConfig none;
  const std::string text =
      "\"ENC[key]\": \"a ENC[b]\"\nb: \"ENC[b] c\"\nc: \"ENC[\"\nd: \"enc[b]\"\ne: 1\nf: null\n";
  EXPECT_EQ(to_yaml(resolve(none, text)), text);
  EXPECT_THAT(said(), IsEmpty());
}

TEST_F(SecretResolverTest, ASecretIsTextAndIsNeverShown) {
  const Value value = resolve(answering(R"({"h":{"value":"123"}})"), "x: ENC[h]");
  EXPECT_TRUE(is_text(*value.find("x")));
  EXPECT_EQ(shown(*value.find("x")), "a secret");
  EXPECT_EQ(to_yaml(value), "x: \"ENC[h]\"\n");
}

TEST_F(SecretResolverTest, ASecretThatLooksLikeAHandleIsNotAskedForAgain) {
  SecretResolver resolver(answering(R"({"h":{"value":"ENC[h]"}})"));
  Value value = resolve(resolver, "x: ENC[h]");
  EXPECT_EQ(secret_handle(*value.find("x")), std::nullopt);
}

TEST_F(SecretResolverTest, ReadsAllOfJson) {
  const Value value =
      resolve(answering("\t{\n\t\"h\"\t:\t{\"value\":\t\"q\\\" b\\\\ s\\/ n\\n t\\t u\\u00fc "
                        "e\\ud83d\\ude00 # : {} ' \\\\u0041\",\n\"error\":null}\r\n}\n"),
              "x: ENC[h]");
  EXPECT_THAT(said(), IsEmpty());
  EXPECT_EQ(value.find("x")->text,
            "q\" b\\ s/ n\n t\t u\xc3\xbc e\xf0\x9f\x98\x80 # : {} ' \\u0041");
}

TEST_F(SecretResolverTest, GivesTheProgramItsArguments) {
  SecretsConfig config = backend(R"(printf '{"h":{"value":"%s|%s|%s"}}' "$#" "$1" "$2")");
  config.arguments = {"a b", "$HOME;c"};
  EXPECT_EQ(resolve(config, "x: ENC[h]").find("x")->text, "2|a b|$HOME;c");
}

TEST_F(SecretResolverTest, LineBreaksAtTheEndStayUnlessTheyAreToGo) {
  SecretsConfig config = answering(R"({"h":{"value":"a\nb\r\n\n"}})");
  EXPECT_EQ(resolve(config, "x: ENC[h]").find("x")->text, "a\nb\r\n\n");
  config.remove_trailing_line_break = true;
  EXPECT_EQ(resolve(config, "x: ENC[h]").find("x")->text, "a\nb");
}

TEST_F(SecretResolverTest, NothingButLineBreaksIsAnEmptySecret) {
  SecretsConfig config = answering(R"({"h":{"value":"\n"}})");
  config.remove_trailing_line_break = true;
  resolve(config, "x: ENC[h]");
  EXPECT_THAT(said(), ElementsAre(no_secret(" gave no text, or an empty one")));
}

TEST_F(SecretResolverTest, NullAndEmptyAndMissingValuesAreErrorsWithTheirPlaces) {
  const Value value = resolve(
      answering(R"({"a":{"value":null},"b":{"value":""},"c":{},"d":null,"e":{"value":["x"]},)"
                R"("g":{"value":"good"}})"),
      "a: ENC[a]\nb: ENC[b]\nc: ENC[c]\nd: ENC[d]\ne: ENC[e]\nf: ENC[f]\ng: ENC[g]\n");
  const std::string p = program();
  EXPECT_THAT(
      said(),
      ElementsAre("error f.yaml:1:4: no secret for ENC[a]: " + p + " gave no text, or an empty one",
                  "error f.yaml:2:4: no secret for ENC[b]: " + p + " gave no text, or an empty one",
                  "error f.yaml:3:4: no secret for ENC[c]: " + p + " gave no text, or an empty one",
                  "error f.yaml:4:4: no secret for ENC[d]: " + p + " gave no text, or an empty one",
                  "error f.yaml:5:4: no secret for ENC[e]: " + p + " gave no text, or an empty one",
                  "error f.yaml:6:4: no secret for ENC[f]: " + p + " did not answer for it"));
  EXPECT_EQ(value.find("g")->text, "good");
}

TEST_F(SecretResolverTest, SaysWhatTheProgramSaysInOneLineAndWithoutTheValue) {
  resolve(answering(R"({"h":{"value":"hunter2","error":"hunter2 is\nstale"}})"), "x: ENC[h]");
  EXPECT_THAT(said(), ElementsAre(no_secret(R"( says "******** is\nstale")")));
}

TEST_F(SecretResolverTest, AFailureIsNotRemembered) {
  SecretResolver resolver(answering(R"({"h":{"error":"sealed"}})"));
  resolve(resolver, "x: ENC[h]");
  EXPECT_THAT(said(), ElementsAre(no_secret(R"( says "sealed")")));
  folder_.write("answer", R"({"h":{"value":"open"}})");
  EXPECT_EQ(resolve(resolver, "x: ENC[h]").find("x")->text, "open");
}

TEST_F(SecretResolverTest, OutputThatIsNotTheProtocolIsNotShown) {
  for (const char* output : {"hunter2", R"({"h":{"value":"hunter2")", R"(["hunter2"])", ""}) {
    diagnostics_ = {};
    resolve(answering(output), "x: ENC[h]");
    EXPECT_THAT(said(),
                ElementsAre(no_secret(R"( must write {"HANDLE": {"value": "...", "error": null}}, )"
                                      "and wrote something else")))
        << output;
  }
}

TEST_F(SecretResolverTest, AnEmptyHandleNamesNoSecret) {
  resolve(answering(R"({"":{"value":"hunter2"}})"), "x: ENC[]");
  EXPECT_THAT(said(), ElementsAre("error f.yaml:1:4: no secret for ENC[]: it names no handle"));
}

TEST_F(SecretResolverTest, WithoutAProgramAHandleIsAnError) {
  resolve(SecretsConfig{}, "x: ENC[h]");
  EXPECT_THAT(said(), ElementsAre("error f.yaml:1:4: no secret for ENC[h]: secret_backend_command "
                                  "is not set"));
}

TEST_F(SecretResolverTest, AStatusOtherThanZeroOrASignalRefusesTheAnswer) {
  resolve(backend(R"(printf '{"h":{"value":"hunter2"}}'; exit 3)"), "x: ENC[h]");
  resolve(backend(R"(printf '{"h":{"value":"hunter2"}}'; kill -TERM $$)"), "x: ENC[h]");
  EXPECT_THAT(said(),
              ElementsAre(no_secret(": ended with status 3"), no_secret(": ended by signal 15")));
}

TEST_F(SecretResolverTest, TakesExactlyTheLargestOutputAndNoByteMore) {
  const std::string answer = R"({"h":{"value":"hunter2"}})";
  SecretsConfig config = answering(answer);
  config.output_bytes_max = answer.size();
  EXPECT_EQ(resolve(config, "x: ENC[h]").find("x")->text, "hunter2");
  config.output_bytes_max = answer.size() - 1;
  resolve(config, "x: ENC[h]");
  EXPECT_THAT(said(), ElementsAre(no_secret(": wrote more than secret_backend_output_max_size, " +
                                            std::to_string(answer.size() - 1) + " bytes")));
}

TEST_F(SecretResolverTest, EndsAProgramThatNeverStopsWriting) {
  SecretsConfig config = backend("while :; do echo hunter2; done");
  config.output_bytes_max = 1000;
  resolve(config, "x: ENC[h]");
  EXPECT_THAT(
      said(),
      ElementsAre(no_secret(": wrote more than secret_backend_output_max_size, 1000 bytes")));
}

TEST_F(SecretResolverTest, KillsTheProgramAndItsChildrenWhenTheTimeIsOver) {
  // The lock is the children's as well: it is free when all of them are gone.
  SecretsConfig config =
      backend("echo $$ > \"$0.pid\"; exec 9> \"$0.lock\"; flock 9; sleep 600 & sleep 600");
  config.timeout = std::chrono::milliseconds(1000);
  resolve(config, "x: ENC[h]");
  EXPECT_THAT(said(), ElementsAre(no_secret(": no answer within 1000 ms")));
  const std::string pid = folder_.read("backend.pid");
  ASSERT_FALSE(pid.empty());
  EXPECT_EQ(::kill(std::stoi(pid), 0), -1);
  const std::string wait = "flock -w 10 '" + program() + ".lock' true";
  EXPECT_EQ(std::system(wait.c_str()), 0);  // NOLINT(concurrency-mt-unsafe): one thread
}

TEST_F(SecretResolverTest, AProgramThatAnswersButDoesNotEndIsKilled) {
  SecretsConfig config = backend(R"(printf '{"h":{"value":"hunter2"}}'; exec >&-; exec sleep 600)");
  config.timeout = std::chrono::milliseconds(300);
  resolve(config, "x: ENC[h]");
  EXPECT_THAT(said(), ElementsAre(no_secret(": still runs after 300 ms")));
}

TEST_F(SecretResolverTest, AfterOneTimeoutNothingMoreIsAsked) {
  SecretsConfig config = backend("echo call >> \"$0.calls\"; exec sleep 600");
  config.timeout = std::chrono::milliseconds(300);
  SecretResolver resolver(config);
  resolve(resolver, "x: ENC[h]");
  resolve(resolver, "x: ENC[h]");
  EXPECT_EQ(folder_.read("backend.calls"), "call\n");
  EXPECT_THAT(said(), ElementsAre(no_secret(": no answer within 300 ms"),
                                  no_secret(": no answer within 300 ms for another file; not asked "
                                            "again")));
}

TEST_F(SecretResolverTest, EndsTheProgramWhenToldToStop) {
  SecretsConfig config = backend("exec sleep 600");
  static int asked;
  asked = 0;
  give_up_on_secrets_when([] { return ++asked > 3; });
  SecretResolver resolver(config);
  resolve(resolver, "x: ENC[h]");
  resolve(resolver, "x: ENC[h]");
  give_up_on_secrets_when(nullptr);
  EXPECT_THAT(said(), ElementsAre(no_secret(": ended, since heapwatch is told to stop"),
                                  no_secret(": not asked, since heapwatch is told to stop")));
}

TEST_F(SecretResolverTest, TellsWhatTheProgramWritesToItsStandardErrorWithoutSecrets) {
  resolve(backend(R"(printf 'vault: \033[31mh is "hunter2", k is\nline-1, line-2\n' >&2; )"
                  R"(printf '{"h":{"value":"hunter2"},"k":{"value":"line-1\\nline-2"}}')"),
          "{x: 'ENC[h]', y: 'ENC[k]'}");
  EXPECT_THAT(said(),
              ElementsAre("warning f.yaml: " + program() +
                          R"( says "vault: \x1b[31mh is \"********\", k is\n********, ********")"));
}

TEST_F(SecretResolverTest, AlsoOfARunThatFailed) {
  resolve(backend(R"(printf 'hunter2 is sealed' >&2; printf '{"h":{"value":"hunter2"'; exit 3)"),
          "x: ENC[h]");
  EXPECT_THAT(said(), ElementsAre("warning f.yaml: " + program() + R"( says "******** is sealed")",
                                  no_secret(": ended with status 3")));
}

TEST_F(SecretResolverTest, ASecretThatIsCutAtTheEndOfWhatIsKeptIsNotShownEither) {
  const std::string secret(3000, 'k');
  folder_.write("answer", R"({"h":{"value":")" + secret + R"("}})");
  resolve(backend("cat \"${0%backend}answer\"; printf 'got ' >&2; tr -d '\"{}:' < "
                  "\"${0%backend}answer\" | sed s/hvalue// >&2"),
          "x: ENC[h]");
  EXPECT_THAT(said(), ElementsAre("warning f.yaml: " + program() + R"( says "got ********")"));
}

TEST_F(SecretResolverTest, AStandardErrorWithoutEndCostsNothing) {
  const Value value =
      resolve(backend(R"(head -c 3000000 /dev/zero | tr '\0' x >&2; printf '{"h":{"value":"A"}}')"),
              "x: ENC[h]");
  EXPECT_EQ(value.find("x")->text, "A");
  ASSERT_EQ(said().size(), 1U);
  EXPECT_LT(said()[0].size(), 400U);
}

TEST_F(SecretResolverTest, RefusesAProgramThatOthersMayExchange) {
  SecretsConfig config = backend("exit 0");
  const std::filesystem::path file = folder_.write("open/backend", "#!/bin/sh\n", 0700);
  ::chmod((folder_ / "open").c_str(), 0777);
  config.command = file;
  resolve(config, "x: ENC[h]");
  EXPECT_THAT(said(), ElementsAre("error f.yaml:1:4: no secret for ENC[h]: " + file.string() +
                                  ": " + (folder_ / "open").string() +
                                  " may be written by everybody (chmod o-w)"));
}

TEST_F(SecretResolverTest, RefusesAProgramThatOthersMayTouch) {
  for (const mode_t mode : {0770U, 0750U, 0710U, 0701U, 0704U, 0702U}) {
    diagnostics_ = {};
    resolve(backend("exit 0", mode), "x: ENC[h]");
    EXPECT_THAT(said(), ElementsAre(no_secret(": has rights for its group or others (chmod 700)")))
        << std::oct << mode;
  }
}

TEST_F(SecretResolverTest, TheGroupMayReadAndExecuteWhenAllowed) {
  SecretsConfig config = backend(R"(printf '{"h":{"value":"A"}}')", 0750);
  config.allow_group_exec = true;
  EXPECT_EQ(resolve(config, "x: ENC[h]").find("x")->text, "A");
  for (const mode_t mode : {0770U, 0751U, 0754U}) {
    diagnostics_ = {};
    backend("exit 0", mode);
    resolve(config, "x: ENC[h]");
    EXPECT_THAT(said(), ElementsAre(no_secret(": has rights for others, or write rights for its "
                                              "group (chmod 750)")))
        << std::oct << mode;
  }
}

TEST_F(SecretResolverTest, RefusesWhatIsNoProgram) {
  resolve(backend("exit 0", 0600), "x: ENC[h]");
  SecretsConfig config;
  config.command = folder_.path();
  resolve(config, "x: ENC[h]");
  config.command = folder_ / "absent";
  resolve(config, "x: ENC[h]");
  config.command = "bin/backend";
  resolve(config, "x: ENC[h]");
  const std::string begin = "error f.yaml:1:4: no secret for ENC[h]: ";
  EXPECT_THAT(said(),
              ElementsAre(no_secret(": is no file that can be executed"),
                          begin + folder_.path().string() + ": is no file that can be executed",
                          begin + (folder_ / "absent").string() + ": No such file or directory",
                          begin + "bin/backend: must be an absolute path"));
}

}  // namespace
}  // namespace heapwatch::config
