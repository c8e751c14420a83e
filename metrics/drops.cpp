#include "metrics/drops.h"

#include <algorithm>

#include "base/beginning.h"
#include "base/counted.h"
#include "base/remembered.h"

namespace heapwatch::metrics {

namespace {

constexpr std::array<const char*, drop_count> names{
    "contexts",   "instance_bytes", "long_name", "long_tag",     "negative_rate",
    "not_finite", "process_bytes",  "same_time", "type_conflict"};

template <typename TagRange>
std::optional<TooLong> long_tag(const TagRange& tags, std::string_view host, const Limits& limits) {
  if (host.size() > limits.tag_bytes_max) {
    return TooLong{Drop::long_tag, host};
  }
  for (const std::string_view tag : tags) {
    if (tag.size() > limits.tag_bytes_max) {
      return TooLong{Drop::long_tag, tag};
    }
  }
  return std::nullopt;
}

std::string cut(const std::string& text, std::size_t bytes_max) {
  constexpr std::string_view goes_on = "...";
  if (text.size() <= bytes_max) {
    return text;
  }
  return text.substr(0, base::cut_at(text, bytes_max - goes_on.size())).append(goes_on);
}

std::size_t bytes_of(const Tags& tags) {
  std::size_t bytes = 0;
  for (const std::string& tag : tags) {
    bytes += sizeof(std::string) + tag.size();
  }
  return bytes;
}

std::string left_out(std::uint64_t count) {
  return base::counted(count, "submission is", "submissions are") + " left out: ";
}

}  // namespace

std::uint64_t count_of(const DropCounts& counts, Drop reason) {
  return counts.at(static_cast<std::size_t>(reason));
}

void put_counts(const DropCounts& counts, std::map<std::string, std::uint64_t>& dropped) {
  dropped.clear();
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts.at(i) != 0) {
      dropped.emplace(names.at(i), counts.at(i));
    }
  }
}

std::optional<TooLong> too_long(const Context& context, const Limits& limits) {
  if (context.name().size() > limits.name_bytes_max) {
    return TooLong{Drop::long_name, context.name()};
  }
  return long_tag(context.tags(), context.host().value_or(""), limits);
}

std::optional<TooLong> too_long(const ServiceCheck& check, const Limits& limits) {
  if (check.name.size() > limits.name_bytes_max) {
    return TooLong{Drop::long_name, check.name};
  }
  return long_tag(check.tags, check.host, limits);
}

std::optional<TooLong> too_long(const Event& event, const Limits& limits) {
  return long_tag(event.tags, event.host, limits);
}

ServiceCheck with_limited_texts(const ServiceCheck& check) {
  ServiceCheck limited{.name = check.name,
                       .status = check.status,
                       .tags = check.tags,
                       .host = check.host,
                       .message = cut(check.message, check_message_bytes_max)};
  return limited;
}

Event with_limited_texts(const Event& event) {
  Event limited{.title = cut(event.title, event_title_bytes_max),
                .text = cut(event.text, event_text_bytes_max),
                .time = event.time,
                .host = event.host,
                .priority = cut(event.priority, event_key_bytes_max),
                .alert_type = cut(event.alert_type, event_key_bytes_max),
                .aggregation_key = cut(event.aggregation_key, event_key_bytes_max),
                .source_type_name = cut(event.source_type_name, event_key_bytes_max),
                .tags = event.tags};
  return limited;
}

std::size_t bytes_of(const ServiceCheck& check) {
  return sizeof check + check.name.size() + check.host.size() +
         std::min(check.message.size(), check_message_bytes_max) + bytes_of(check.tags);
}

std::size_t bytes_of(const Event& event) {
  return sizeof event + std::min(event.title.size(), event_title_bytes_max) +
         std::min(event.text.size(), event_text_bytes_max) + event.host.size() +
         4 * event_key_bytes_max + bytes_of(event.tags);
}

void Culprits::note(const TooLong& culprit) {
  std::string& kept = culprit.reason == Drop::long_name ? name_ : tag_;
  if (kept.empty()) {
    constexpr std::size_t shown_bytes_max = 64;
    kept = '"' + base::beginning(culprit.text, shown_bytes_max) + '"';
  }
}

void Culprits::end_run(const DropCounts& counts, const Limits& limits,
                       std::vector<std::string>& warnings) {
  const auto say = [&](Drop reason, std::string& culprit, const std::string& limit) {
    if (const std::uint64_t count = count_of(counts, reason); count == 0) {
      culprit.clear();
    } else {
      warnings.push_back(left_out(count) + limit + (culprit.empty() ? "" : "; the first is ") +
                         culprit);
    }
  };
  const auto bytes = [](std::size_t most, const char* option) {
    return std::to_string(most) + " bytes (" + option + ")";
  };
  std::string none;
  say(Drop::long_name, name_,
      "a name has at most " + bytes(limits.name_bytes_max, "limits.name_bytes_max"));
  say(Drop::long_tag, tag_,
      "a tag has at most " + bytes(limits.tag_bytes_max, "limits.tag_bytes_max"));
  say(Drop::instance_bytes, none,
      "the instance has come to its " +
          bytes(limits.instance_bytes_max, "limits.instance_bytes_max"));
  say(Drop::process_bytes, none,
      "the series of all instances have come to their " +
          bytes(base::remembered().bytes_max.load(), "limits.process_bytes_max"));
}

}  // namespace heapwatch::metrics
