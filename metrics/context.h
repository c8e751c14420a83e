// The identity of a series, made once and shared by everything that handles its samples.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/interned.h"

namespace heapwatch::metrics {

/// `key:value` or bare tags. In a Context they are sorted and each is there once.
using Tags = std::vector<std::string>;

/// Who is shown a series.
enum class Audience : std::uint8_t {
  everyone,
  datadog,     // Prometheus has it under another name
  prometheus,  // and Datadog likewise
};

/// What the series of one name have in common. Immutable.
class MetricName {
 public:
  MetricName(std::string name, std::string help, Audience audience);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& help() const { return help_; }
  [[nodiscard]] Audience audience() const { return audience_; }
  [[nodiscard]] std::uint64_t name_hash() const { return name_hash_; }
  [[nodiscard]] std::uint64_t hash() const;
  /// Held outside of itself.
  [[nodiscard]] std::size_t bytes() const { return name_.capacity() + help_.capacity(); }
  bool operator==(const MetricName&) const = default;

 private:
  std::uint64_t name_hash_;
  std::string name_;
  std::string help_;
  Audience audience_;
};

/// The tags of a target; a 0 follows the text of each.
class TagList {
 public:
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;
    using pointer = const std::string_view*;
    using reference = std::string_view;

    Iterator() = default;
    explicit Iterator(const char* at) : at_(at) {}
    std::string_view operator*() const;
    Iterator& operator++();
    Iterator operator++(int);
    bool operator==(const Iterator&) const = default;

   private:
    const char* at_ = nullptr;
  };
  using value_type = std::string_view;
  using const_iterator = Iterator;

  TagList() = default;
  TagList(const char* begin, const char* end, std::size_t size)
      : begin_(begin), end_(end), size_(size) {}
  [[nodiscard]] Iterator begin() const { return Iterator(begin_); }
  [[nodiscard]] Iterator end() const { return Iterator(end_); }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] Tags copy() const { return {begin(), end()}; }

 private:
  const char* begin_ = nullptr;
  const char* end_ = nullptr;
  std::size_t size_ = 0;
};

/// What the series of one target have in common, in one piece of memory. Immutable.
class TagsAndHost {
 public:
  TagsAndHost(Tags tags, const std::optional<std::string>& host);

  [[nodiscard]] TagList tags() const;
  [[nodiscard]] std::optional<std::string_view> host() const;
  [[nodiscard]] std::uint64_t hash() const;
  /// Held outside of itself.
  [[nodiscard]] std::size_t bytes() const { return size_; }
  friend bool operator==(const TagsAndHost& a, const TagsAndHost& b);

 private:
  [[nodiscard]] std::string_view text() const { return {text_.get(), size_}; }

  std::unique_ptr<char[]> text_;  // the host, when there is one, and the tags
  std::uint32_t size_ = 0;
  std::uint32_t tags_ : 31 = 0;
  std::uint32_t has_host_ : 1 = 0;
};

struct ContextParts {
  std::string name;
  Tags tags;
  std::optional<std::string> host;
  std::string help;
  Audience audience = Audience::everyone;
};

/// Name, host and tags of a series, with the sentence that documents it: two pointers.
///
/// Thousands of targets have series of the same names, and a target's series have the same tags:
/// equal ones are held once between all contexts. A check makes a context when it first meets a
/// series and hands it in with every sample, so that neither names nor tags are built, hashed or
/// compared again, and an exporter can keep what it rendered for them.
class Context {
 public:
  /// Of no series.
  Context() = default;
  explicit Context(ContextParts parts);
  Context(base::Interned<MetricName> metric_name, base::Interned<TagsAndHost> tags_and_host)
      : metric_name_(std::move(metric_name)), tags_and_host_(std::move(tags_and_host)) {}
  explicit operator bool() const { return static_cast<bool>(metric_name_); }
  /// Becomes another; what stays the same is not counted anew.
  void assign(const base::Interned<MetricName>& metric_name,
              const base::Interned<TagsAndHost>& tags_and_host) {
    metric_name_ = metric_name;
    tags_and_host_ = tags_and_host;
  }

  /// Datadog's form: "go_expvar.memstats.heap_alloc"
  [[nodiscard]] const std::string& name() const { return metric_name_->name(); }
  /// Sorted, each once.
  [[nodiscard]] TagList tags() const { return tags_and_host_->tags(); }
  /// Absent: the agent's own; empty: none at all.
  [[nodiscard]] std::optional<std::string_view> host() const { return tags_and_host_->host(); }
  /// What people read: "expvar path memstats/HeapAlloc"
  [[nodiscard]] const std::string& help() const { return metric_name_->help(); }
  [[nodiscard]] Audience audience() const { return metric_name_->audience(); }

  [[nodiscard]] const base::Interned<MetricName>& metric_name() const { return metric_name_; }
  [[nodiscard]] const base::Interned<TagsAndHost>& tags_and_host() const { return tags_and_host_; }

  /// Of name, tags and host.
  [[nodiscard]] std::uint64_t hash() const;
  /// Help is not part of the identity, nor is the metric type.
  [[nodiscard]] bool same_series(const Context& other) const {
    return *this == other ||
           (hash() == other.hash() && name() == other.name() &&
            (tags_and_host_ == other.tags_and_host_ || *tags_and_host_ == *other.tags_and_host_));
  }
  /// Equal in all parts.
  friend bool operator==(const Context&, const Context&) = default;

 private:
  base::Interned<MetricName> metric_name_;
  base::Interned<TagsAndHost> tags_and_host_;
};

struct ContextHash {
  std::size_t operator()(const Context& context) const noexcept { return context.hash(); }
};

/// Threads: safe.
[[nodiscard]] Context make_context(ContextParts parts);

}  // namespace heapwatch::metrics
