#include "memory/glibc/journal.h"

#include <gmock/gmock.h>

#include <ostream>

namespace heapwatch::memory::glibc {

void PrintTo(const Journal::Entry& entry, std::ostream* out) {
  *out << entry.size << " at " << entry.address << " is " << static_cast<int>(entry.seen);
}

namespace {

using ::testing::ElementsAre;

std::vector<Journal::Entry> entries_of(const Journal& journal) {
  std::vector<Journal::Entry> entries;
  Journal::Reader reader(journal);
  while (const auto entry = reader.next()) {
    entries.push_back(*entry);
  }
  return entries;
}

Journal journal_of(const std::vector<Journal::Entry>& entries) {
  Journal journal;
  std::uint64_t end = 0;
  for (const Journal::Entry& entry : entries) {
    if (entry.address != end) {
      journal.begin_piece(entry.address);
    }
    journal.add(entry.size, entry.seen);
    end = entry.address + entry.size;
  }
  return journal;
}

TEST(Journal, GivesBackWhatItWasToldByAddressWhateverTheOrderOfPieces) {
  const std::uint64_t gigabytes = std::uint64_t{5} << 30;
  const Journal journal = journal_of({{0x5000, 0x20, Seen::live},
                                      {0x5020, gigabytes, Seen::free},
                                      {0x1000, 0x1f0, Seen::idle},
                                      {0x11f0, 0x200, Seen::live}});
  EXPECT_THAT(entries_of(journal), ElementsAre(Journal::Entry{0x1000, 0x1f0, Seen::idle},
                                               Journal::Entry{0x11f0, 0x200, Seen::live},
                                               Journal::Entry{0x5000, 0x20, Seen::live},
                                               Journal::Entry{0x5020, gigabytes, Seen::free}));
  EXPECT_TRUE(entries_of(Journal()).empty());
}

TEST(Journal, TakesAByteForASmallChunk) {
  Journal journal;
  journal.begin_piece(0);
  journal.add(0x1f0, Seen::live);
  EXPECT_EQ(journal.bytes(), 1U);
  journal.add(0x200, Seen::live);
  EXPECT_EQ(journal.bytes(), 3U);
}

TEST(Journal, KnowsWhatWasSeenInUse) {
  const Journal journal = journal_of(
      {{0x1000, 0x20, Seen::live}, {0x1020, 0x40, Seen::free}, {0x1060, 0x40, Seen::live}});
  EXPECT_THAT(seen_in_use(journal, {{0x1060, 0x40},
                                    {0x1000, 0x30},    // of another size
                                    {0x1020, 0x40},    // free
                                    {0x1010, 0x20},    // no chunk
                                    {0x1060, 0x40}}),  // twice
              ElementsAre(FreeChunk{0x1060, 0x40}));
}

Moved moved(const std::vector<Journal::Entry>& before, const std::vector<Journal::Entry>& after,
            const std::vector<FreeChunk>& listed_before = {},
            const std::vector<FreeChunk>& listed_after = {}) {
  return moved_between({journal_of(before), listed_before}, {journal_of(after), listed_after});
}

TEST(Journal, WhatIsAlikeInBothHasNotMoved) {
  const std::vector<Journal::Entry> all{{0x1000, 0x20, Seen::live}, {0x1020, 0x40, Seen::free}};
  EXPECT_EQ(moved(all, all).before, 0U);
  EXPECT_EQ(moved(all, all).after, 0U);
}

TEST(Journal, WhatWasFreedOrAllocatedHasMoved) {
  const Moved one =
      moved({{0x1000, 0x20, Seen::live}, {0x1020, 0x40, Seen::free}, {0x1060, 0x100, Seen::live}},
            {{0x1000, 0x20, Seen::idle}, {0x1020, 0x40, Seen::live}, {0x1060, 0x100, Seen::live}});
  EXPECT_EQ(one.before, 0x18U);
  EXPECT_EQ(one.after, 0x38U);
}

TEST(Journal, WhatWasCutAnewHasMovedAndWhatLiesBehindItHasNot) {
  const Moved one =
      moved({{0x1000, 0x80, Seen::live}, {0x1080, 0x100, Seen::live}},
            {{0x1000, 0x40, Seen::live}, {0x1040, 0x40, Seen::live}, {0x1080, 0x100, Seen::live}});
  EXPECT_EQ(one.before, 0x78U);
  EXPECT_EQ(one.after, 2 * 0x38U);
}

TEST(Journal, WhatAListHadOnceHasMovedAndWhatItHadTwiceIsNotLive) {
  const std::vector<Journal::Entry> all{{0x1000, 0x20, Seen::live}, {0x1020, 0x40, Seen::live}};
  EXPECT_EQ(moved(all, all, {{0x1020, 0x40}}, {{0x1020, 0x40}}).after, 0U);
  EXPECT_EQ(moved(all, all, {{0x1020, 0x40}}, {}).after, 0x38U);
  EXPECT_EQ(moved(all, all, {}, {{0x1020, 0x40}}).before, 0x38U);
}

}  // namespace
}  // namespace heapwatch::memory::glibc
