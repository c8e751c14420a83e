#include "base/printable.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "base/printable_stream.h"

namespace heapwatch::base {
namespace {

TEST(Printable, KeepsWhatPeopleRead) {
  EXPECT_EQ(printable(""), "");
  EXPECT_EQ(printable("a\\b \"c\" {d}"), "a\\b \"c\" {d}");
  EXPECT_EQ(printable("größe µs 内存 😀"), "größe µs 内存 😀");
}

TEST(Printable, EscapesControlCharacters) {
  EXPECT_EQ(printable("a\nb\tc\rd"), "a\\nb\\tc\\rd");
  EXPECT_EQ(printable("\x1b[31mred\x07"), "\\x1b[31mred\\x07");
  EXPECT_EQ(printable(std::string_view("a\0b\x7f", 4)), "a\\x00b\\u007f");
  EXPECT_EQ(printable("\xc2\x80\xc2\x9b\x31m\xc2\x9f\xc2\xa0"), "\\u0080\\u009b1m\\u009f\xc2\xa0");
}

TEST(Printable, EscapesWhatTurnsTheDirectionOfWritingOrEndsALine) {
  EXPECT_EQ(printable("a\u202ab\u202ec\u2066d\u2069e"), "a\\u202ab\\u202ec\\u2066d\\u2069e");
  EXPECT_EQ(printable("\u200e\u200f\u061c\u2028\u2029"), "\\u200e\\u200f\\u061c\\u2028\\u2029");
  EXPECT_EQ(printable("\u2027\u202f\u2065\u206a\u200d"), "\u2027\u202f\u2065\u206a\u200d");
}

TEST(Printable, EscapesEachByteThatIsNotUtf8) {
  EXPECT_EQ(printable("\xff\x9b"), "\\xff\\x9b");
  EXPECT_EQ(printable("a\xc3"), "a\\xc3");                           // cut short
  EXPECT_EQ(printable("\xc0\x8a"), "\\xc0\\x8a");                    // a newline in two bytes
  EXPECT_EQ(printable("\xe0\x80\x8a"), "\\xe0\\x80\\x8a");           // in three
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // half of a pair
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // past the last
  EXPECT_EQ(printable("\xe2\x80x"), "\\xe2\\x80x");
}

TEST(Printable, LinesKeepNewlinesAndTabsAlone) {
  EXPECT_EQ(printable_lines("a\n\tb\r\x1b\u202e\xff"), "a\n\tb\\r\\x1b\\u202e\\xff");
}

TEST(Printable, LetsNothingThroughWhateverTheBytesAre) {
  std::string every;
  for (unsigned a = 0; a < 256; ++a) {
    for (unsigned b = 0; b < 256; ++b) {
      every += static_cast<char>(a);
      every += static_cast<char>(b);
    }
  }
  const std::string shown = printable(every);
  for (const char c : shown) {
    EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  }
  EXPECT_EQ(printable(shown), shown);  // all of it is valid, and nothing is left to escape
}

TEST(PrintableStream, EscapesWhatIsWrittenWhileItLivesButForColoursOfItsOwn) {
  std::ostringstream out;
  {
    const PrintableStream printable_out(out);
    out << "\x1b[31m"
        << "error\x1b[2J" << 7 << "\x1b[0m" << '\n'
        << '\r' << "größe\n";
  }
  out << "\r";
  EXPECT_EQ(out.str(), "\x1b[31merror\\x1b[2J7\x1b[0m\n\\rgröße\n\r");
}

TEST(PrintableStream, TellsThatTheStreamBelowTakesNoMore) {
  class Full final : public std::streambuf {};
  Full full;
  std::ostream out(&full);
  {
    const PrintableStream printable_out(out);
    out << "text";
    EXPECT_FALSE(out);
  }
  EXPECT_FALSE(out);
}

}  // namespace
}  // namespace heapwatch::base
