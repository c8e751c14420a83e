#include "pprof/units.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <span>
#include <vector>

namespace heapwatch::pprof {
namespace {

struct Unit {
  std::string_view name;
  std::array<std::string_view, 3> aliases;  // lower case, singular
  double factor = 1;
};

struct Family {
  std::vector<Unit> units;
  Unit fallback;  // for values below one of every unit, and for targets of another family
};

const std::array<Family, 3>& families() {
  static const std::array<Family, 3> all = {{
      {{{"B", {"b", "byte"}, 1},
        {"kB", {"kb", "kbyte", "kilobyte"}, 0x1p10},
        {"MB", {"mb", "mbyte", "megabyte"}, 0x1p20},
        {"GB", {"gb", "gbyte", "gigabyte"}, 0x1p30},
        {"TB", {"tb", "tbyte", "terabyte"}, 0x1p40},
        {"PB", {"pb", "pbyte", "petabyte"}, 0x1p50}},
       {"B", {}, 1}},
      {{{"ns", {"ns", "nanosecond"}, 1},
        {"us", {"us", "microsecond"}, 1e3},
        {"ms", {"ms", "millisecond"}, 1e6},
        {"s", {"s", "sec", "second"}, 1e9},
        {"hrs", {"hour", "hr"}, 3600e9}},
       {"s", {}, 1e9}},
      {{{"n*GCU", {"nanogcu"}, 1e-9},
        {"u*GCU", {"microgcu"}, 1e-6},
        {"m*GCU", {"milligcu"}, 1e-3},
        {"GCU", {"gcu"}, 1},
        {"k*GCU", {"kilogcu"}, 1e3},
        {"M*GCU", {"megagcu"}, 1e6},
        {"G*GCU", {"gigagcu"}, 1e9},
        {"T*GCU", {"teragcu"}, 1e12},
        {"P*GCU", {"petagcu"}, 1e15}},
       {"GCU", {}, 1}},
  }};
  return all;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

const Unit* find_unit(const Family& family, std::string_view name) {
  std::string alias = lower(name);
  if (alias.size() > 2 && alias.back() == 's') {
    alias.pop_back();
  }
  if (alias.empty()) {
    return nullptr;
  }
  for (const Unit& unit : family.units) {
    if (std::find(unit.aliases.begin(), unit.aliases.end(), alias) != unit.aliases.end()) {
      return &unit;
    }
  }
  return nullptr;
}

const Unit* largest_unit(const Family& family, double value) {
  const Unit* found = nullptr;
  for (const Unit& unit : family.units) {
    if ((found == nullptr || unit.factor >= found->factor) && value / unit.factor >= 1.0) {
      found = &unit;
    }
  }
  return found;
}

bool is_natural(std::string_view unit) {
  return unit == "minimum" || unit == "auto";
}

std::string fixed(double value, int decimals) {
  std::array<char, 400> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value,
                                 std::chars_format::fixed, decimals)
                       .ptr;
  return {text.data(), end};
}

std::string padded(std::string text) {
  constexpr std::size_t width = 5;
  if (text.size() < width) {
    text.insert(0, width - text.size(), ' ');
  }
  return text;
}

}  // namespace

Scaled scale(std::int64_t value, std::string_view from, std::string_view to) {
  if (value < 0 && wrapping_negate(value) > 0) {
    Scaled scaled = scale(-value, from, to);
    scaled.value = -scaled.value;
    return scaled;
  }
  for (const Family& family : families()) {
    const Unit* const unit = find_unit(family, from);
    if (unit == nullptr) {
      continue;
    }
    const double base = static_cast<double>(value) * unit->factor;
    const Unit* target = is_natural(to) ? largest_unit(family, base) : find_unit(family, to);
    if (target == nullptr) {
      target = &family.fallback;
    }
    return {base / target->factor, std::string(target->name)};
  }
  constexpr std::array<std::string_view, 5> silent = {"count", "sample", "unit", "minimum", "auto"};
  const bool is_silent = std::find(silent.begin(), silent.end(), to) != silent.end();
  return {static_cast<double>(value), is_silent ? std::string() : std::string(to)};
}

std::string scaled_label(std::int64_t value, std::string_view from, std::string_view to) {
  const Scaled scaled = scale(value, from, to);
  std::string text = fixed(scaled.value, 2);
  if (text.ends_with(".00")) {
    text.resize(text.size() - 3);
  }
  if (text == "0" || text == "-0") {
    return "0";
  }
  return text + scaled.unit;
}

std::string percentage(std::int64_t value, std::int64_t total) {
  double ratio = 0;
  if (total != 0) {
    ratio = std::abs(static_cast<double>(value) / static_cast<double>(total)) * 100;
  }
  if (ratio >= 99.95 && ratio <= 100.05) {
    return "  100%";
  }
  if (ratio >= 1.0) {
    return padded(fixed(ratio, 2)) + "%";
  }
  std::array<char, 32> text;
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), ratio, std::chars_format::general, 2)
          .ptr;
  return padded({text.data(), end}) + "%";
}

bool is_compatible(std::string_view type_a, std::string_view unit_a, std::string_view type_b,
                   std::string_view unit_b) {
  if (type_a.ends_with('s')) {
    type_a.remove_suffix(1);
  }
  if (type_b.ends_with('s')) {
    type_b.remove_suffix(1);
  }
  if (type_a != type_b) {
    return false;
  }
  if (unit_a == unit_b) {
    return true;
  }
  return std::any_of(families().begin(), families().end(), [&](const Family& family) {
    return find_unit(family, unit_a) != nullptr && find_unit(family, unit_b) != nullptr;
  });
}

std::string_view without_padding(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(' '), text.size()));
}

}  // namespace heapwatch::pprof
