#include "symbols/demangle.h"

#include <cxxabi.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <utility>

#include "base/text.h"

namespace heapwatch::symbols {

namespace {

constexpr std::size_t mangled_bytes_max = 8192;
constexpr std::string_view call_operator = "operator()";

/// The bytes that `operator<`, `operator->` and their like take at a place, which are no brackets;
/// 0 for all else.
std::size_t operator_bytes(std::string_view name, std::size_t at) {
  constexpr std::string_view word = "operator";
  if (!name.substr(at).starts_with(word)) {
    return 0;
  }
  std::size_t end = at + word.size();
  if (name.substr(end).starts_with("()")) {
    return word.size() + 2;
  }
  while (end < name.size() && std::string_view("<>=-!").find(name[end]) != std::string_view::npos &&
         end - at < word.size() + 3) {
    // `operator< <int>`: the template arguments come behind a blank.
    ++end;
  }
  return end - at;
}

/// The place behind the bracket that closes what opens at `at`; the end where none does.
std::size_t behind_bracket(std::string_view name, std::size_t at) {
  const char open = name[at];
  const char close = open == '<' ? '>' : ')';
  std::size_t depth = 0;
  for (std::size_t i = at; i < name.size();) {
    if (const std::size_t bytes = operator_bytes(name, i); bytes != 0) {
      i += bytes;
      continue;
    }
    if (name[i] == open) {
      ++depth;
    } else if (name[i] == close && (close != '>' || i == 0 || name[i - 1] != '-') && --depth == 0) {
      return i + 1;
    }
    ++i;
  }
  return name.size();
}

/// Whether a blank at this place belongs to the name: `operator new`, `operator unsigned int`.
bool is_of_operator(std::string_view name, std::size_t blank) {
  const std::size_t word = name.rfind("operator", blank);
  return word != std::string_view::npos &&
         name.find_first_of("(<:", word + call_operator.size() - 2) >= blank;
}

bool ends_in_return_type(const std::string& text) {
  return text.ends_with(' ') && !is_of_operator(text, text.size() - 1);
}

}  // namespace

std::string shortened(std::string_view name, Demangle style) {
  if (style == Demangle::full || style == Demangle::none) {
    return std::string(name);
  }
  name = name.substr(0, name.find(" [clone "));  // a part or variant that the compiler made
  std::string out;
  for (std::size_t at = 0; at < name.size();) {
    constexpr std::string_view anonymous = "(anonymous namespace)";
    if (name.substr(at).starts_with(anonymous)) {
      out += anonymous;
      at += anonymous.size();
    } else if (const std::size_t bytes = operator_bytes(name, at); bytes != 0) {
      out += name.substr(at, bytes);
      at += bytes;
      if (style == Demangle::simple && name.substr(at).starts_with(" <")) {
        ++at;
      }
    } else if (name[at] == '<') {
      const std::size_t end = behind_bracket(name, at);
      if (style == Demangle::templates) {
        out += name.substr(at, end - at);
      }
      at = end;
    } else if (name[at] == '(') {
      const std::size_t end = behind_bracket(name, at);
      at = end;
      // What qualifies the parameters goes with them; a scope within a function goes on.
      for (const std::string_view qualifier : {" const", " volatile", " &&", " &"}) {
        if (name.substr(at).starts_with(qualifier)) {
          at += qualifier.size();
        }
      }
    } else {
      out += name[at++];
      if (ends_in_return_type(out)) {
        out.clear();
      }
    }
  }
  return out;
}

std::optional<std::string> demangled_legacy_rust(std::string_view name) {
  constexpr std::string_view hash = "17h";
  if (!name.starts_with("_ZN")) {
    return std::nullopt;
  }
  std::string_view rest = name.substr(3);
  std::string out;
  bool has_hash = false;
  while (!rest.empty() && rest.front() != 'E') {
    std::size_t bytes = 0;
    has_hash = rest.starts_with(hash);
    while (!rest.empty() && rest.front() >= '0' && rest.front() <= '9' && bytes < name.size()) {
      bytes = bytes * 10 + static_cast<std::size_t>(rest.front() - '0');
      rest.remove_prefix(1);
    }
    if (bytes == 0 || bytes > rest.size()) {
      return std::nullopt;
    }
    std::string_view part = rest.substr(0, bytes);
    rest.remove_prefix(bytes);
    if (has_hash && rest.starts_with('E')) {
      break;
    }
    out += out.empty() ? "" : "::";
    if (part.starts_with("_$")) {
      part.remove_prefix(1);
    }
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 9> escapes = {
        {{"$LT$", "<"},
         {"$GT$", ">"},
         {"$LP$", "("},
         {"$RP$", ")"},
         {"$C$", ","},
         {"$RF$", "&"},
         {"$BP$", "*"},
         {"$SP$", "@"},
         {"..", "::"}}};
    while (!part.empty()) {
      bool is_escape = false;
      for (const auto& [escape, text] : escapes) {
        if (part.starts_with(escape)) {
          out += text;
          part.remove_prefix(escape.size());
          is_escape = true;
          break;
        }
      }
      if (is_escape) {
        continue;
      }
      // `$u7b$` is the character of this number.
      const std::size_t end = part.starts_with("$u") ? part.find('$', 2) : std::string_view::npos;
      std::uint32_t character = 0;
      if (end != std::string_view::npos && end > 2 && end <= 8) {
        for (const char c : part.substr(2, end - 2)) {
          character = character * 16 + static_cast<std::uint32_t>(base::hex_value(c) & 0xf);
        }
      }
      if (character >= ' ' && character < 0x7f) {
        out += static_cast<char>(character);
        part.remove_prefix(end + 1);
      } else {
        out += part.front();
        part.remove_prefix(1);
      }
    }
  }
  return has_hash && rest.starts_with('E') ? std::optional(out) : std::nullopt;
}

std::string demangled(const std::string& name, Demangle style) {
  if (style == Demangle::none || name.size() > mangled_bytes_max) {
    return name;
  }
  if (name.starts_with("_R")) {
    return demangled_rust(name).value_or(name);
  }
  if (!name.starts_with("_Z") && !name.starts_with("___Z")) {
    return name;
  }
  if (auto rust = demangled_legacy_rust(name)) {
    return *rust;
  }
  int status = -1;
  // NOLINTNEXTLINE(cppcoreguidelines-no-malloc): the demangler's block is a plain one
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status), std::free);
  return status == 0 && text ? shortened(text.get(), style) : name;
}

}  // namespace heapwatch::symbols
