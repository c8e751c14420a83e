#include "pprof/tag_filter.h"

#include <algorithm>
#include <charconv>

#include "pprof/units.h"

namespace heapwatch::pprof {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// `[+-]digits[letters]` at the start of a text.
struct Quantity {
  std::int64_t number = 0;
  std::string_view unit;
  std::string_view rest;
};

std::optional<Quantity> read_quantity(std::string_view text) {
  const std::size_t sign = text.starts_with('+') || text.starts_with('-') ? 1 : 0;
  std::size_t end = sign;
  while (end < text.size() && is_digit(text[end])) {
    ++end;
  }
  if (end == sign) {
    return std::nullopt;
  }
  Quantity quantity;
  const char* const first = text.data() + (text.starts_with('+') ? 1 : 0);
  if (std::from_chars(first, text.data() + end, quantity.number).ec != std::errc()) {
    return std::nullopt;
  }
  std::size_t unit_end = end;
  while (unit_end < text.size() && is_letter(text[unit_end])) {
    ++unit_end;
  }
  quantity.unit = text.substr(end, unit_end - end);
  quantity.rest = text.substr(unit_end);
  return quantity;
}

}  // namespace

bool TagFilter::Range::contains(std::int64_t value, const std::string& from) const {
  const Scaled scaled = scale(value, from, unit);
  return scaled.unit == unit && (!low || scaled.value >= *low) && (!high || scaled.value <= *high);
}

std::optional<TagFilter::Range> TagFilter::parse_range(const std::string& text) {
  std::string_view rest = text;
  const bool is_upper_bound = rest.starts_with(':');
  if (is_upper_bound) {
    rest.remove_prefix(1);
  }
  const auto first = read_quantity(rest);
  if (!first) {
    return std::nullopt;
  }
  const Scaled low = scale(first->number, first->unit, first->unit);
  if (is_upper_bound) {
    if (!first->rest.empty()) {
      return std::nullopt;
    }
    return Range{std::nullopt, low.value, low.unit};
  }
  if (first->rest.empty()) {
    return Range{low.value, low.value, low.unit};
  }
  if (first->rest == ":") {
    return Range{low.value, std::nullopt, low.unit};
  }
  if (!first->rest.starts_with(':')) {
    return std::nullopt;
  }
  const auto second = read_quantity(first->rest.substr(1));
  if (!second || !second->rest.empty()) {
    return std::nullopt;
  }
  const Scaled high = scale(second->number, second->unit, low.unit);
  if (high.unit != low.unit) {
    return std::nullopt;
  }
  return Range{low.value, high.value, low.unit};
}

base::Result<TagFilter> TagFilter::compile(const char* option, std::string value,
                                           const Warn& warn) {
  TagFilter filter;
  const std::size_t equals = value.find('=');
  if (equals != std::string::npos) {
    filter.key_ = value.substr(0, equals);
    value.erase(0, equals + 1);
    if (filter.key_->empty()) {
      filter.key_.reset();
    }
  }
  filter.range_ = parse_range(value);
  if (filter.range_) {
    warn(std::string(option) + ":Interpreted '" + value + "' as range, not regexp");
    return filter;
  }
  for (std::size_t at = 0; at <= value.size();) {
    const std::size_t comma = std::min(value.find(',', at), value.size());
    auto regex = Regex::compile(std::string_view{value}.substr(at, comma - at));
    if (!regex) {
      return base::fail(regex.error().kind,
                        std::string("parsing ") + option + " regexp: " + regex.error().message);
    }
    filter.regexes_.push_back(std::move(*regex));
    at = comma + 1;
  }
  return filter;
}

bool TagFilter::texts_match(const Profile& profile, std::span<const Label> labels) const {
  if (key_) {
    // Any expression and any value of the key will do.
    return std::any_of(labels.begin(), labels.end(), [&](const Label& label) {
      return !label.is_number && profile.text(label.key) == *key_ &&
             std::any_of(regexes_.begin(), regexes_.end(), [&](const Regex& regex) {
               return regex.matches(profile.text(label.text));
             });
    });
  }
  // Each expression has to match some label.
  return std::all_of(regexes_.begin(), regexes_.end(), [&](const Regex& regex) {
    return std::any_of(labels.begin(), labels.end(), [&](const Label& label) {
      if (label.is_number) {
        return false;
      }
      std::string text(profile.text(label.key));
      text += ':';
      text += profile.text(label.text);
      return regex.matches(text);
    });
  });
}

bool TagFilter::matches(const Profile& profile, std::span<const Label> labels,
                        const LabelUnits& units) const {
  if (!range_) {
    return texts_match(profile, labels);
  }
  return std::any_of(labels.begin(), labels.end(), [&](const Label& label) {
    return label.is_number && (!key_ || profile.text(label.key) == *key_) &&
           range_->contains(label.number, units.at(label.key));
  });
}

}  // namespace heapwatch::pprof
