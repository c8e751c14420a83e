// Text made safe for places where some bytes have a meaning, and numbers as DogStatsD likes them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/number.h"

namespace heapwatch::exporters::dogstatsd {

/// Appends `text` with each byte of `forbidden`, each ASCII control byte, and each byte that is not
/// part of a UTF-8 character replaced by `_`.
void append_clean(std::string& out, std::string_view text, std::string_view forbidden);

/// Appends the shortest text that reads back as the same number. Doubles are plain digits from 1e-7
/// up to 1e21, and have an exponent beyond, which the Agent reads too; zero has no sign.
void append_value(std::string& out, const base::Number& value);

}  // namespace heapwatch::exporters::dogstatsd
