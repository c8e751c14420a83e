// Typed reading of one map of a YAML file, with an error for everything that is not as it should
// be.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/value.h"

namespace heapwatch::config {

/// Reads the keys of one map. Each getter returns nothing when the key is absent or null, and when
/// its value is wrong, in which case the error with its place is already in the diagnostics; so a
/// caller reads everything and then asks the diagnostics once. Whoever asks for a key makes it
/// known; finish() warns of the keys nobody asked for.
///
/// Ownership: value, file and diagnostics must outlive the section.
class Section {
 public:
  /// `path` is how errors name this map ("instances -> 1"); empty at the top. A null value reads as
  /// an empty map; anything else but a map is an error.
  Section(const Value& value, std::string_view file, Diagnostics& diagnostics,
          std::string path = {});

  [[nodiscard]] std::optional<std::string> text(std::string_view key);
  /// YAML 1.1 booleans, and the same words in quotes.
  [[nodiscard]] std::optional<bool> boolean(std::string_view key);

  struct Range {
    double min = std::numeric_limits<double>::lowest();
    double max = std::numeric_limits<double>::max();
  };
  /// Numbers, also quoted ones.
  [[nodiscard]] std::optional<double> number(std::string_view key, Range range);
  /// A duration: a number of seconds, fractions allowed, no unit ("15s").
  [[nodiscard]] std::optional<std::chrono::milliseconds> seconds(std::string_view key, Range range);
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view key, std::int64_t min,
                                                    std::int64_t max);
  /// A list of strings. An item that is not a string (`tags: [1]`) is an error that names its
  /// 1-based index; a null list is an empty one.
  [[nodiscard]] std::optional<std::vector<std::string>> texts(std::string_view key);
  /// A map of strings to scalars, in its order.
  [[nodiscard]] std::optional<std::vector<std::pair<std::string, std::string>>> text_map(
      std::string_view key);
  /// A nested map, to be read (and finished) through a section of its own; absent when the key is.
  [[nodiscard]] std::optional<Section> section(std::string_view key);
  /// A list of maps, likewise. An item that is no map is an error and left out; a null list is
  /// empty.
  [[nodiscard]] std::optional<std::vector<Section>> sections(std::string_view key);
  /// The raw value, for what no getter above fits.
  [[nodiscard]] const Value* raw(std::string_view key);

  /// One of a few words; the error lists them and suggests the nearest. `what` is what the error
  /// calls the value ("metric type"); by default the key.
  template <typename T>
  [[nodiscard]] std::optional<T> one_of(std::string_view key,
                                        std::span<const std::pair<std::string_view, T>> words,
                                        std::string_view what = {}) {
    std::vector<std::string_view> names;
    for (const auto& [name, value] : words) {
      names.push_back(name);
    }
    const auto index = index_of_word(key, names, what);
    return index ? std::optional<T>(words[*index].second) : std::nullopt;
  }

  /// An error (or a warning) about the value of `key`, or about the whole map when the key is
  /// absent.
  void error(std::string_view key, std::string message);
  void warning(std::string_view key, std::string message);
  /// "metrics -> 3 -> path": how an error calls the key.
  [[nodiscard]] std::string name_of(std::string_view key) const;

  /// Keys that are allowed without being read here.
  void ignore(std::span<const std::string_view> keys);
  /// Warns of every key nobody asked for: `unknown key "namspace"; did you mean "namespace"?`.
  void finish();

  [[nodiscard]] const Value& value() const { return *value_; }
  [[nodiscard]] std::string_view file() const { return file_; }
  [[nodiscard]] Diagnostics& diagnostics() { return *diagnostics_; }

 private:
  [[nodiscard]] std::optional<std::size_t> index_of_word(std::string_view key,
                                                         std::span<const std::string_view> words,
                                                         std::string_view what);
  /// The value of a key that is there and not null.
  [[nodiscard]] const Value* present(std::string_view key);
  [[nodiscard]] std::optional<double> number_of(std::string_view key, Range range,
                                                std::string what);
  void must_be(std::string_view name, std::string_view what, const Value& value);
  [[nodiscard]] std::optional<std::string> text_of(const std::string& name, const Value& value);

  const Value* value_;
  std::string_view file_;
  Diagnostics* diagnostics_;
  std::string path_;
  std::vector<std::string> known_;
};

}  // namespace heapwatch::config
