// A number that stays an integer as long as it can, and its text.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace heapwatch::base {

/// An int64, a uint64 or a double. Counters pass 2^53, so integers are never carried as doubles.
///
/// Invariant: an integer that is not negative is held as uint64, so each integer has one form.
class Number {
 public:
  constexpr Number() = default;

  template <std::integral T>
  static constexpr Number of(T value) {
    Number number;
    number.negative_ = value < T{0};
    number.bits = static_cast<std::uint64_t>(value);
    return number;
  }
  static constexpr Number of(double value) {
    Number number;
    number.is_float_ = true;
    number.real = value;
    return number;
  }

  /// The two halves of a number, for who keeps very many: nine bytes.
  enum class Form : std::uint8_t { natural, negative, real };
  [[nodiscard]] constexpr Form form() const {
    return is_float_ ? Form::real : negative_ ? Form::negative : Form::natural;
  }
  [[nodiscard]] std::uint64_t bits_of_form() const {
    return is_float_ ? std::bit_cast<std::uint64_t>(real) : bits;
  }
  [[nodiscard]] static Number of(Form form, std::uint64_t bits) {
    if (form == Form::real) {
      return of(std::bit_cast<double>(bits));
    }
    Number number = of(bits);
    number.negative_ = form == Form::negative;
    return number;
  }

  [[nodiscard]] constexpr bool is_integer() const { return !is_float_; }
  [[nodiscard]] constexpr bool is_negative() const { return is_float_ ? real < 0 : negative_; }
  /// False for NaN and the infinities.
  [[nodiscard]] bool is_finite() const;
  [[nodiscard]] double to_double() const;
  /// The value as uint64 when it is an integer that is not negative.
  [[nodiscard]] std::optional<std::uint64_t> to_uint64() const;

  /// The value as int64 when it is an integer that fits.
  [[nodiscard]] std::optional<std::int64_t> to_int64() const;

  /// Integer against integer is exact; anything else compares as doubles.
  friend bool operator==(const Number& a, const Number& b);
  friend bool operator<(const Number& a, const Number& b);

  /// Exact between integers while the result fits int64 or uint64; a double otherwise.
  friend Number operator+(const Number& a, const Number& b);
  friend Number operator-(const Number& a, const Number& b);

 private:
  bool is_float_ = false;
  bool negative_ = false;
  union {
    std::uint64_t bits = 0;
    double real;
  };
};

/// Appends the shortest text that reads back as the same number ("18446744073709551615", "0.1",
/// "1e+22"). NaN and the infinities come out as "nan", "inf" and "-inf".
void append_number(std::string& out, const Number& number);
[[nodiscard]] std::string to_text(const Number& number);

/// Reads the whole of `text` as a decimal number: "-12", "12.5", "1e3". Integers outside int64 and
/// uint64 become doubles. No sign "+", no surrounding space, no "nan" or "inf".
[[nodiscard]] std::optional<Number> parse_number(std::string_view text);

}  // namespace heapwatch::base
