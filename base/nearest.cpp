#include "base/nearest.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <utility>

#include "base/beginning.h"

namespace heapwatch::base {

namespace {

// Names from outside can be long; the matrix below is quadratic.
constexpr std::size_t compared_bytes_max = 128;

std::string folded(std::string_view text) {
  std::string lower(text.substr(0, compared_bytes_max));
  for (char& c : lower) {
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return lower;
}

/// Optimal string alignment: edits, and swaps of neighbours.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) {
    last[j] = j;
  }
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    before_last.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::vector<std::string> nearest_names(std::string_view name,
                                       std::span<const std::string_view> known, std::size_t most) {
  const std::string wanted = folded(name);
  const std::size_t farthest = std::max<std::size_t>(1, wanted.size() / 3);
  std::vector<std::pair<std::size_t, std::string_view>> near;
  for (const std::string_view candidate : known) {
    const std::string other = folded(candidate);
    const bool known_already = std::any_of(
        near.begin(), near.end(), [&](const auto& one) { return one.second == candidate; });
    if (wanted.empty() || other.empty() || known_already) {
      continue;
    }
    std::size_t apart = distance(wanted, other);
    if (other.starts_with(wanted) || wanted.starts_with(other)) {
      apart = std::min<std::size_t>(apart, 1);
    }
    if (apart <= farthest) {
      near.emplace_back(apart, candidate);
    }
  }
  std::stable_sort(near.begin(), near.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> names;
  for (const auto& [apart, candidate] : near) {
    if (names.size() == most) {
      break;
    }
    names.emplace_back(candidate);
  }
  return names;
}

std::string did_you_mean(std::string_view name, std::span<const std::string_view> known) {
  const auto names = nearest_names(name, known);
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    text += i == 0 ? "; did you mean " : i + 1 == names.size() ? " or " : ", ";
    text += '"' + beginning(names[i]) + '"';
  }
  return text.empty() ? text : text + "?";
}

}  // namespace heapwatch::base
