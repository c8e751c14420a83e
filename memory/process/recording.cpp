#include "memory/process/recording.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <functional>
#include <utility>

#include "memory/process/parse.h"
#include "pprof/gunzip.h"

namespace heapwatch::memory::process {

namespace {

constexpr std::string_view first_line = "heapwatch recording 1";

class RecordedMemory : public Memory {
 public:
  explicit RecordedMemory(Recording recording) : recording_(std::move(recording)) {}

  [[nodiscard]] std::size_t read(std::uint64_t address, std::span<std::byte> out) const override {
    return copy(address, out, [this](std::uint64_t page) -> const std::string* {
      const auto found = recording_.pages.find(page);
      return found == recording_.pages.end() ? nullptr : &found->second;
    });
  }
  [[nodiscard]] std::size_t read_file(const Mapping& mapping, std::uint64_t offset,
                                      std::span<std::byte> out) const override {
    return copy(offset, out, [&](std::uint64_t page) -> const std::string* {
      const auto found = recording_.file_pages.find({mapping.name, page});
      return found == recording_.file_pages.end() ? nullptr : &found->second;
    });
  }
  [[nodiscard]] std::string denied() const override { return recording_.denied; }

 private:
  template <typename Find>
  static std::size_t copy(std::uint64_t from, std::span<std::byte> out, Find find) {
    std::size_t done = 0;
    while (done < out.size()) {
      const std::uint64_t at = from + done;
      const std::uint64_t page = at & ~(page_bytes - 1);
      const std::string* const bytes = find(page);
      if (bytes == nullptr || bytes->size() != page_bytes) {
        break;
      }
      const auto offset = static_cast<std::size_t>(at - page);
      const std::size_t part = std::min(out.size() - done, page_bytes - offset);
      std::memcpy(out.data() + done, bytes->data() + offset, part);
      done += part;
    }
    return done;
  }

  Recording recording_;
};

/// Keeps the whole pages among bytes that were read from `from` on.
template <typename Keep, typename ReadPage>
void keep_pages(std::uint64_t from, std::size_t got, Keep keep, ReadPage read_page) {
  for (std::uint64_t page = from & ~(page_bytes - 1); page < from + got; page += page_bytes) {
    std::string bytes(page_bytes, '\0');
    if (read_page(page, std::as_writable_bytes(std::span(bytes)))) {
      keep(page, std::move(bytes));
    }
  }
}

/// Reads a recording line by line. Remembers that something was wrong.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  [[nodiscard]] bool next_line() {
    if (text_.empty()) {
      return false;
    }
    const std::size_t end = text_.find('\n');
    line_ = text_.substr(0, end);
    text_.remove_prefix(end == std::string_view::npos ? text_.size() : end + 1);
    ++number_;
    return true;
  }
  std::string_view word() {
    const std::size_t end = line_.find(' ');
    const std::string_view word = line_.substr(0, end);
    line_.remove_prefix(end == std::string_view::npos ? line_.size() : end + 1);
    return word;
  }
  std::string rest() { return std::string(line_); }
  std::uint64_t number(int base = 10) {
    const std::string_view text = word();
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    failed_ = failed_ || error != std::errc{} || end != text.data() + text.size();
    return value;
  }
  std::string page() {
    if (text_.size() < page_bytes) {
      failed_ = true;
      return {};
    }
    std::string bytes(text_.substr(0, page_bytes));
    text_.remove_prefix(page_bytes);
    if (!text_.empty() && text_.front() == '\n') {
      text_.remove_prefix(1);
    }
    return bytes;
  }
  [[nodiscard]] bool failed() const { return failed_; }
  void fail() { failed_ = true; }
  [[nodiscard]] std::size_t line_number() const { return number_; }

 private:
  std::string_view text_;
  std::string_view line_;
  std::size_t number_ = 0;
  bool failed_ = false;
};

void append_mapping(std::string& out, const Mapping& mapping) {
  out += "mapping " + hexadecimal(mapping.begin) + " " + hexadecimal(mapping.end) + " ";
  out += mapping.readable ? 'r' : '-';
  out += mapping.writable ? 'w' : '-';
  out += mapping.executable ? 'x' : '-';
  out += mapping.shared ? 's' : 'p';
  out += mapping.outside_rss ? 'o' : '-';
  out += mapping.without_huge ? 'n' : '-';
  out += " " + hexadecimal(mapping.offset);
  for (const std::uint64_t number : {mapping.inode, mapping.rss, mapping.pss, mapping.swap,
                                     mapping.anonymous, mapping.lazy_free, mapping.huge}) {
    out += " " + std::to_string(number);
  }
  out += " " + (mapping.device.empty() ? "-" : mapping.device) + " " + mapping.name + "\n";
}

Mapping read_mapping(Cursor& line) {
  Mapping mapping;
  mapping.begin = line.number(16);
  mapping.end = line.number(16);
  const std::string_view flags = line.word();
  // Older recordings have no sixth one.
  if (flags.size() < 5 || flags.size() > 6 || mapping.begin >= mapping.end) {
    line.fail();
    return mapping;
  }
  mapping.readable = flags[0] == 'r';
  mapping.writable = flags[1] == 'w';
  mapping.executable = flags[2] == 'x';
  mapping.shared = flags[3] == 's';
  mapping.outside_rss = flags[4] == 'o';
  mapping.without_huge = flags.size() == 6 && flags[5] == 'n';
  mapping.offset = line.number(16);
  for (std::uint64_t* const field : {&mapping.inode, &mapping.rss, &mapping.pss, &mapping.swap,
                                     &mapping.anonymous, &mapping.lazy_free, &mapping.huge}) {
    *field = line.number();
  }
  const std::string_view device = line.word();
  mapping.device = device == "-" ? "" : device;
  mapping.name = line.rest();
  return mapping;
}

void append_facts(std::string& out, const Facts& facts) {
  out += "pid " + std::to_string(facts.pid) + "\ncommand " + facts.command + "\nexe " + facts.exe +
         "\n";
  for (const std::string& argument : facts.arguments) {
    if (argument.find('\n') == std::string::npos) {
      out += "argument " + argument + "\n";
    }
  }
  out += "numbers";
  for (const std::uint64_t number :
       {facts.start_ticks, std::uint64_t{facts.uid}, facts.threads, facts.vm_rss, facts.rss_anon,
        facts.rss_file, facts.rss_shmem, facts.vm_swap}) {
    out += " " + std::to_string(number);
  }
  out += "\n";
}

void read_numbers(Cursor& line, Facts& facts) {
  facts.start_ticks = line.number();
  facts.uid = static_cast<unsigned>(line.number());
  for (std::uint64_t* const field : {&facts.threads, &facts.vm_rss, &facts.rss_anon,
                                     &facts.rss_file, &facts.rss_shmem, &facts.vm_swap}) {
    *field = line.number();
  }
}

void read_run(Cursor& line, Recording& recording) {
  Run run{.begin = line.number(16), .end = line.number(16)};
  const std::string_view kind = line.word();
  run.file = kind.find('f') != std::string_view::npos;
  run.huge = kind.find('h') != std::string_view::npos;
  const bool ordered = recording.runs.empty() || recording.runs.back().end <= run.begin;
  if (run.begin >= run.end || !ordered) {
    line.fail();
    return;
  }
  recording.runs.push_back(run);
}

void read_thread(Cursor& line, Recording& recording) {
  Thread thread;
  thread.tid = static_cast<int>(line.number());
  const std::string_view pointer = line.word();
  std::uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(pointer.data(), pointer.data() + pointer.size(), value, 16);
  if (error == std::errc{}) {
    thread.stack_pointer = value;
  }
  thread.name = line.rest();
  recording.threads.push_back(std::move(thread));
}

void read_line(Cursor& line, Recording& recording) {
  const std::string_view kind = line.word();
  if (kind == "pid") {
    recording.facts.pid = static_cast<int>(line.number());
  } else if (kind == "command") {
    recording.facts.command = line.rest();
  } else if (kind == "exe") {
    recording.facts.exe = line.rest();
  } else if (kind == "argument") {
    recording.facts.arguments.push_back(line.rest());
  } else if (kind == "numbers") {
    read_numbers(line, recording.facts);
  } else if (kind == "denied") {
    recording.denied = line.rest();
  } else if (kind == "mapping") {
    Mapping mapping = read_mapping(line);
    if (!recording.mappings.empty() && recording.mappings.back().end > mapping.begin) {
      line.fail();
    }
    recording.mappings.push_back(std::move(mapping));
  } else if (kind == "run") {
    read_run(line, recording);
  } else if (kind == "swapped") {
    recording.swapped.push_back({line.number(16), line.number(16)});
  } else if (kind == "thread") {
    read_thread(line, recording);
  } else if (kind == "page") {
    const std::uint64_t address = line.number(16);
    recording.pages[address] = line.page();
  } else if (kind == "file_page") {
    const std::uint64_t offset = line.number(16);
    std::string name = line.rest();
    recording.file_pages[{std::move(name), offset}] = line.page();
  } else {
    line.fail();
  }
}

}  // namespace

std::shared_ptr<const ProcessView> view_of(Recording recording) {
  Facts facts = recording.facts;
  std::vector<Mapping> mappings = recording.mappings;
  Residency residency(recording.runs, recording.swapped);
  std::vector<Thread> threads = recording.threads;
  return std::make_shared<ProcessView>(std::move(facts), std::move(mappings), std::move(residency),
                                       std::move(threads),
                                       std::make_shared<RecordedMemory>(std::move(recording)));
}

std::size_t Recorder::read(std::uint64_t address, std::span<std::byte> out) const {
  const std::size_t got = source_->read(address, out);
  keep_pages(
      address, got,
      [this](std::uint64_t page, std::string bytes) { pages_[page] = std::move(bytes); },
      [this](std::uint64_t page, std::span<std::byte> bytes) {
        return pages_.count(page) == 0 && source_->read(page, bytes) == bytes.size();
      });
  return got;
}

std::size_t Recorder::read_file(const Mapping& mapping, std::uint64_t offset,
                                std::span<std::byte> out) const {
  const std::size_t got = source_->read_file(mapping, offset, out);
  keep_pages(
      offset, got,
      [&](std::uint64_t page, std::string bytes) {
        file_pages_[{mapping.name, page}] = std::move(bytes);
      },
      [&](std::uint64_t page, std::span<std::byte> bytes) {
        return file_pages_.count({mapping.name, page}) == 0 &&
               source_->read_file(mapping, page, bytes) == bytes.size();
      });
  return got;
}

Recording Recorder::recording(const ProcessView& view) const {
  const Residency& residency = view.residency();
  return {.facts = view.facts(),
          .mappings = {view.mappings().begin(), view.mappings().end()},
          .runs = {residency.runs().begin(), residency.runs().end()},
          .swapped = {residency.swapped().begin(), residency.swapped().end()},
          .threads = {view.threads().begin(), view.threads().end()},
          .pages = pages_,
          .file_pages = file_pages_,
          .denied = denied()};
}

Recorded record(const ProcessView& view) {
  const auto recorder = std::make_shared<Recorder>(view.memory());
  return {std::make_shared<ProcessView>(
              view.facts(), std::vector<Mapping>(view.mappings().begin(), view.mappings().end()),
              view.residency(), std::vector<Thread>(view.threads().begin(), view.threads().end()),
              recorder),
          recorder};
}

std::string to_bytes(const Recording& recording) {
  std::string out = std::string(first_line) + "\n";
  append_facts(out, recording.facts);
  if (!recording.denied.empty()) {
    out += "denied " + recording.denied + "\n";
  }
  for (const Mapping& mapping : recording.mappings) {
    append_mapping(out, mapping);
  }
  for (const Run& run : recording.runs) {
    out += "run " + hexadecimal(run.begin) + " " + hexadecimal(run.end) + " " +
           (run.file ? "f" : "a") + (run.huge ? "h" : "") + "\n";
  }
  for (const Range& range : recording.swapped) {
    out += "swapped " + hexadecimal(range.begin) + " " + hexadecimal(range.end) + "\n";
  }
  for (const Thread& thread : recording.threads) {
    out += "thread " + std::to_string(thread.tid) + " " +
           (thread.stack_pointer ? hexadecimal(*thread.stack_pointer) : "-") + " " + thread.name +
           "\n";
  }
  for (const auto& [address, bytes] : recording.pages) {
    out += "page " + hexadecimal(address) + "\n" + bytes + "\n";
  }
  for (const auto& [key, bytes] : recording.file_pages) {
    out += "file_page " + hexadecimal(key.second) + " " + key.first + "\n" + bytes + "\n";
  }
  return pprof::gzip(out);
}

base::Result<Recording> parse_recording(std::string_view bytes) {
  std::string content;
  if (pprof::is_gzip(bytes)) {
    auto unpacked = pprof::gunzip(bytes, recording_bytes_max);
    if (!unpacked) {
      return tl::unexpected(unpacked.error());
    }
    content.assign(unpacked->data(), unpacked->size());
    bytes = content;
  }
  Cursor line(bytes);
  if (!line.next_line() || line.rest() != first_line) {
    return base::fail(base::ErrorKind::invalid, "this is no recording: its first line is not \"" +
                                                    std::string(first_line) + "\"");
  }
  Recording recording;
  while (line.next_line()) {
    read_line(line, recording);
    if (line.failed()) {
      return base::fail(base::ErrorKind::invalid, "line " + std::to_string(line.line_number()) +
                                                      " of the recording is damaged");
    }
  }
  return recording;
}

}  // namespace heapwatch::memory::process
