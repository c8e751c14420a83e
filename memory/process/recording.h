// A process on file: what its page tables said and the bytes that were read of it, so that a
// process is a test's fixture.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "memory/process/view.h"

namespace heapwatch::memory::process {

/// Plain data. Pages are whole and page-aligned.
struct Recording {
  Facts facts;
  std::vector<Mapping> mappings;
  std::vector<Run> runs;
  std::vector<Range> swapped;
  std::vector<Thread> threads;
  std::map<std::uint64_t, std::string> pages;  // address to page_bytes bytes
  /// Pages of files: the mapping's name and the offset in the file to page_bytes bytes.
  std::map<std::pair<std::string, std::uint64_t>, std::string> file_pages;
  std::string denied;
};

/// A view over a recording. What was not recorded cannot be read.
[[nodiscard]] std::shared_ptr<const ProcessView> view_of(Recording recording);

/// Passes reads on and keeps the pages that were read.
class Recorder : public Memory {
 public:
  explicit Recorder(std::shared_ptr<const Memory> source) : source_(std::move(source)) {}

  [[nodiscard]] std::size_t read(std::uint64_t address, std::span<std::byte> out) const override;
  [[nodiscard]] std::size_t read_file(const Mapping& mapping, std::uint64_t offset,
                                      std::span<std::byte> out) const override;
  [[nodiscard]] std::optional<std::uint64_t> run_time() const override {
    return source_->run_time();
  }
  [[nodiscard]] std::string denied() const override { return source_->denied(); }

  /// The view, with the pages that were read through this recorder.
  [[nodiscard]] Recording recording(const ProcessView& view) const;

 private:
  std::shared_ptr<const Memory> source_;
  mutable std::map<std::uint64_t, std::string> pages_;
  mutable std::map<std::pair<std::string, std::uint64_t>, std::string> file_pages_;
};

/// The same process, recorded by who reads the result.
struct Recorded {
  std::shared_ptr<const ProcessView> view;
  std::shared_ptr<const Recorder> recorder;
};
[[nodiscard]] Recorded record(const ProcessView& view);

/// A recording as a file, and back. Format: lines of text, a word that names the line first;
/// `page ADDRESS` and `file_page OFFSET NAME` are followed by the bytes; gzip around all.
[[nodiscard]] std::string to_bytes(const Recording& recording);

inline constexpr std::size_t recording_bytes_max = std::size_t{1} << 30;
/// Errors: invalid, limit.
[[nodiscard]] base::Result<Recording> parse_recording(std::string_view bytes);

}  // namespace heapwatch::memory::process
