#include "memory/mappings/mappings.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace heapwatch::memory::mappings {

namespace {

using process::Mapping;

bool starts_with(std::string_view text, std::string_view begin) {
  return text.compare(0, begin.size(), begin) == 0;
}

Claim whole(const Mapping& mapping, Space space, std::string owner, std::string detail = {}) {
  return {.begin = mapping.begin,
          .end = mapping.end,
          .space = space,
          .owner = std::move(owner),
          .state = State::mapped,
          .source = Source::mapping,
          .detail = std::move(detail)};
}

/// The kind of shared memory behind a mapping; empty when it is none.
std::string_view shared_kind(const Mapping& mapping) {
  struct Kind {
    std::string_view begin;
    std::string_view name;
  };
  constexpr std::array<Kind, 6> kinds{{{"/dev/shm/", "/dev/shm"},
                                       {"/run/shm/", "/dev/shm"},
                                       {"/memfd:", "memfd"},
                                       {"/SYSV", "System V"},
                                       {"/dev/zero", "anonymous, shared"},
                                       {"anon_inode:", "anonymous inode"}}};
  for (const Kind& kind : kinds) {
    if (starts_with(mapping.name, kind.begin)) {
      return kind.name;
    }
  }
  const bool has_path = !mapping.name.empty() && mapping.name.front() == '/';
  return mapping.shared && !has_path ? "anonymous, shared" : std::string_view{};
}

/// Of what the shared memory is, where its name tells: ZGC has Java's heap in a memfd.
std::string shared_detail(const Mapping& mapping) {
  return starts_with(mapping.name, "/memfd:java_heap") ? "Java's heap" : "";
}

}  // namespace

Found find_kernel(const Look& look) {
  Found found;
  for (const Mapping& mapping : look.view.mappings()) {
    if (mapping.name == "[vdso]" || mapping.name == "[uprobes]" || mapping.name == "[sigpage]") {
      found.claims.push_back(whole(mapping, Space::other, "kernel", "code it lends: [vdso]"));
    }
  }
  return found;
}

Found find_shared(const Look& look) {
  Found found;
  for (const Mapping& mapping : look.view.mappings()) {
    const std::string_view kind = shared_kind(mapping);
    if (kind.empty()) {
      continue;
    }
    if (mapping.shared) {
      found.claims.push_back(
          whole(mapping, Space::shared, std::string(kind), shared_detail(mapping)));
      continue;
    }
    // Mapped privately: what was written is a copy of the process's own.
    for (const process::Run& run : look.view.residency().runs_in(mapping.begin, mapping.end)) {
      if (run.file) {
        Claim claim = whole(mapping, Space::shared, std::string(kind), shared_detail(mapping));
        claim.begin = std::max(run.begin, mapping.begin);
        claim.end = std::min(run.end, mapping.end);
        found.claims.push_back(std::move(claim));
      }
    }
  }
  return found;
}

Found find_named(const Look& look) {
  Found found;
  for (const Mapping& mapping : look.view.mappings()) {
    if (mapping.name == "[heap]") {
      found.claims.push_back(whole(mapping, Space::native, "brk heap", "of an unknown allocator"));
    } else if (starts_with(mapping.name, "[anon:") || starts_with(mapping.name, "[anon_shmem:")) {
      found.claims.push_back(whole(mapping, Space::other, mapping.name));
    }
  }
  return found;
}

Found find_code(const Look& look) {
  Found found;
  for (const Mapping& mapping : look.view.mappings()) {
    if (mapping.executable && mapping.is_anonymous() && mapping.name.empty()) {
      found.claims.push_back(
          whole(mapping, Space::other, "generated code", "of a compiler at run time"));
    }
  }
  return found;
}

}  // namespace heapwatch::memory::mappings
