#include "check/python/value.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>

namespace heapwatch::check::python {

namespace {

template <std::size_t N>
bool one_of(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool all_digits(std::string_view text, std::string_view digits) {
  return !text.empty() && text.find_first_not_of(digits) == std::string_view::npos &&
         text.find_first_not_of('_') != std::string_view::npos;
}

/// Binary, octal with a leading 0, decimal, hexadecimal; `_` may stand between digits.
Object integer(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) {
    text.remove_prefix(1);
  }
  int radix = 10;
  if (text.starts_with("0b") && all_digits(text.substr(2), "01_")) {
    radix = 2;
    text.remove_prefix(2);
  } else if (text.starts_with("0x") && all_digits(text.substr(2), "0123456789abcdefABCDEF_")) {
    radix = 16;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text.front() == '0' && all_digits(text, "01234567_")) {
    radix = 8;
  } else if (text != "0" && (text.empty() || text.front() < '1' || text.front() > '9' ||
                             !all_digits(text, "0123456789_"))) {
    return nullptr;
  }
  std::string digits = negative ? "-" : "";
  std::copy_if(text.begin(), text.end(), std::back_inserter(digits),
               [](char c) { return c != '_'; });
  Object value(PyLong_FromString(digits.c_str(), nullptr, radix));
  PyErr_Clear();  // longer than Python reads: the caller keeps the text
  return value;
}

/// A decimal number with a point; an exponent needs its sign, as YAML 1.1 has it.
Object real(std::string_view text) {
  const bool negative = text.starts_with('-');
  std::string_view body = text;
  if (negative || text.starts_with('+')) {
    body.remove_prefix(1);
  }
  if (one_of<3>(body, {".inf", ".Inf", ".INF"})) {
    const double infinity = std::numeric_limits<double>::infinity();
    return Object(PyFloat_FromDouble(negative ? -infinity : infinity));
  }
  if (one_of<3>(text, {".nan", ".NaN", ".NAN"})) {
    return Object(PyFloat_FromDouble(std::numeric_limits<double>::quiet_NaN()));
  }
  const std::size_t exponent = body.find_first_of("eE");
  const std::string_view mantissa = body.substr(0, exponent);
  const std::size_t point = mantissa.find('.');
  if (point == std::string_view::npos ||
      mantissa.find_first_not_of("0123456789_.") != std::string_view::npos ||
      mantissa.find('.', point + 1) != std::string_view::npos ||
      mantissa.find_first_of("0123456789") == std::string_view::npos || mantissa.front() == '_') {
    return nullptr;
  }
  if (exponent != std::string_view::npos) {
    const std::string_view power = body.substr(exponent + 1);
    if (power.empty() || (power.front() != '+' && power.front() != '-') ||
        !all_digits(power.substr(1), "0123456789")) {
      return nullptr;
    }
  }
  std::string digits;
  std::copy_if(text.begin(), text.end(), std::back_inserter(digits),
               [](char c) { return c != '_'; });
  const double number = PyOS_string_to_double(digits.c_str(), nullptr, nullptr);
  if (PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    return nullptr;
  }
  return Object(PyFloat_FromDouble(number));
}

Object scalar(std::string_view text, bool quoted) {
  if (!quoted) {
    if (one_of<5>(text, {"", "~", "null", "Null", "NULL"})) {
      return borrow(Py_None);
    }
    if (one_of<9>(text, {"yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})) {
      return borrow(Py_True);
    }
    if (one_of<9>(text, {"no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})) {
      return borrow(Py_False);
    }
    if (Object number = integer(text)) {
      return number;
    }
    if (Object number = real(text)) {
      return number;
    }
  }
  return make_text(text);
}

}  // namespace

Object to_python(const config::Value& value) {
  using Kind = config::Value::Kind;
  if (value.kind == Kind::null) {
    return borrow(Py_None);
  }
  if (value.kind == Kind::scalar) {
    return scalar(value.text, value.quoted);
  }
  if (value.kind == Kind::list) {
    Object list(PyList_New(0));
    for (const config::Value& item : value.items) {
      const Object element = to_python(item);
      if (!list || !element || PyList_Append(list.get(), element.get()) != 0) {
        return nullptr;
      }
    }
    return list;
  }
  Object map(PyDict_New());
  for (const config::Value::Member& member : value.members) {
    const Object key = scalar(member.key, member.quoted);
    const Object element = to_python(member.value);
    if (!map || !key || !element || PyDict_SetItem(map.get(), key.get(), element.get()) != 0) {
      return nullptr;
    }
  }
  return map;
}

}  // namespace heapwatch::check::python
