// Messages from one version of remote write to the other, for receivers that take only that.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "exporters/remote_write/parts.h"

namespace heapwatch::exporters::remote_write {

/// Snappy's block format.
[[nodiscard]] std::string compressed(std::string_view message);
/// Errors: invalid; limit, when it would have more than `message_bytes_max`.
[[nodiscard]] base::Result<std::string> decompressed(std::string_view bytes);

/// The samples of a plain message in the other version. What only one of the versions has is lost:
/// metadata by series on the way to 1.0, messages of metadata on the way
/// to 2.0, which come out empty. Errors: invalid.
[[nodiscard]] base::Result<std::string> transcoded(std::string_view message, Version from,
                                                   Version to);

/// The same for a batch, whose message is compressed before and after.
[[nodiscard]] base::Result<Batch> transcoded(const Batch& batch, Version to);

}  // namespace heapwatch::exporters::remote_write
