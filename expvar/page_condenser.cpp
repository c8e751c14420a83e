#include "expvar/page_condenser.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "expvar/page_walker.h"

namespace heapwatch::expvar {

// Errors need no care here. What stands between the values of an object or array that a path enters
// is kept as it is, so the walker comes upon an error there; and until it does, this has followed
// the page as the walker does.

PageCondenser::PageCondenser(std::shared_ptr<const Plan> plan) : plan_(std::move(plan)) {}

void PageCondenser::begin() {
  frames_.clear();
  nodes_.clear();
  pending_.assign(1, Plan::root());
  where_ = Where::between;
  skip_.reset();
  has_escape_ = false;
  escaped_ = false;
  is_known_ = true;
}

void PageCondenser::take(std::string_view bytes, std::string& kept) {
  while (!bytes.empty() && where_ != Where::nowhere) {
    switch (where_) {
      case Where::between:
        bytes.remove_prefix(take_between(bytes, kept));
        break;
      case Where::string:
        bytes.remove_prefix(take_string(bytes, kept));
        break;
      case Where::dropped:
      case Where::copied:
        bytes.remove_prefix(take_container(bytes, kept));
        break;
      case Where::nowhere:
        break;
    }
  }
}

std::size_t PageCondenser::take_between(std::string_view bytes, std::string& kept) {
  const std::size_t at = bytes.find_first_of("\"{}[]:,");
  const std::size_t taken = at == std::string_view::npos ? bytes.size() : at + 1;
  kept += bytes.substr(0, taken);
  if (at != std::string_view::npos) {
    mark(bytes[at], kept);
  }
  return taken;
}

void PageCondenser::mark(char c, std::string& kept) {
  switch (c) {
    case '"':
      where_ = Where::string;
      string_at_ = kept.size();
      string_end_ = kept.size();
      has_escape_ = false;
      break;
    case '{':
    case '[':
      open(c == '[');
      break;
    case '}':
    case ']':
      close();
      break;
    case ',':
      if (!frames_.empty()) {
        ++frames_.back().index;
      }
      is_known_ = false;
      break;
    default:
      // A name with escapes could be any: what it names is kept whole.
      is_known_ = !frames_.empty() && !frames_.back().is_array && !has_escape_;
      if (is_known_) {
        const std::string_view text = kept;
        step(text.substr(string_at_, string_end_ - string_at_));
      }
  }
}

std::size_t PageCondenser::take_string(std::string_view bytes, std::string& kept) {
  std::size_t taken = 0;
  while (taken < bytes.size() && where_ == Where::string) {
    const char c = bytes[taken++];
    if (escaped_) {
      escaped_ = false;
    } else if (c == '\\') {
      escaped_ = true;
      has_escape_ = true;
    } else if (c == '"') {
      where_ = Where::between;
    }
  }
  kept += bytes.substr(0, taken);
  if (where_ == Where::between) {
    string_end_ = kept.size() - 1;
  }
  return taken;
}

/// Goes from the frame on top to its value under `key`.
void PageCondenser::step(std::string_view key) {
  const Frame& frame = frames_.back();
  pending_.clear();
  if (key.size() > key_bytes_max) {
    return;  // nothing in it is taken
  }
  for (std::size_t i = frame.nodes_at; i < nodes_.size(); ++i) {
    plan_->step(nodes_[i], key, pending_);
  }
}

void PageCondenser::open(bool is_array) {
  if (!frames_.empty() && frames_.back().is_array) {
    std::array<char, 24> digits{};
    const auto written =
        std::to_chars(digits.data(), digits.data() + digits.size(), frames_.back().index);
    step({digits.data(), static_cast<std::size_t>(written.ptr - digits.data())});
    is_known_ = true;
  }
  const std::size_t depth = frames_.size() + 1;
  if (depth > page_depth_max) {
    where_ = Where::nowhere;
  } else if (is_known_ && std::any_of(pending_.begin(), pending_.end(),
                                      [&](const Plan::Node node) { return plan_->enters(node); })) {
    frames_.push_back({.is_array = is_array, .nodes_at = nodes_.size()});
    nodes_.insert(nodes_.end(), pending_.begin(), pending_.end());
    is_known_ = false;
  } else {
    // A path that ends here may want the text of what is in it.
    where_ = is_known_ && pending_.empty() ? Where::dropped : Where::copied;
    skip_.emplace(is_array, page_depth_max - depth);
  }
}

void PageCondenser::close() {
  if (!frames_.empty()) {
    nodes_.resize(frames_.back().nodes_at);
    frames_.pop_back();
  }
  is_known_ = false;
}

std::size_t PageCondenser::take_container(std::string_view bytes, std::string& kept) {
  std::size_t at = 0;
  const ContainerSkip::Outcome outcome = skip_->take(bytes, at);
  if (outcome == ContainerSkip::Outcome::broken) {
    where_ = Where::nowhere;
    return bytes.size();
  }
  const bool closed = outcome == ContainerSkip::Outcome::closed;
  const std::size_t taken = closed ? at + 1 : bytes.size();
  if (where_ == Where::copied) {
    kept += bytes.substr(0, taken);
  } else if (closed) {
    kept += bytes[at];
  }
  if (closed) {
    where_ = Where::between;
    is_known_ = false;
  }
  return taken;
}

}  // namespace heapwatch::expvar
