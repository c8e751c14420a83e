#include "symbols/demangle.h"

#include <gtest/gtest.h>

#include <string>

namespace heapwatch::symbols {
namespace {

TEST(Demangle, ReadsNamesOfCxxInEachStyle) {
  const std::string name = "_ZNK4shop5ShelfISsiE3putERKSsi";
  EXPECT_EQ(demangled(name, Demangle::none), name);
  EXPECT_EQ(demangled(name, Demangle::full),
            "shop::Shelf<std::string, int>::put(std::string const&, int) const");
  EXPECT_EQ(demangled(name, Demangle::templates), "shop::Shelf<std::string, int>::put");
  EXPECT_EQ(demangled(name, Demangle::simple), "shop::Shelf::put");
}

TEST(Demangle, LeavesNamesOfOtherLanguagesAlone) {
  for (const char* const name : {"malloc", "main.(*shelf[...]).put", "_cgo_0123_Cfunc_free", "_Z",
                                 "_R", "_RX", "", "_ZN", "_ZN9"}) {
    EXPECT_EQ(demangled(name), name);
    EXPECT_EQ(demangled(name, Demangle::simple), name);
  }
}

TEST(Demangle, ShortensWhatACompilerMayWrite) {
  const auto simple = [](const char* name) { return shortened(name, Demangle::simple); };
  EXPECT_EQ(simple("int* make<int>(unsigned long)"), "make");
  EXPECT_EQ(simple("a::(anonymous namespace)::b(int)"), "a::(anonymous namespace)::b");
  EXPECT_EQ(simple("A::operator()(int) const"), "A::operator()");
  EXPECT_EQ(simple("shop::operator<<(shop::Base const&, int)"), "shop::operator<<");
  EXPECT_EQ(simple("bool operator< <int>(A<int> const&)"), "operator<");
  EXPECT_EQ(simple("A<int>::operator->() const"), "A::operator->");
  EXPECT_EQ(simple("operator new(unsigned long)"), "operator new");
  EXPECT_EQ(simple("A::operator unsigned int() const"), "A::operator unsigned int");
  EXPECT_EQ(simple("main::{lambda(int)#1}::operator()(int) const"), "main::{lambda#1}::operator()");
  EXPECT_EQ(simple("f(int (*)(char))::{lambda()#2}::_FUN()"), "f::{lambda#2}::_FUN");
  EXPECT_EQ(simple("void f<int>(int) [clone .cold]"), "f");
  EXPECT_EQ(simple("plain"), "plain");
  EXPECT_EQ(simple("broken<(("), "broken");
}

TEST(Demangle, ReadsOldNamesOfRust) {
  EXPECT_EQ(demangled("_ZN4core3fmt9Formatter3pad17h0123456789abcdefE"),
            "core::fmt::Formatter::pad");
  EXPECT_EQ(
      demangled(
          "_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$GT$3bar17h"
          "930b740aa94f1d3aE"),
      "<Test + 'static as foo::Bar<Test>>::bar");
  EXPECT_EQ(demangled("_ZN5alloc7raw_vec19RawVec$LT$T$C$A$GT$7reserve17h00112233445566eeE"),
            "alloc::raw_vec::RawVec<T,A>::reserve");
}

TEST(Demangle, ReadsNamesOfRust) {
  EXPECT_EQ(demangled("_RNvCs15kBYyAo9fc_7mycrate7example"), "mycrate::example");
  EXPECT_EQ(demangled("_RNvMs_Cs4Cv8Wi1oAIB_7mycrateNtB4_7Example3foo"), "<mycrate::Example>::foo");
  EXPECT_EQ(demangled("_RNvXCs15kBYyAo9fc_7mycrateNtB2_7ExampleNtB2_5Trait3foo"),
            "<mycrate::Example as mycrate::Trait>::foo");
  EXPECT_EQ(demangled("_RNCNCNgCs6DXkGYLi8lr_2cc5spawn00B5_"),
            "cc::spawn::{closure#0}::{closure#0}");
  EXPECT_EQ(demangled("_RINvCs15kBYyAo9fc_7mycrate7exampleReKj7_EB2_"),
            "mycrate::example::<&str, 7>");
  EXPECT_EQ(demangled("_RNvMC0INtC8arrayvec8ArrayVechKj7b_E3new"),
            "<arrayvec::ArrayVec<u8, 123>>::new");
  EXPECT_EQ(demangled("_RINvC1a1fTlRShQFUKCPhEuEE"),
            "a::f::<(i32, &[u8], &mut unsafe extern \"C\" fn(*const u8))>");
  EXPECT_EQ(demangled("_RNqCs4fqI2P2rA04_11utf8_identsu30____7hkackfecea1cbdathfdh9hlq6y"),
            "utf8_idents::\xe1\x83\xa1\xe1\x83\x90\xe1\x83\xad\xe1\x83\x9b\xe1\x83\x94\xe1\x83\x9a"
            "\xe1\x83\x90\xe1\x83\x93_\xe1\x83\x92\xe1\x83\x94\xe1\x83\x9b\xe1\x83\xa0\xe1\x83\x98"
            "\xe1\x83\x94\xe1\x83\x9a\xe1\x83\x98_\xe1\x83\xa1\xe1\x83\x90\xe1\x83\x93\xe1\x83\x98"
            "\xe1\x83\x9a\xe1\x83\x98");
  EXPECT_EQ(demangled("_RNvC5crateu8gdel_5qa"),
            "crate::g\xc3\xb6"
            "del");
}

TEST(Demangle, EndsOnNamesThatAreMadeToKeepItBusy) {
  std::string deep = "_R";
  for (int i = 0; i < 3000; ++i) {
    deep += "Y";
  }
  EXPECT_EQ(demangled(deep), deep);
  // Each tuple names the one before it twice.
  std::string wide = "_RINvC1a1f";
  std::size_t before = wide.size() - 2;
  wide += "TllE";
  for (int i = 0; i < 40; ++i) {
    const std::size_t here = wide.size() - 2;
    std::string back;
    for (std::size_t place = before - 1;; place /= 62) {
      const std::size_t digit = place % 62;
      back.insert(back.begin(), static_cast<char>(digit < 10   ? '0' + digit
                                                  : digit < 36 ? 'a' + (digit - 10)
                                                               : 'A' + (digit - 36)));
      if (place < 62) {
        break;
      }
    }
    wide += "TB" + back + "_B" + back + "_E";
    before = here;
  }
  wide += "E";
  EXPECT_EQ(demangled(wide), wide);
  const std::string longest = "_Z" + std::string(9000, 'P') + "i";
  EXPECT_EQ(demangled(longest), longest);
}

}  // namespace
}  // namespace heapwatch::symbols
