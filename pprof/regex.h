// Regular expressions as pprof's users write them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "pprof/string_table.h"

namespace re2 {
class RE2;
}

namespace heapwatch::pprof {

/// Linear in the text, whatever the expression.
class Regex {
 public:
  /// Errors: invalid, with the words Go has for the fault.
  static base::Result<Regex> compile(std::string_view pattern);

  /// True when it matches anywhere in the text.
  [[nodiscard]] bool matches(std::string_view text) const;

 private:
  explicit Regex(std::shared_ptr<const re2::RE2> compiled) : compiled_(std::move(compiled)) {}
  std::shared_ptr<const re2::RE2> compiled_;
};

/// Matches strings of a table, each once.
class TableMatcher {
 public:
  TableMatcher(const Regex& regex, const StringTable& strings)
      : regex_(&regex), strings_(&strings), known_(strings.size()) {}

  bool operator()(StringId id);

 private:
  enum class Known : std::uint8_t { not_yet, no, yes };
  const Regex* regex_;
  const StringTable* strings_;
  std::vector<Known> known_;
};

}  // namespace heapwatch::pprof
