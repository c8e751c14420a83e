#include "agent/commands/leak_target.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "agent/commands/memory_targets.h"
#include "check/profile_pages.h"
#include "check/target_url.h"
#include "memory/native/find_books.h"
#include "memory/process/find.h"
#include "net/target.h"

namespace heapwatch::agent::commands {

namespace {

constexpr std::string_view vars_path = "/debug/vars";
constexpr std::size_t targets_max = 100;

/// It has a scheme, or a port behind its host.
bool is_url(const std::string& text) {
  if (text.find("://") != std::string::npos) {
    return true;
  }
  const std::size_t colon = text.find(':');
  return colon != std::string::npos && colon > 0 && colon + 1 < text.size() &&
         text.find_first_not_of("0123456789", colon + 1) == text.find('/', colon) &&
         text.find(' ') == std::string::npos;
}

/// Without the path, which is any page of the program: of Go's pages all are looked at.
std::string without_page(std::string text) {
  text = net::with_scheme(std::move(text));
  const std::size_t page = text.find("/debug/");
  if (page != std::string::npos) {
    text.erase(page);
  }
  while (text.ends_with('/') && !text.ends_with("://")) {
    text.pop_back();
  }
  return text;
}

base::Result<LeakTarget> target_of_url(const std::string& text) {
  const std::string base = without_page(text);
  const auto parsed = check::parse_target_url(base + std::string(vars_path));
  if (!parsed) {
    return tl::unexpected(parsed.error());
  }
  LeakTarget target;
  target.request.emplace();
  check::aim(*target.request, *parsed);
  target.url = parsed->shown;
  if (target.url.ends_with(vars_path)) {
    target.url.erase(target.url.size() - vars_path.size());
  }
  if (const auto listener = process_at(*parsed)) {
    target.pid = listener->pid;
    target.command = listener->command;
  }
  return target;
}

void add(std::vector<LeakTarget>& targets, LeakTarget target, bool is_behind_pid) {
  const auto same = std::find_if(targets.begin(), targets.end(), [&](const LeakTarget& one) {
    return target.pid && one.pid == target.pid;
  });
  LeakTarget* known = same == targets.end() ? nullptr : &*same;
  if (known == nullptr && !target.pid && is_behind_pid) {
    known = &targets.back();
  }
  if (known == nullptr) {
    targets.push_back(std::move(target));
  } else if (target.request) {
    known->request = std::move(target.request);
    known->url = std::move(target.url);
  }
}

/// Of a program under `heapwatch exec` they name the stacks.
void find_its_books(LeakTarget& target) {
  using memory::native::WatchedProcesses;
  WatchedProcesses::ProcessPtr books =
      target.pid ? memory::native::find_books(*target.pid) : nullptr;
  if (books && books->is_accounting()) {
    target.books = [books] { return books; };
  }
}

}  // namespace

net::HttpRequest page_of(const net::HttpRequest& vars, const std::string& path) {
  net::HttpRequest request = vars;
  request.url = check::url_of_page(vars.url, path);
  request.shown_as.clear();
  return request;
}

base::Result<std::vector<LeakTarget>> leak_targets(const std::vector<std::string>& texts) {
  std::vector<LeakTarget> targets;
  for (const std::string& text : texts) {
    if (is_url(text)) {
      auto target = target_of_url(text);
      if (!target) {
        return tl::unexpected(target.error());
      }
      // The process that listens may be hidden from us, or in another network namespace.
      const bool is_behind_pid = targets.size() == 1 && texts.size() == 2 && !targets[0].request;
      add(targets, *std::move(target), is_behind_pid);
      continue;
    }
    const auto found = memory::process::find_processes(text);
    if (!found) {
      return tl::unexpected(found.error());
    }
    for (const memory::process::Entry& entry : *found) {
      add(targets, {.pid = entry.pid, .command = entry.command}, false);
    }
  }
  for (LeakTarget& target : targets) {
    find_its_books(target);
  }
  if (targets.size() > targets_max) {
    return base::fail(base::ErrorKind::limit, std::to_string(targets.size()) +
                                                  " processes are meant; at most " +
                                                  std::to_string(targets_max) + " are watched");
  }
  return targets;
}

}  // namespace heapwatch::agent::commands
