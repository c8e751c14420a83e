#include "metrics/context.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/hash.h"

namespace heapwatch::metrics {

namespace {

constexpr std::string_view end_of_part{"\0", 1};

// A part of an tags_and_host's text: its size, its bytes, and a 0.
using PartSize = std::uint32_t;

constexpr std::size_t part_bytes(std::size_t size) {
  return sizeof(PartSize) + size + 1;
}

PartSize size_of_part(const char* at) {
  PartSize size = 0;
  std::memcpy(&size, at, sizeof size);
  return size;
}

std::string_view part(const char* at) {
  return {at + sizeof(PartSize), size_of_part(at)};
}

const char* after_part(const char* at) {
  return at + part_bytes(size_of_part(at));
}

char* put_part(char* at, std::string_view text) {
  const auto size = static_cast<PartSize>(text.size());
  std::memcpy(at, &size, sizeof size);
  std::copy(text.begin(), text.end(), at + sizeof size);
  at[sizeof size + text.size()] = '\0';
  return at + part_bytes(text.size());
}

}  // namespace

MetricName::MetricName(std::string name, std::string help, Audience audience)
    : name_hash_(base::fnv1a(name)),
      name_(std::move(name)),
      help_(std::move(help)),
      audience_(audience) {}

std::uint64_t MetricName::hash() const {
  return base::fnv1a(help_, base::fnv1a(end_of_part, name_hash_)) ^
         static_cast<std::uint64_t>(audience_);
}

std::string_view TagList::Iterator::operator*() const {
  return part(at_);
}

TagList::Iterator& TagList::Iterator::operator++() {
  at_ = after_part(at_);
  return *this;
}

TagList::Iterator TagList::Iterator::operator++(int) {
  const Iterator before = *this;
  ++*this;
  return before;
}

TagsAndHost::TagsAndHost(Tags tags, const std::optional<std::string>& host) {
  std::sort(tags.begin(), tags.end());
  tags.erase(std::unique(tags.begin(), tags.end()), tags.end());
  std::size_t bytes = host ? part_bytes(host->size()) : 0;
  for (const std::string& tag : tags) {
    bytes += part_bytes(tag.size());
  }
  text_ = std::make_unique<char[]>(bytes);
  size_ = static_cast<std::uint32_t>(bytes);
  tags_ = static_cast<std::uint32_t>(tags.size()) & 0x7fffffffU;
  has_host_ = host ? 1 : 0;
  char* at = text_.get();
  if (host) {
    at = put_part(at, *host);
  }
  for (const std::string& tag : tags) {
    at = put_part(at, tag);
  }
}

TagList TagsAndHost::tags() const {
  const char* const begin = text_.get();
  return {has_host_ != 0 ? after_part(begin) : begin, begin + size_, tags_};
}

std::optional<std::string_view> TagsAndHost::host() const {
  return has_host_ != 0 ? std::optional(part(text_.get())) : std::nullopt;
}

std::uint64_t TagsAndHost::hash() const {
  return base::fnv1a(text()) ^ has_host_;
}

bool operator==(const TagsAndHost& a, const TagsAndHost& b) {
  return a.has_host_ == b.has_host_ && a.text() == b.text();
}

Context::Context(ContextParts parts)
    : metric_name_(MetricName(std::move(parts.name), std::move(parts.help), parts.audience)),
      tags_and_host_(TagsAndHost(std::move(parts.tags), parts.host)) {}

std::uint64_t Context::hash() const {
  constexpr std::uint64_t spread = 0x9e3779b97f4a7c15U;
  const std::uint64_t mixed =
      (metric_name_->name_hash() ^ (tags_and_host_.hash() * spread)) * spread;
  return mixed ^ (mixed >> 32U);
}

Context make_context(ContextParts parts) {
  return Context(std::move(parts));
}

}  // namespace heapwatch::metrics
