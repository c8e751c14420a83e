#include "base/printable_stream.h"

#include <algorithm>
#include <string>

#include "base/printable.h"

namespace heapwatch::base {

namespace {

/// What begins a line of a terminal anew.
constexpr std::string_view line_anew = "\r\x1b[K";

/// `\x1b[31m` and the like.
bool is_color(std::string_view text) {
  constexpr std::string_view begin = "\x1b[";
  constexpr std::size_t bytes_max = 6;
  if (text.size() > bytes_max || !text.starts_with(begin) || !text.ends_with('m')) {
    return false;
  }
  const std::string_view digits = text.substr(begin.size(), text.size() - begin.size() - 1);
  return !digits.empty() &&
         std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

PrintableStream::PrintableStream(std::ostream& stream) : stream_(stream), buffer_(stream.rdbuf()) {
  stream_.rdbuf(&buffer_);
}

PrintableStream::~PrintableStream() {
  const auto state = stream_.rdstate();
  stream_.rdbuf(buffer_.to());  // which clears the state
  stream_.clear(state);
}

bool PrintableStream::Buffer::write(std::string_view text) {
  const auto size = static_cast<std::streamsize>(text.size());
  return to_->sputn(text.data(), size) == size;
}

PrintableStream::Buffer::int_type PrintableStream::Buffer::overflow(int_type c) {
  if (traits_type::eq_int_type(c, traits_type::eof())) {
    return traits_type::not_eof(c);
  }
  const char character = traits_type::to_char_type(c);
  return write(printable_lines({&character, 1})) ? c : traits_type::eof();
}

std::streamsize PrintableStream::Buffer::xsputn(const char* text, std::streamsize size) {
  const std::string_view all(text, static_cast<std::size_t>(size));
  return write(is_color(all) || all == line_anew ? std::string(all) : printable_lines(all)) ? size
                                                                                            : 0;
}

}  // namespace heapwatch::base
