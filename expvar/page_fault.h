// What is wrong with a page, in words. Private to this folder.
#pragma once

#include <rapidjson/error/error.h>

#include <string_view>

#include "base/error.h"

namespace heapwatch::expvar {

/// Why a text is no JSON.
[[nodiscard]] std::string_view parse_error_text(rapidjson::ParseErrorCode code);

/// Errors: limit and invalid, for a page whose size or first bytes are wrong.
[[nodiscard]] base::Result<void> check_beginning(std::string_view page);

}  // namespace heapwatch::expvar
