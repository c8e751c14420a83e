// What tells one protocol that pushes messages from another.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "exporters/push/answer.h"
#include "exporters/push/batch.h"
#include "net/http.h"

namespace heapwatch::exporters::push {

/// Plain functions; a protocol is a constant of its folder.
struct Protocol {
  std::string_view name;  // for people
  /// That say how a message is to be read.
  net::Headers (*headers)(Version version);
  Answer (*judge)(const net::HttpResult& result, Version version, const Spoken& spoken,
                  base::Instant now);
  std::string (*compressed)(std::string_view message);
  /// The batch in the other version; null where there is but one. Errors: invalid.
  base::Result<Batch> (*transcoded)(const Batch& batch, Version to) = nullptr;
  std::string_view (*version_name)(Version version) = nullptr;
  /// What of the message in the body of a request is not its body; null: nothing.
  void (*unpack)(net::HttpRequest& request) = nullptr;
  std::string_view noun = "sample";  // what a message holds, in the log and in names of metrics
};

}  // namespace heapwatch::exporters::push
