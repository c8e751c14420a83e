#include "check/isolation/message.h"

#include <gmock/gmock.h>

#include <limits>

namespace heapwatch::check::isolation {
namespace {

Message round_trip(const Message& message) {
  const auto bytes = encode(message);
  EXPECT_TRUE(bytes.has_value());
  Decoder decoder;
  decoder.add(*bytes);
  auto decoded = decoder.next();
  EXPECT_TRUE(decoded && *decoded);
  return decoded && *decoded ? **std::move(decoded) : Message(Hello{.version = 0});
}

std::string length_of(std::uint32_t length) {
  std::string bytes;
  for (unsigned i = 0; i < 4; ++i) {
    bytes += static_cast<char>(length >> (8 * i));
  }
  return bytes;
}

std::string error_of(const std::string& bytes) {
  Decoder decoder;
  decoder.add(bytes);
  const auto decoded = decoder.next();
  return decoded ? "" : decoded.error().message;
}

TEST(IsolationMessage, EveryKindComesBackAsItWasSent) {
  EXPECT_EQ(std::get<Hello>(round_trip(Hello{})), Hello{});
  EXPECT_EQ(std::get<Loaded>(round_trip(Loaded{"1.2"})).version, "1.2");
  EXPECT_TRUE(std::holds_alternative<isolation::Run>(round_trip(isolation::Run{})));
  const Failed failed{base::ErrorKind::timeout, "too slow"};
  EXPECT_EQ(std::get<Failed>(round_trip(failed)), failed);
  const Done done{{"a", "b"}, {{"too_long", 7}}};
  EXPECT_EQ(std::get<Done>(round_trip(done)), done);
}

TEST(IsolationMessage, WhatIsToldOfACheckComesBackAsItWasSent) {
  for (const auto of : {Telling::Of::metadata, Telling::Of::total, Telling::Of::resolved}) {
    const Telling sent{.of = of, .key = "k", .text = "t", .number = -0.1, .tags = {"a:b", ""}};
    EXPECT_EQ(std::get<Telling>(round_trip(sent)), sent);
  }
}

TEST(IsolationMessage, AMetricKeepsEveryBitOfItsNumber) {
  for (const base::Number value :
       {base::Number::of(std::numeric_limits<std::uint64_t>::max()), base::Number::of(-3),
        base::Number::of(0.1), base::Number::of(0)}) {
    const Metric sent{.name = "n",
                      .help = "h",
                      .tags = {"a:b", ""},
                      .host = "",
                      .type = metrics::MetricType::set,
                      .value = value,
                      .value_is_total = true,
                      .flush_first_value = true,
                      .element = std::string("e\0f", 3)};
    const auto got = std::get<Metric>(round_trip(sent));
    EXPECT_EQ(got.name, "n");
    EXPECT_EQ(got.help, "h");
    EXPECT_EQ(got.tags, sent.tags);
    EXPECT_EQ(got.host, sent.host);
    EXPECT_EQ(got.type, sent.type);
    EXPECT_EQ(got.value.form(), value.form());
    EXPECT_EQ(got.value.bits_of_form(), value.bits_of_form());
    EXPECT_TRUE(got.value_is_total && got.flush_first_value);
    EXPECT_EQ(got.element, sent.element);
  }
  EXPECT_EQ(std::get<Metric>(round_trip(Metric{})).host, std::nullopt);
}

TEST(IsolationMessage, ServiceChecksAndEventsComeBackWhole) {
  const metrics::ServiceCheck check{
      "up", metrics::ServiceCheckStatus::critical, {"a:b"}, "here", "why"};
  const auto got_check = std::get<metrics::ServiceCheck>(round_trip(check));
  EXPECT_EQ(got_check.name, "up");
  EXPECT_EQ(got_check.status, check.status);
  EXPECT_EQ(got_check.tags, check.tags);
  EXPECT_EQ(got_check.host, "here");
  EXPECT_EQ(got_check.message, "why");
  metrics::Event event;
  event.title = "t";
  event.time = std::chrono::sys_seconds(std::chrono::seconds(1'700'000'000));
  event.source_type_name = "s";
  event.tags = {"c"};
  const auto got_event = std::get<metrics::Event>(round_trip(event));
  EXPECT_EQ(got_event.title, "t");
  EXPECT_EQ(got_event.time, event.time);
  EXPECT_EQ(got_event.source_type_name, "s");
  EXPECT_EQ(got_event.tags, event.tags);
}

TEST(IsolationMessage, AConfigurationKeepsItsPlacesAndSecrets) {
  config::Value inner = config::Value::scalar("5", false);
  inner.line = 3;
  inner.column = 7;
  inner.secret_handle = "handle";
  Load load{.check_name = "c"};
  load.instance.kind = config::Value::Kind::map;
  load.instance.members.push_back({.key = "k", .value = inner});
  const auto got = std::get<Load>(round_trip(load));
  const config::Value* const value = got.instance.find("k");
  ASSERT_NE(value, nullptr);
  EXPECT_EQ(value->text, "5");
  EXPECT_FALSE(value->quoted);
  EXPECT_EQ(value->line, 3);
  EXPECT_EQ(value->column, 7);
  EXPECT_EQ(value->secret_handle, "handle");
}

TEST(IsolationMessage, MessagesComeOutOfAStreamWhereverItIsCut) {
  const std::string bytes = *encode(Loaded{"1.2.3"}) + *encode(isolation::Run{}) + *encode(Done{});
  Decoder decoder;
  std::vector<std::size_t> kinds;
  for (const char c : bytes) {
    decoder.add({&c, 1});
    for (auto message = decoder.next(); message && *message; message = decoder.next()) {
      kinds.push_back((*message)->index());
    }
  }
  EXPECT_THAT(kinds,
              testing::ElementsAre(Message(Loaded{}).index(), Message(isolation::Run{}).index(),
                                   Message(Done{}).index()));
}

TEST(IsolationMessage, WhatIsNoMessageIsAnError) {
  EXPECT_EQ(error_of(length_of(0)), "a message of 0 bytes; 1 to 4194304 would be right");
  EXPECT_EQ(error_of(length_of(0xffffffff)),
            "a message of 4294967295 bytes; 1 to 4194304 would be right");
  EXPECT_EQ(error_of(length_of(1) + '\x7f'),
            "a message of kind 127 and 1 bytes that is none of this protocol");
  // a count of warnings that is not there, a byte too many, a flag that is neither
  const std::string done = std::string(1, static_cast<char>(Message(Done{}).index()));
  EXPECT_NE(error_of(length_of(5) + done + length_of(9999)), "");
  std::string trailing = *encode(isolation::Run{}) + "x";
  trailing[0] = 2;
  EXPECT_NE(error_of(trailing), "");
}

TEST(IsolationMessage, ATreeThatIsTooDeepIsAnError) {
  config::Value value;
  for (int i = 0; i < 80; ++i) {
    config::Value outer;
    outer.kind = config::Value::Kind::list;
    outer.items.push_back(std::move(value));
    value = std::move(outer);
  }
  Load load;
  load.instance = std::move(value);
  EXPECT_NE(error_of(*encode(load)), "");
}

TEST(IsolationMessage, WhatIsTooLongIsNotSent) {
  const auto bytes = encode(Loaded{std::string(message_bytes_max, 'x')});
  ASSERT_FALSE(bytes.has_value());
  EXPECT_EQ(bytes.error().kind, base::ErrorKind::limit);
}

}  // namespace
}  // namespace heapwatch::check::isolation
