// What a match of a regex makes of a template with `$1` and `${name}`. Private to this folder.
#pragma once

#include <re2/re2.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace heapwatch::discovery::relabel {

/// The groups of a match; the first is all of it.
using Groups = std::vector<re2::StringPiece>;

/// Where `regex` matches `text` first, if it does.
[[nodiscard]] std::optional<Groups> match(const re2::RE2& regex, std::string_view text);

/// `$1`, `$name`, `${1}` and `${name}` become what the group matched, and nothing when there is no
/// such group; `$$` becomes `$`, and so does a `$` that nothing of this follows. A name is as long
/// as there are letters, digits and `_`: `$1x` is the group "1x".
[[nodiscard]] std::string expand(std::string_view text, const re2::RE2& regex,
                                 const Groups& groups);

}  // namespace heapwatch::discovery::relabel
