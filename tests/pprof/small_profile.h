// A heap profile of three stacks for tests: in use 1 kB and 3 kB, and 8 kB that are free again.
#pragma once

#include <string>
#include <utility>

#include "pprof/parse.h"
#include "pprof/session.h"

namespace heapwatch::pprof {

inline Session small_session() {
  const std::string text =
      "heap profile: 3: 4096 [5: 12288] @ heap/2\n"
      "1: 1024 [2: 2048] @ 0x11 0x21 0x31\n"
      "#\t0x10\tmain.leaf+0x1\t/src/main.go:5\n"
      "#\t0x20\tmain.middle+0x2\t/src/main.go:9\n"
      "#\t0x30\tmain.main+0x3\t/src/main.go:20\n"
      "\n"
      "2: 3072 [2: 3072] @ 0x41 0x31\n"
      "#\t0x40\texample.com/kit/store.(*Map).grow+0x1\t/src/kit/store/map.go:7\n"
      "#\t0x30\tmain.main+0x3\t/src/main.go:20\n"
      "\n"
      "0: 0 [1: 8192] @ 0x51 0x31\n"
      "#\t0x50\tmain.spent+0x1\t/src/main.go:33\n"
      "#\t0x30\tmain.main+0x3\t/src/main.go:20\n";
  return Session(std::move(parse_profile(text, {}).value()));
}

}  // namespace heapwatch::pprof
