#include "expvar/page_walker.h"

#include <rapidjson/reader.h>

#include <memory>
#include <string>

#include "expvar/page_fault.h"
#include "expvar/page_walk.h"

namespace heapwatch::expvar {

const Match* PageMatches::first(WantedIndex wanted) const {
  const Match* found = nullptr;
  for (std::uint32_t i = of(wanted).first; i != Match::none && found == nullptr;
       i = matches_[i].next) {
    found = matches_[i].replaced ? nullptr : &matches_[i];
  }
  return found;
}

PageWalker::PageWalker() : buffers_(std::make_unique<WalkBuffers>()) {}
PageWalker::PageWalker(PageWalker&&) noexcept = default;
PageWalker& PageWalker::operator=(PageWalker&&) noexcept = default;
PageWalker::~PageWalker() = default;

base::Result<void> PageWalker::walk_text(const Plan& plan, PageMatches& matches,
                                         std::size_t& error_at) {
  matches.matches_.clear();
  matches.path_bytes_.clear();
  matches.long_keys = 0;
  matches.wanted_.assign(plan.wanted_count(), {});
  work_.assign(text_);
  PageStream stream(work_.data());
  Walk walk(plan, stream, work_.data() + work_.size(), *buffers_, matches);
  constexpr unsigned flags = rapidjson::kParseInsituFlag | rapidjson::kParseNumbersAsStringsFlag |
                             rapidjson::kParseNanAndInfFlag;
  const auto parsed = buffers_->reader.Parse<flags>(stream, walk);
  if (walk.too_deep()) {
    error_at = stream.Tell() - 1;
    return base::fail(base::ErrorKind::limit, "objects and arrays are nested deeper than " +
                                                  std::to_string(page_depth_max));
  }
  // A NUL byte ends the text for the reader, wherever it stands.
  const bool nul = !parsed.IsError() && stream.Tell() != text_.size();
  if (!parsed.IsError() && !nul) {
    return {};
  }
  error_at = nul ? stream.Tell() : parsed.Offset();
  return base::fail(
      base::ErrorKind::invalid,
      std::string(error_at >= text_.size() ? "the page ends too early"
                  : nul ? parse_error_text(rapidjson::kParseErrorDocumentRootNotSingular)
                        : parse_error_text(parsed.Code())));
}

bool PageWalker::walk_condensed(const Plan& plan, std::string_view kept, PageMatches& matches) {
  matches.invalid_members = 0;
  text_ = kept;
  std::size_t error_at = 0;
  return check_beginning(kept).has_value() && walk_text(plan, matches, error_at).has_value();
}

base::Result<void> PageWalker::walk(const Plan& plan, std::string_view page, PageMatches& matches) {
  if (auto begins = check_beginning(page); !begins) {
    return begins;
  }
  matches.invalid_members = 0;
  text_ = page;
  std::size_t error_at = 0;
  auto walked = walk_text(plan, matches, error_at);
  if (!walked && walked.error().kind == base::ErrorKind::invalid) {
    repair(page, repaired_);
    matches.invalid_members = repaired_.members;
    matches.first_invalid_at = repaired_.first_member_at;
    text_ = repaired_.text;
    walked = walk_text(plan, matches, error_at);
    error_at = repaired_.original_offset(error_at);
  }
  if (!walked) {
    walked.error().message =
        "page " + place_in_page(page, error_at) + ": " + walked.error().message;
  }
  return walked;
}

}  // namespace heapwatch::expvar
