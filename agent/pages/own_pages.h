// The pages that heapwatch serves of itself: one table, a row a page.
#pragma once

#include <functional>
#include <vector>

#include "agent/pages/http_sd.h"
#include "agent/pages/memory_page.h"
#include "agent/pages/native_pages.h"
#include "agent/pages/self_report.h"
#include "net/routes.h"

namespace heapwatch::agent::pages {

/// What the pages are made of. All of it outlives whoever serves them.
struct OwnSources {
  std::function<SelfReport()> report;  // called on the threads of the server
  HeapPages& heap;
  MemoryPage& memory;
  HttpSdSources http_sd;
  std::vector<net::Route> web;  // of the live page and its API
};

[[nodiscard]] net::Routes own_pages(const OwnSources& sources);

}  // namespace heapwatch::agent::pages
