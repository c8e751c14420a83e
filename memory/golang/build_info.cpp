// The record begins with 14 bytes of magic on a border of 16. Byte 14 is the size of a pointer,
// byte 15 holds flags: bit 1 says that the version follows at byte 32, its length first as a varint
// (Go 1.18 and later); without it a pointer to a Go string stands at byte 16. Behind an inline
// version come the settings of the build as text, their length first: "build", a tab, "-race=true"
// in a line of one of them.
// Source: golang/go:src/debug/buildinfo/buildinfo.go.
#include "memory/golang/build_info.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <vector>

namespace heapwatch::memory::golang {

namespace {

using process::ProcessView;
using process::Words;

constexpr std::string_view magic = "\xff Go buildinf:";
constexpr std::uint64_t alignment = 16;
constexpr std::uint64_t segment_bytes_max = std::uint64_t{64} << 20;
constexpr std::size_t piece_bytes = std::size_t{1} << 20;
constexpr std::uint64_t version_bytes_max = 256;
constexpr std::uint64_t settings_bytes_max = std::uint64_t{1} << 20;

std::optional<std::uint64_t> find_record(const ProcessView& view, const process::Segment& segment) {
  const std::uint64_t end = std::min(segment.file_end, segment.begin + segment_bytes_max);
  std::vector<std::byte> piece;
  for (std::uint64_t at = segment.begin & ~(alignment - 1); at < end; at += piece_bytes) {
    piece.resize(std::min<std::uint64_t>(piece_bytes, end - at));
    piece.resize(view.read(at, piece));
    const std::string_view text(reinterpret_cast<const char*>(piece.data()), piece.size());
    for (std::size_t found = text.find(magic); found != text.npos;
         found = text.find(magic, found + 1)) {
      if (found % alignment == 0) {
        return at + found;
      }
    }
  }
  return std::nullopt;
}

std::string text_at(Words& words, std::uint64_t address, std::uint64_t size) {
  std::string text(std::min(size, version_bytes_max), '\0');
  const bool known = words.copy(address, std::as_writable_bytes(std::span(text)));
  const bool printable =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  return known && printable ? text : std::string();
}

/// Whether the settings, whose length stands at an address, name the race detector.
bool names_race_detector(const ProcessView& view, Words& words, std::uint64_t address) {
  std::uint64_t size = 0;
  for (unsigned shift = 0; shift < 28; shift += 7) {
    const auto digit = words.get<std::uint8_t>(address++);
    size |= std::uint64_t{digit.value_or(0) & 0x7fU} << shift;
    if (!digit || *digit < 0x80) {
      break;
    }
  }
  std::vector<std::byte> settings(std::min(size, settings_bytes_max));
  settings.resize(view.read(address, settings));
  return std::string_view(reinterpret_cast<const char*>(settings.data()), settings.size())
             .find("build\t-race=true\n") != std::string_view::npos;
}

BuildInfo info_at(const ProcessView& view, Words& words, std::uint64_t record) {
  constexpr std::uint8_t inline_version = 2;
  const auto flags = words.get<std::uint8_t>(record + 15);
  if (!flags) {
    return {};
  }
  if ((*flags & inline_version) != 0) {
    const auto size = words.get<std::uint8_t>(record + 32);
    if (!size || *size >= 0x80) {
      return {};
    }
    return {.version = text_at(words, record + 33, *size),
            .has_race_detector = names_race_detector(view, words, record + 33 + *size)};
  }
  const auto text = words.u64(record + 16);
  const auto begin = text ? words.u64(*text) : std::nullopt;
  const auto size = text ? words.u64(*text + 8) : std::nullopt;
  return {.version = begin && size ? text_at(words, *begin, *size) : std::string()};
}

}  // namespace

std::optional<BuildInfo> build_info(const ProcessView& view, const process::Module& module) {
  for (const process::Segment& segment : module.segments) {
    // A library has it in its data; a program, which is looked through once, wherever it is.
    if (!module.is_program && !segment.writable) {
      continue;
    }
    if (const auto record = find_record(view, segment)) {
      Words words(view);
      return info_at(view, words, *record);
    }
  }
  return std::nullopt;
}

}  // namespace heapwatch::memory::golang
