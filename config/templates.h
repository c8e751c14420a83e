// `%%env_NAME%%` in the values of a check's file. Private to this folder.
#pragma once

#include <string_view>

#include "config/check_config.h"

namespace heapwatch::config {

/// Puts the variables' values in, anywhere in the text of a scalar below `value`. A variable that
/// is not set, or not allowed, is an error.
void substitute_variables(Value& value, const ConfdOptions& options, std::string_view file,
                          Diagnostics& diagnostics);

}  // namespace heapwatch::config
