#include "memory/native/untracked_frees.h"

#include <algorithm>
#include <utility>

namespace heapwatch::memory::native {

std::vector<UntrackedFree> own_untracked_frees() {
  std::vector<memtrack_untracked_site> sites(memtrack_untracked_sites_max);
  sites.resize(std::min(memtrack_untracked_sites(sites.data(), sites.size()), sites.size()));
  const std::vector<NativeHeap::Mapping> mappings =
      sites.empty() ? std::vector<NativeHeap::Mapping>{} : own_mappings();
  std::vector<UntrackedFree> frees;
  frees.reserve(sites.size());
  for (const memtrack_untracked_site& site : sites) {
    frees.push_back(described(site, memtrack_component_name(site.component), mappings));
  }
  return frees;
}

UntrackedFree described(const memtrack_untracked_site& site, std::string component,
                        const std::vector<NativeHeap::Mapping>& mappings) {
  return {.kind = site.kind == memtrack_double_free ? "double free" : "foreign free",
          .count = site.count,
          .last = hexadecimal(reinterpret_cast<std::uintptr_t>(site.last)),
          .component = std::move(component),
          .stack = described_stack({site.stack, site.stack + site.depth}, mappings)};
}

void append_untracked_frees(std::string& out, const std::vector<UntrackedFree>& frees) {
  for (const UntrackedFree& free : frees) {
    out += "    " + std::to_string(free.count) + " x " + free.kind + ", last of " + free.last +
           (free.component.empty() ? "" : ", in " + free.component) + '\n';
    for (const std::string& frame : free.stack) {
      out += "      " + frame + '\n';
    }
    out += '\n';
  }
}

}  // namespace heapwatch::memory::native
