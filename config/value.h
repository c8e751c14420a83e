// A YAML document as a tree that remembers where everything stood.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace heapwatch::config {

/// One node. Scalars stay text until somebody asks for a type, so that an error can show what was
/// written.
struct Value {
  enum class Kind : std::uint8_t { null, scalar, list, map };
  struct Member;

  Kind kind = Kind::null;
  int line = 0;                 // 1-based; 0: not from a file (an environment variable, a default)
  int column = 0;               // 1-based
  bool quoted = false;          // a scalar in quotes is text even if it looks like a number
  std::string text;             // scalars
  std::vector<Value> items;     // lists
  std::vector<Member> members;  // maps, in the order of the file, each key once

  /// The value of a key of a map; nullptr when there is none (or this is no map).
  [[nodiscard]] const Value* find(std::string_view key) const;
};

struct Value::Member {
  std::string key;
  int line = 0;
  int column = 0;
  Value value;
};

/// Something about a file that a person has to know.
struct Diagnostic {
  enum class Severity : std::uint8_t { warning, error };
  Severity severity = Severity::error;
  std::string file;
  int line = 0;  // 0: the file as a whole
  int column = 0;
  std::string message;
};

/// `file:line:column: message`, without the places that are 0.
[[nodiscard]] std::string to_text(const Diagnostic& diagnostic);

/// Diagnostics in the order they were found.
class Diagnostics {
 public:
  void error(std::string_view file, int line, int column, std::string message);
  void warning(std::string_view file, int line, int column, std::string message);
  [[nodiscard]] const std::vector<Diagnostic>& all() const { return all_; }
  [[nodiscard]] bool has_errors() const;
  void append(const Diagnostics& other);

 private:
  std::vector<Diagnostic> all_;
};

/// Parses YAML 1.1 as the Agent reads it: one document; a key written twice is a warning and the
/// last one wins; anchors, aliases and merge keys (`<<`) are resolved. Errors in the text are added
/// to `diagnostics`, and the result is then a null Value. Limits: depth 100, 1,000,000 nodes after
/// aliases.
[[nodiscard]] Value parse_yaml(std::string_view text, std::string_view file,
                               Diagnostics& diagnostics);

/// YAML text of a value, for `configcheck` and for check ids: block style, keys in their order.
[[nodiscard]] std::string to_yaml(const Value& value);

}  // namespace heapwatch::config
