// A stream that people read, whoever the text comes from.
#pragma once

#include <ostream>
#include <streambuf>
#include <string_view>

namespace heapwatch::base {

/// While it lives, what is written to `stream` comes out as printable_lines() has it. A colour (one
/// of the short sequences that begin or end it) and "\r\x1b[K", which begins a line of a terminal
/// anew, pass when they are written by themselves.
///
/// A character must not be divided between two writes.
class PrintableStream {
 public:
  explicit PrintableStream(std::ostream& stream);
  PrintableStream(const PrintableStream&) = delete;
  PrintableStream& operator=(const PrintableStream&) = delete;
  ~PrintableStream();

 private:
  class Buffer final : public std::streambuf {
   public:
    explicit Buffer(std::streambuf* to) : to_(to) {}
    [[nodiscard]] std::streambuf* to() const { return to_; }

   protected:
    int_type overflow(int_type c) override;
    std::streamsize xsputn(const char* text, std::streamsize size) override;
    int sync() override { return to_->pubsync(); }

   private:
    bool write(std::string_view text);

    std::streambuf* to_;
  };

  std::ostream& stream_;
  Buffer buffer_;
};

}  // namespace heapwatch::base
