// A YAML document as a tree that remembers where everything stood.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/number.h"

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
  std::string secret_handle;    // `text` came for ENC[this] and is never shown; empty: no secret
  std::vector<Value> items;     // lists
  std::vector<Member> members;  // maps, in the order of the file, each key once

  /// A scalar from no file.
  [[nodiscard]] static Value scalar(std::string text, bool quoted = true);

  /// The value of a key of a map; nullptr when there is none (or this is no map).
  [[nodiscard]] const Value* find(std::string_view key) const;
};

struct Value::Member {
  std::string key;
  int line = 0;
  int column = 0;
  Value value;
  bool quoted = false;  // the key stood in quotes
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
  [[nodiscard]] std::size_t error_count() const;
  [[nodiscard]] bool has_errors() const { return error_count() > 0; }
  /// Adds what is not there yet: what an init_config has wrong is found again by each instance.
  void append(const Diagnostics& other);

 private:
  std::vector<Diagnostic> all_;
};

inline constexpr std::size_t yaml_bytes_max = std::size_t{16} * 1024 * 1024;
inline constexpr std::size_t yaml_depth_max = 100;
/// After aliases: an anchor counts again wherever it is used.
inline constexpr std::size_t yaml_nodes_max = 1'000'000;
inline constexpr std::size_t yaml_text_bytes_max = std::size_t{64} * 1024 * 1024;

/// Parses YAML 1.1 as the Agent reads it: one document (a second one is a warning); a key written
/// twice is a warning and the last one wins; anchors, aliases and merge keys (`<<`) are resolved,
/// and what they stand for keeps the place where it was written. Errors in the text are added to
/// `diagnostics`, and the result is then a null Value.
///
/// Units: columns count characters, not bytes.
[[nodiscard]] Value parse_yaml(std::string_view text, std::string_view file,
                               Diagnostics& diagnostics);

/// What an error says of a value: `"ten"`, `1`, `nothing`, `a list`, `a map`; long text is cut, and
/// a secret is `a secret`.
[[nodiscard]] std::string shown(const Value& value);

/// What is said of a value that came for a handle: `ENC[handle]`; empty for any other.
[[nodiscard]] std::string shown_handle(const Value& value);

/// A scalar that YAML 1.1 reads as a number: decimal, 0x, 0b, 0o, octal with a leading 0, with `_`
/// between the digits. Quotes do not matter.
[[nodiscard]] std::optional<base::Number> read_number(const Value& value);
/// true, yes, on, y, t, 1 and false, no, off, n, f, 0 in any case. Quotes do not matter.
[[nodiscard]] std::optional<bool> read_boolean(const Value& value);
/// A scalar that is text to YAML: in quotes, or neither number nor boolean.
[[nodiscard]] bool is_text(const Value& value);

/// YAML text of a value, for `configcheck` and for check ids: block style, keys in their order,
/// secrets as the ENC[handle] they came from. It parses to the same value.
[[nodiscard]] std::string to_yaml(const Value& value);

/// The value with its secrets as plain text, for whoever must be handed them. Never to be shown.
[[nodiscard]] Value without_handles(Value value);

/// The same without what nobody should read over a shoulder: passwords, tokens and header values by
/// the names of their keys, and credentials in addresses.
[[nodiscard]] Value scrubbed(const Value& value);

}  // namespace heapwatch::config
