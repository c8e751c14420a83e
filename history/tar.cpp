#include "history/tar.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/beginning.h"
#include "base/printable.h"

namespace heapwatch::history {

namespace {

constexpr std::size_t block_bytes = 512;
using Block = std::array<char, block_bytes>;

/// A field of the head of an entry.
struct Field {
  std::size_t begin;
  std::size_t size;
};
constexpr Field name_field{0, 100};
constexpr Field mode_field{100, 8};
constexpr Field user_field{108, 8};
constexpr Field group_field{116, 8};
constexpr Field size_field{124, 12};
constexpr Field time_field{136, 12};
constexpr Field checksum_field{148, 8};
constexpr std::size_t type_at = 156;
constexpr Field magic_field{257, 8};
constexpr Field prefix_field{345, 155};
constexpr std::string_view magic{"ustar\00000", 8};

constexpr char plain_file = '0';
constexpr char plain_file_of_old = '\0';
constexpr char folder = '5';
constexpr char note = 'x';  // attributes of the entry behind it
constexpr char note_for_all = 'g';

constexpr std::uint64_t padding_of(std::uint64_t size) {
  return (block_bytes - size % block_bytes) % block_bytes;
}

std::string_view field_text(const Block& block, Field field) {
  const std::string_view all(block.data() + field.begin, field.size);
  return all.substr(0, all.find('\0'));
}

/// Octal digits, with blanks before and blanks or zeros behind. Absent for anything else.
std::optional<std::uint64_t> octal_of(const Block& block, Field field) {
  std::string_view text = field_text(block, field);
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  text = text.substr(0, text.find(' '));
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '7') {
      return std::nullopt;
    }
    value = value * 8 + static_cast<std::uint64_t>(c - '0');
  }
  return text.empty() ? std::nullopt : std::optional(value);
}

void put_number(Block& block, Field field, std::uint64_t value) {
  for (std::size_t place = field.size - 1; place-- > 0;) {
    block[field.begin + place] = static_cast<char>('0' + (value & 7U));
    value >>= 3U;
  }
}

/// The sum of all bytes, those of its own field as blanks.
std::uint64_t checksum(const Block& block) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < block.size(); ++i) {
    const bool is_own = i >= checksum_field.begin && i < checksum_field.begin + checksum_field.size;
    sum += is_own ? static_cast<unsigned char>(' ') : static_cast<unsigned char>(block[i]);
  }
  return sum;
}

/// Without "./" before it.
std::string entry_name(const Block& block) {
  std::string name(field_text(block, name_field));
  if (const std::string_view prefix = field_text(block, prefix_field); !prefix.empty()) {
    name = std::string(prefix) + "/" + name;
  }
  return name.starts_with("./") ? name.substr(2) : name;
}

bool leads_out(std::string_view name) {
  if (name.starts_with('/')) {
    return true;
  }
  while (!name.empty()) {
    const std::string_view part = name.substr(0, name.find('/'));
    if (part == "..") {
      return true;
    }
    name.remove_prefix(std::min(part.size() + 1, name.size()));
  }
  return false;
}

std::string in_quotes(std::string_view name) {
  return "\"" + base::printable(base::beginning(name)) + "\"";
}

}  // namespace

base::Result<void> TarWriter::add(const std::string& name, std::string_view bytes,
                                  std::int64_t time) {
  if (name.size() > name_bytes_max) {
    return base::fail(base::ErrorKind::limit, "a name of " + std::to_string(name.size()) +
                                                  " bytes is too long for a tar archive");
  }
  Block head{};
  std::copy(name.begin(), name.end(), head.begin() + name_field.begin);
  put_number(head, mode_field, 0644);
  put_number(head, user_field, 0);
  put_number(head, group_field, 0);
  put_number(head, size_field, bytes.size());
  put_number(head, time_field, static_cast<std::uint64_t>(std::max<std::int64_t>(time, 0)) / 1000);
  head[type_at] = plain_file;
  std::copy(magic.begin(), magic.end(), head.begin() + magic_field.begin);
  put_number(head, {checksum_field.begin, checksum_field.size - 1}, checksum(head));
  head[checksum_field.begin + checksum_field.size - 1] = ' ';
  if (base::Result<void> done = output_({head.data(), head.size()}); !done) {
    return done;
  }
  if (base::Result<void> done = output_(bytes); !done) {
    return done;
  }
  const Block zeros{};
  return output_({zeros.data(), padding_of(bytes.size())});
}

base::Result<void> TarWriter::finish() {
  const Block zeros{};
  if (base::Result<void> done = output_({zeros.data(), zeros.size()}); !done) {
    return done;
  }
  return output_({zeros.data(), zeros.size()});
}

base::Result<void> TarReader::pass_over() {
  constexpr std::uint64_t at_once = 1U << 16U;
  std::uint64_t rest = left_ + padding_;
  left_ = 0;
  padding_ = 0;
  while (rest > 0 && in_) {
    const std::uint64_t some = std::min(rest, at_once);
    in_.ignore(static_cast<std::streamsize>(some));
    if (static_cast<std::uint64_t>(in_.gcount()) != some) {
      return base::fail(base::ErrorKind::invalid, "the archive ends within an entry");
    }
    rest -= some;
  }
  return {};
}

base::Result<std::optional<TarReader::Entry>> TarReader::next() {
  while (true) {
    if (base::Result<void> passed = pass_over(); !passed) {
      return tl::unexpected(passed.error());
    }
    Block head{};
    in_.read(head.data(), head.size());
    if (static_cast<std::size_t>(in_.gcount()) != head.size()) {
      return base::fail(base::ErrorKind::invalid,
                        entries_ == 0 ? "it is no tar archive" : "the archive ends before its end");
    }
    if (std::all_of(head.begin(), head.end(), [](char c) { return c == '\0'; })) {
      return std::nullopt;
    }
    const std::optional<std::uint64_t> size = octal_of(head, size_field);
    if (octal_of(head, checksum_field) != checksum(head) || !size) {
      return base::fail(base::ErrorKind::invalid,
                        entries_ == 0 ? "it is no tar archive" : "the head of an entry is damaged");
    }
    if (++entries_ > limits_.entries_max || *size > limits_.bytes_max - bytes_) {
      return base::fail(base::ErrorKind::limit,
                        "the archive has more than " + std::to_string(limits_.entries_max) +
                            " entries or " + std::to_string(limits_.bytes_max) + " bytes");
    }
    bytes_ += *size;
    left_ = *size;
    padding_ = padding_of(*size);
    Entry entry{.name = entry_name(head), .size = *size};
    switch (head[type_at]) {
      case plain_file:
      case plain_file_of_old:
        break;
      case folder:
      case note:
      case note_for_all:
        continue;
      default:
        return base::fail(base::ErrorKind::invalid,
                          "the archive holds " + in_quotes(entry.name) +
                              ", which is no plain file: links and devices are not taken");
    }
    if (entry.name.empty() || leads_out(entry.name)) {
      return base::fail(base::ErrorKind::invalid, "the archive holds " + in_quotes(entry.name) +
                                                      ", a name that leads out of its folder");
    }
    return entry;
  }
}

base::Result<std::string> TarReader::read(std::size_t bytes_max) {
  if (left_ > bytes_max) {
    return base::fail(base::ErrorKind::limit, "an entry of " + std::to_string(left_) +
                                                  " bytes, and at most " +
                                                  std::to_string(bytes_max) + " are taken");
  }
  // A size may lie: what is there is read piece by piece.
  constexpr std::uint64_t at_once = 1U << 20U;
  std::string bytes;
  while (left_ > 0) {
    const std::size_t before = bytes.size();
    const auto some = static_cast<std::size_t>(std::min(left_, at_once));
    bytes.resize(before + some);
    in_.read(bytes.data() + before, static_cast<std::streamsize>(some));
    if (static_cast<std::size_t>(in_.gcount()) != some) {
      return base::fail(base::ErrorKind::invalid, "the archive ends within an entry");
    }
    left_ -= some;
  }
  return bytes;
}

}  // namespace heapwatch::history
