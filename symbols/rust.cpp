// Rust's mangling ("v0"). A name is a path: a tree of crates, modules, types and functions, written
// from the inside out with one letter for each kind of node, and with references back to what stood
// earlier in the name (`B` and a number). References are followed by reading again from there, so
// that a short name can stand for a long text; depth and text are limited.
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/text.h"
#include "base/utf8.h"
#include "symbols/demangle.h"

namespace heapwatch::symbols {

namespace {

constexpr int depth_max = 100;
constexpr std::size_t text_bytes_max = 8192;

/// `gdel_8xa` in Punycode, with `_` for the delimiter; the text itself when it is wrong.
std::string from_punycode(std::string_view text) {
  constexpr std::uint32_t base = 36;
  constexpr std::size_t characters_max = 128;
  std::u32string out;
  const std::size_t delimiter = text.rfind('_');
  std::string_view rest = text;
  if (delimiter != std::string_view::npos) {
    for (const char c : text.substr(0, delimiter)) {
      out += static_cast<char32_t>(static_cast<unsigned char>(c));
    }
    rest = text.substr(delimiter + 1);
  }
  std::uint64_t number = 128;
  std::uint64_t at = 0;
  std::uint64_t bias = 72;
  bool is_first = true;
  while (!rest.empty() && out.size() < characters_max) {
    const std::uint64_t before = at;
    std::uint64_t weight = 1;
    for (std::uint64_t k = base;; k += base) {
      if (rest.empty() || weight > 0xffffffff) {
        return std::string(text);
      }
      const char c = rest.front();
      rest.remove_prefix(1);
      const bool is_letter = c >= 'a' && c <= 'z';
      if (!is_letter && !(c >= '0' && c <= '9')) {
        return std::string(text);
      }
      const auto digit = static_cast<std::uint64_t>(is_letter ? c - 'a' : c - '0' + 26);
      at += digit * weight;
      const std::uint64_t threshold = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
      if (digit < threshold) {
        break;
      }
      weight *= base - threshold;
    }
    std::uint64_t delta = (at - before) / (is_first ? 700 : 2);
    is_first = false;
    delta += delta / (out.size() + 1);
    bias = 0;
    for (; delta > 455; bias += base) {
      delta /= base - 1;
    }
    bias += (base * delta) / (delta + 38);
    number += at / (out.size() + 1);
    at %= out.size() + 1;
    if (number > 0x10ffff) {
      return std::string(text);
    }
    out.insert(out.begin() + static_cast<std::ptrdiff_t>(at), static_cast<char32_t>(number));
    ++at;
  }
  std::string encoded;
  for (const char32_t character : out) {
    base::append_character(encoded, character);
  }
  return encoded;
}

class Reader {
 public:
  explicit Reader(std::string_view name) : name_(name) {}

  std::optional<std::string> run() {
    path(true);
    if (is_wrong_) {
      return std::nullopt;
    }
    // The crate that made an instance of something generic may follow; it is not shown.
    return out_.empty() ? std::nullopt : std::optional(out_);
  }

 private:
  char next() {
    if (at_ >= name_.size()) {
      is_wrong_ = true;
      return '\0';
    }
    return name_[at_++];
  }
  [[nodiscard]] char look() const { return at_ < name_.size() ? name_[at_] : '\0'; }
  bool take(char wanted) {
    if (look() != wanted) {
      return false;
    }
    ++at_;
    return true;
  }
  void put(std::string_view text) {
    if (is_silent_) {
      return;
    }
    out_ += text;
    is_wrong_ = is_wrong_ || out_.size() > text_bytes_max;
  }

  /// `_` is 0, `0_` is 1, `10_` is 63.
  std::uint64_t number_of_62() {
    if (take('_')) {
      return 0;
    }
    std::uint64_t number = 0;
    while (!is_wrong_) {
      const char c = next();
      if (c == '_') {
        break;
      }
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'z' ? c - 'a' + 10
                        : c >= 'A' && c <= 'Z' ? c - 'A' + 36
                                               : -1;
      is_wrong_ = is_wrong_ || digit < 0 || number > ~std::uint64_t{0} / 62;
      number = number * 62 + static_cast<std::uint64_t>(digit < 0 ? 0 : digit);
    }
    return number + 1;
  }
  std::uint64_t disambiguator() { return take('s') ? number_of_62() + 1 : 0; }

  std::string identifier() {
    const bool is_punycode = take('u');
    std::size_t bytes = 0;
    if (look() < '0' || look() > '9') {
      is_wrong_ = true;
      return {};
    }
    if (!take('0')) {
      while (look() >= '0' && look() <= '9' && bytes <= name_.size()) {
        bytes = bytes * 10 + static_cast<std::size_t>(next() - '0');
      }
    }
    (void)take('_');
    if (bytes > name_.size() - at_) {
      is_wrong_ = true;
      return {};
    }
    const std::string_view text = name_.substr(at_, bytes);
    at_ += bytes;
    return is_punycode ? from_punycode(text) : std::string(text);
  }

  /// Reads from an earlier place what stands there, and comes back.
  template <typename Part>
  void back(Part part) {
    const std::size_t here = at_ - 1;
    const std::uint64_t place = number_of_62();
    if (is_wrong_ || place >= here) {
      is_wrong_ = true;
      return;
    }
    if (is_silent_) {
      return;
    }
    const std::size_t after = at_;
    at_ = place;
    part();
    at_ = after;
  }

  void path(bool is_value) {
    const Depth depth(*this);
    if (is_wrong_) {
      return;
    }
    switch (next()) {
      case 'C':
        (void)disambiguator();
        put(identifier());
        return;
      case 'N':
        nested(is_value);
        return;
      case 'M':
      case 'X':
        implementation(name_[at_ - 1] == 'X');
        return;
      case 'Y':
        put("<");
        type();
        put(" as ");
        path(false);
        put(">");
        return;
      case 'I':
        path(is_value);
        put(is_value ? "::<" : "<");
        list([this] { argument(); });
        put(">");
        return;
      case 'B':
        back([this, is_value] { path(is_value); });
        return;
      default:
        is_wrong_ = true;
    }
  }

  void nested(bool is_value) {
    const char space = next();
    path(is_value);
    const std::uint64_t which = disambiguator();
    const std::string name = identifier();
    if (space >= 'A' && space <= 'Z') {
      put("::{");
      put(space == 'C' ? "closure" : space == 'S' ? "shim" : std::string_view(&space, 1));
      put(name.empty() ? "" : ":" + name);
      put("#" + std::to_string(which) + "}");
    } else if (!name.empty()) {
      put("::" + name);
    }
  }

  /// `<Type>` and `<Type as Trait>`; where the implementation stands is not shown.
  void implementation(bool has_trait) {
    const bool was_silent = is_silent_;
    is_silent_ = true;
    (void)disambiguator();
    path(false);
    is_silent_ = was_silent;
    put("<");
    type();
    if (has_trait) {
      put(" as ");
      path(false);
    }
    put(">");
  }

  template <typename Item>
  std::size_t list(Item item) {
    std::size_t count = 0;
    for (; !is_wrong_ && !take('E'); ++count) {
      put(count == 0 ? "" : ", ");
      item();
    }
    return count;
  }

  void argument() {
    if (take('L')) {
      put(number_of_62() == 0 ? "'_" : "'a");
    } else if (take('K')) {
      constant();
    } else {
      type();
    }
  }

  void constant() {
    const Depth depth(*this);
    if (is_wrong_) {
      return;
    }
    const char kind = next();
    if (kind == 'B') {
      back([this] { constant(); });
      return;
    }
    if (kind == 'p') {
      put("_");
      return;
    }
    const bool is_negative = take('n');
    std::uint64_t value = 0;
    std::size_t digits = 0;
    const std::size_t start = at_;
    for (char c = next(); !is_wrong_ && c != '_'; c = next(), ++digits) {
      is_wrong_ = base::hex_value(c) < 0;
      value = value * 16 + static_cast<std::uint64_t>(base::hex_value(c) & 0xf);
    }
    if (kind == 'b') {
      put(value != 0 ? "true" : "false");
    } else if (kind == 'c' && value <= 0x10ffff) {
      std::string text;
      base::append_character(text, static_cast<std::uint32_t>(value));
      put("'" + text + "'");
    } else {
      put(is_negative ? "-" : "");
      put(digits <= 16 ? std::to_string(value) : "0x" + std::string(name_.substr(start, digits)));
    }
  }

  static std::string_view basic_type(char letter) {
    constexpr std::array<std::string_view, 26> names = {
        "i8",    "bool", "char", "f64", "str",  "f32",  "",    "u8", "isize",
        "usize", "",     "i32",  "u32", "i128", "u128", "_",   "",   "",
        "i16",   "u16",  "()",   "...", "",     "i64",  "u64", "!"};
    return letter >= 'a' && letter <= 'z' ? names[static_cast<std::size_t>(letter - 'a')] : "";
  }

  void type() {
    const Depth depth(*this);
    if (is_wrong_) {
      return;
    }
    const char kind = next();
    if (const std::string_view basic = basic_type(kind); !basic.empty()) {
      put(basic);
      return;
    }
    switch (kind) {
      case 'A':
        put("[");
        type();
        put("; ");
        constant();
        put("]");
        return;
      case 'S':
        put("[");
        type();
        put("]");
        return;
      case 'T':
        put("(");
        put(list([this] { type(); }) == 1 ? ",)" : ")");
        return;
      case 'R':
      case 'Q':
        put("&");
        if (take('L')) {
          (void)number_of_62();
        }
        put(kind == 'Q' ? "mut " : "");
        type();
        return;
      case 'P':
      case 'O':
        put(kind == 'P' ? "*const " : "*mut ");
        type();
        return;
      case 'F':
        function();
        return;
      case 'D':
        dynamic();
        return;
      case 'B':
        back([this] { type(); });
        return;
      default:
        --at_;
        path(false);
    }
  }

  void function() {
    if (take('G')) {
      (void)number_of_62();
    }
    put(take('U') ? "unsafe " : "");
    if (take('K')) {
      put("extern \"");
      put(take('C') ? "C" : identifier());
      put("\" ");
    }
    put("fn(");
    list([this] { type(); });
    put(")");
    if (!take('u')) {
      put(" -> ");
      type();
    }
  }

  void dynamic() {
    put("dyn ");
    if (take('G')) {
      (void)number_of_62();
    }
    for (std::size_t count = 0; !is_wrong_ && !take('E'); ++count) {
      put(count == 0 ? "" : " + ");
      path(false);
      while (!is_wrong_ && take('p')) {
        put("<" + identifier() + " = ");
        type();
        put(">");
      }
    }
    if (take('L')) {
      (void)number_of_62();
    }
  }

  class Depth {
   public:
    explicit Depth(Reader& reader) : reader_(reader) {
      reader_.is_wrong_ =
          reader_.is_wrong_ || ++reader_.depth_ > depth_max || ++reader_.parts_ > text_bytes_max;
    }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;
    ~Depth() { --reader_.depth_; }

   private:
    Reader& reader_;
  };

  std::string_view name_;  // behind `_R`, of which references count
  std::size_t at_ = 0;
  std::string out_;
  int depth_ = 0;
  std::size_t parts_ = 0;
  bool is_wrong_ = false;
  bool is_silent_ = false;
};

}  // namespace

std::optional<std::string> demangled_rust(std::string_view name) {
  if (!name.starts_with("_R") || name.size() < 3) {
    return std::nullopt;
  }
  return Reader(name.substr(2)).run();
}

}  // namespace heapwatch::symbols
