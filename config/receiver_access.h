// What says of a receiver where it is and who asks. Private to this folder.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "config/receivers.h"
#include "config/section.h"

namespace heapwatch::config {

/// An option that is written takes the place of its default.
template <typename T, typename U>
void assign(T& option, std::optional<U> value) {
  if (value) {
    option = static_cast<T>(std::move(*value));
  }
}

/// The part of an http or https URL between the scheme and the path; empty when it is none, or has
/// credentials.
[[nodiscard]] std::string_view authority_of(std::string_view url);

/// What is wrong with them goes to the section's diagnostics.
void read_receiver_url(Section& section, std::string_view key, std::string& url,
                       std::string& shown_as);
void read_who_asks(Section& section, ReceiverConfig& remote);

}  // namespace heapwatch::config
