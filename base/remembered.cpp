#include "base/remembered.h"

namespace heapwatch::base {

namespace {

/// Never destroyed: what is counted may be given back while the process ends.
std::atomic<RememberedBytes*>& in_use() {
  static auto* const own = new RememberedBytes;
  static std::atomic<RememberedBytes*> used{own};
  return used;
}

}  // namespace

RememberedBytes& remembered() {
  return *in_use().load(std::memory_order_relaxed);
}

void share_remembered(RememberedBytes& with) {
  RememberedBytes* const before = in_use().exchange(&with);
  if (before != &with) {
    with.bytes.fetch_add(before->bytes.exchange(0));
  }
}

}  // namespace heapwatch::base
