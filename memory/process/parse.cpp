#include "memory/process/parse.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace heapwatch::memory::process {

namespace {

/// Takes the next line off a text, without its end.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

/// Takes the next word off a line.
std::string_view take_word(std::string_view& line) {
  const std::size_t begin = std::min(line.find_first_not_of(" \t"), line.size());
  line.remove_prefix(begin);
  const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(end);
  return word;
}

std::optional<std::uint64_t> number(std::string_view text, int base = 10) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

/// "55d0c0a00000-55d0c0a21000 rw-p 00000000 08:01 1234   /usr/bin/x"
std::optional<Mapping> parse_mapping(std::string_view line) {
  const std::string_view range = take_word(line);
  const std::size_t dash = range.find('-');
  if (dash == std::string_view::npos) {
    return std::nullopt;
  }
  const auto begin = number(range.substr(0, dash), 16);
  const auto end = number(range.substr(dash + 1), 16);
  const std::string_view flags = take_word(line);
  const auto offset = number(take_word(line), 16);
  const std::string_view device = take_word(line);
  const auto inode = number(take_word(line));
  if (!begin || !end || *begin >= *end || flags.size() != 4 || !offset || !inode) {
    return std::nullopt;
  }
  Mapping mapping{.begin = *begin,
                  .end = *end,
                  .readable = flags[0] == 'r',
                  .writable = flags[1] == 'w',
                  .executable = flags[2] == 'x',
                  .shared = flags[3] == 's',
                  .offset = *offset,
                  .inode = *inode,
                  .device = std::string(device)};
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  mapping.name = line;
  mapping.outside_rss = mapping.name.compare(0, 5, "[vvar") == 0 || mapping.name == "[vsyscall]";
  return mapping;
}

struct SizeField {
  std::string_view name;
  std::uint64_t Mapping::*field;
};
constexpr std::array<SizeField, 8> size_fields{{{"Rss", &Mapping::rss},
                                                {"Pss", &Mapping::pss},
                                                {"Swap", &Mapping::swap},
                                                {"Anonymous", &Mapping::anonymous},
                                                {"LazyFree", &Mapping::lazy_free},
                                                {"AnonHugePages", &Mapping::huge},
                                                {"Private_Hugetlb", &Mapping::private_hugetlb},
                                                {"Shared_Hugetlb", &Mapping::shared_hugetlb}}};

void parse_field(std::string_view line, Mapping& mapping) {
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  std::string_view rest = line.substr(std::min(colon, line.size() - 1) + 1);
  if (name == "VmFlags") {
    while (!rest.empty()) {
      const std::string_view flag = take_word(rest);
      mapping.without_huge = mapping.without_huge || flag == "nh";
      mapping.outside_rss = mapping.outside_rss || flag == "pf" || flag == "ht" || flag == "io";
    }
    return;
  }
  for (const SizeField& known : size_fields) {
    if (name == known.name) {
      mapping.*known.field = number(take_word(rest)).value_or(0) * 1024;
    }
  }
}

}  // namespace

std::vector<Mapping> parse_smaps(std::string_view text) {
  std::vector<Mapping> mappings;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (line.empty()) {
      continue;
    }
    if (line.front() >= 'A' && line.front() <= 'Z') {
      if (!mappings.empty()) {
        parse_field(line, mappings.back());
      }
    } else if (auto mapping = parse_mapping(line)) {
      const bool ordered = mappings.empty() || mappings.back().end <= mapping->begin;
      if (ordered && mappings.size() < mappings_max) {
        mappings.push_back(*std::move(mapping));
      }
    }
  }
  return mappings;
}

std::optional<std::uint64_t> status_field(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    std::string_view line = take_line(text);
    if (line.size() > name.size() && line.compare(0, name.size(), name) == 0 &&
        line[name.size()] == ':') {
      line.remove_prefix(name.size() + 1);
      const auto value = number(take_word(line));
      const bool kilobytes = take_word(line) == "kB";
      return value && kilobytes ? *value * 1024 : value;
    }
  }
  return std::nullopt;
}

void read_status(std::string_view text, Facts& facts) {
  const auto field = [text](std::string_view name) { return status_field(text, name).value_or(0); };
  facts.uid = static_cast<unsigned>(field("Uid"));
  facts.tracer = static_cast<int>(field("TracerPid"));
  facts.seccomp = static_cast<int>(field("Seccomp"));
  facts.threads = field("Threads");
  facts.vm_rss = field("VmRSS");
  facts.rss_anon = field("RssAnon");
  facts.rss_file = field("RssFile");
  facts.rss_shmem = field("RssShmem");
  facts.vm_swap = field("VmSwap");
  std::string_view rest = text;
  while (!rest.empty()) {
    std::string_view line = take_line(rest);
    if (line.compare(0, 6, "Name:\t") == 0) {
      facts.command = line.substr(6);
      break;
    }
  }
}

std::optional<Identity> parse_stat(std::string_view text) {
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos) {
    return std::nullopt;
  }
  text.remove_prefix(name_end + 1);
  Identity identity;
  // The first word here is field 3 of proc(5).
  for (int field = 3; field <= 28; ++field) {
    const std::string_view word = take_word(text);
    if (field == 22) {
      const auto ticks = number(word);
      if (!ticks) {
        return std::nullopt;
      }
      identity.start_ticks = *ticks;
    } else if (field == 26) {
      identity.code = number(word).value_or(0);
    } else if (field == 28) {
      identity.stack = number(word).value_or(0);
    }
  }
  return identity;
}

std::optional<std::uint64_t> parse_syscall(std::string_view text) {
  // "0 0x3 0x7ffd... 0x400 0x0 0x0 0x0 SP PC", or "-1 SP PC", or "running".
  std::vector<std::string_view> words;
  std::string_view line = take_line(text);
  while (words.size() < 10) {
    const std::string_view word = take_word(line);
    if (word.empty()) {
      break;
    }
    words.push_back(word);
  }
  if (words.size() < 3 || words[words.size() - 2].compare(0, 2, "0x") != 0) {
    return std::nullopt;
  }
  return number(words[words.size() - 2].substr(2), 16);
}

std::string hexadecimal(std::uint64_t value) {
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16);
  return {digits.data(), end.ptr};
}

std::vector<std::string> split_zeros(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = text.find('\0');
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return parts;
}

}  // namespace heapwatch::memory::process
