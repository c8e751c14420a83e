#include "agent/profiles/programs.h"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "agent/pages/own_heap.h"
#include "agent/wiring/configured.h"
#include "base/hash.h"
#include "base/mix.h"
#include "check/memory_verdicts.h"
#include "check/profile_pages.h"
#include "check/target_url.h"
#include "memory/native/find_books.h"
#include "memory/native/native_heap.h"

namespace heapwatch::agent::profiles {

namespace {

using exporters::pyroscope::Heap;
using exporters::pyroscope::Program;
using memory::native::NativeHeap;

/// Equal when no block that is on the books was allocated or freed. Blocks grow older, and that is
/// no change.
std::uint64_t state_of(const NativeHeap& heap) {
  std::uint64_t state = 0;
  for (const NativeHeap::Record& record : heap.records) {
    if (record.allocated != 0 || record.inuse != 0) {
      std::uint64_t hash = base::mix(static_cast<std::uint64_t>(record.books), record.number);
      hash = base::mix(hash, static_cast<std::uint64_t>(record.allocated));
      state += base::mix(hash, static_cast<std::uint64_t>(record.inuse));
    }
  }
  return state;
}

/// With the names of functions: who gets it has no files to look them up in.
std::optional<Heap> heap_of(NativeHeap heap) {
  const std::uint64_t state = state_of(heap);
  return Heap{.state = state, .profile = [held = std::make_shared<NativeHeap>(std::move(heap))] {
                return memory::native::native_profile(*held, {.symbolize = true});
              }};
}

std::optional<std::string> service_tag(const metrics::Tags& tags) {
  static constexpr std::string_view key = "service:";
  const auto found = std::find_if(tags.begin(), tags.end(), [](const std::string& tag) {
    return tag.starts_with(key) && tag.size() > key.size();
  });
  return found == tags.end() ? std::nullopt : std::optional(found->substr(key.size()));
}

Program ourselves() {
  return {.id = "heapwatch",
          .service = "heapwatch",
          .tags = {},
          .page = nullptr,
          .take = []() -> base::Result<std::optional<Heap>> {
            auto heap = pages::own_heap(wiring::python_loader(), {});
            if (!heap) {
              return tl::unexpected(heap.error());
            }
            return heap_of(*std::move(heap));
          }};
}

Program watched(const check::memory::Sighting& seen) {
  return {.id = "process " + std::to_string(seen.pid) + "/" + std::to_string(seen.start_ticks),
          .service = service_tag(seen.tags).value_or(seen.name),
          .tags = seen.tags,
          .page = nullptr,
          .take = [pid = seen.pid]() -> base::Result<std::optional<Heap>> {
            const auto process = memory::native::find_books(pid);
            return process ? heap_of(process->heap()) : std::nullopt;
          }};
}

Program target(check::ProfilePage page) {
  std::string id = "go " + page.target;
  for (const std::string& tag : page.tags) {
    id += ' ' + tag;
  }
  return {.id = std::move(id),
          .service = service_tag(page.tags).value_or(check::place_of(page.target)),
          .tags = std::move(page.tags),
          .spy = "gospy",
          .page = std::move(page.request),
          .take = nullptr};
}

}  // namespace

std::vector<Program> programs() {
  std::vector<Program> programs{ourselves()};
  for (const check::memory::Sighting& seen : check::memory_sightings().all()) {
    if (seen.pid != getpid()) {
      programs.push_back(watched(seen));
    }
  }
  for (check::ProfilePage& page : check::profile_pages().all()) {
    programs.push_back(target(std::move(page)));
  }
  return programs;
}

}  // namespace heapwatch::agent::profiles
