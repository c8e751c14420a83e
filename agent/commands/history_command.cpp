// `heapwatch history`: what the history holds, a time of it as a file, and such a file into another
// history.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <optional>

#include "agent/commands/commands.h"
#include "agent/commands/failure.h"
#include "agent/commands/moment.h"
#include "agent/web/current.h"
#include "agent/web/history_of_agent.h"
#include "base/counted.h"
#include "base/descriptor.h"
#include "base/json.h"
#include "base/printable.h"
#include "history/incident.h"
#include "history/life_json.h"

namespace heapwatch::agent::commands {

namespace {

constexpr std::int64_t exported_ms = std::int64_t{24} * 3'600'000;  // a day
constexpr std::int64_t listed_ms = 365 * exported_ms;
constexpr std::uint64_t mib = std::uint64_t{1} << 20U;

std::filesystem::path database_of(const wiring::GlobalOptions& global,
                                  const HistoryOptions& options) {
  return options.database.empty() ? web::history_path(wiring::load_agent(global).config)
                                  : std::filesystem::path(options.database);
}

base::Result<history::Span> span_of(const HistoryOptions& options, std::int64_t usual_ms) {
  const std::int64_t now = web::now_ms();
  const auto to =
      options.to.empty() ? base::Result<std::int64_t>(now) : parse_moment(options.to, now);
  if (!to) {
    return tl::unexpected(to.error());
  }
  const auto from = options.from.empty()
                        ? base::Result<std::int64_t>(std::max<std::int64_t>(*to - usual_ms, 0))
                        : parse_moment(options.from, now);
  if (!from) {
    return tl::unexpected(from.error());
  }
  if (*from > *to) {
    return base::fail(base::ErrorKind::invalid, "--from must not be after --to");
  }
  return history::Span{.from = *from, .to = *to};
}

/// Those that were asked for; none: all.
base::Result<std::vector<history::Life>> chosen(history::Archive& archive, history::Span span,
                                                const HistoryOptions& options) {
  base::Result<std::vector<history::Life>> lives = archive.lives(span);
  if (!lives) {
    return lives;
  }
  std::erase_if(*lives, [&options](const history::Life& life) {
    const auto is_in = [](const auto& list, std::int64_t wanted) {
      return std::find(list.begin(), list.end(), wanted) != list.end();
    };
    const bool is_named =
        is_in(options.lives, life.id) || (life.info.pid != 0 && is_in(options.pids, life.info.pid));
    return !is_named && !(options.lives.empty() && options.pids.empty());
  });
  return lives;
}

void print_lives(const std::vector<history::Life>& lives) {
  std::cout << "LIFE\tKIND\tPID\tFIRST\tLAST\tENDED\tNAME\tSERVICE\n";
  for (const history::Life& life : lives) {
    std::cout << life.id << '\t' << life.info.kind << '\t'
              << (life.info.pid == 0 ? "-" : std::to_string(life.info.pid)) << '\t'
              << moment_text(life.first) << '\t' << moment_text(life.last) << '\t'
              << (life.ended ? moment_text(*life.ended) : "-") << '\t'
              << base::printable(life.info.name) << '\t' << base::printable(life.info.service)
              << '\n';
  }
}

void print_lives_json(const std::vector<history::Life>& lives, history::Span span) {
  std::string text;
  base::JsonWriter json(text);
  json.begin_object();
  json.member("schema", "heapwatch.history_list/1");
  json.member("from", span.from);
  json.member("to", span.to);
  json.objects("lives", lives, [&json](const history::Life& life) {
    json.member("life", life.id);
    history::write_life(json, life);
  });
  json.end_object();
  std::cout << text << '\n';
}

/// A file that is there whole, or not at all.
class NewFile {
 public:
  explicit NewFile(std::string path) : path_(std::move(path)), beside_(path_ + ".part") {}
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile() {
    if (descriptor_) {
      ::unlink(beside_.c_str());
    }
  }

  base::Result<void> open() {
    descriptor_ = base::Descriptor(
        ::open(beside_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640));
    return descriptor_ ? base::Result<void>{} : failed();
  }
  base::Result<void> write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(descriptor_.get(), bytes.data(), bytes.size());
      if (written < 0 && errno != EINTR) {
        return failed();
      }
      bytes.remove_prefix(written < 0 ? 0 : static_cast<std::size_t>(written));
    }
    return {};
  }
  base::Result<void> finish() {
    if (::fsync(descriptor_.get()) != 0 || ::rename(beside_.c_str(), path_.c_str()) != 0) {
      return failed();
    }
    descriptor_ = base::Descriptor();
    return {};
  }

 private:
  [[nodiscard]] tl::unexpected<base::Error> failed() const {
    return base::fail(base::ErrorKind::io, path_ + ": " + std::strerror(errno));
  }

  std::string path_;
  std::string beside_;
  base::Descriptor descriptor_;
};

std::string counts_text(const history::IncidentCounts& counts) {
  return base::counted(counts.lives, "life", "lives") + ", " +
         base::counted(counts.frames, "frame") + ", " + base::counted(counts.profiles, "profile") +
         ", " + base::counted(counts.events, "event");
}

base::Result<history::IncidentCounts> write_incident(history::Archive& archive,
                                                     const history::IncidentOptions& incident,
                                                     const std::string& path) {
  NewFile file(path);
  if (const base::Result<void> opened = file.open(); !opened) {
    return tl::unexpected(opened.error());
  }
  auto counts = history::export_incident(
      archive, incident, [&file](std::string_view bytes) { return file.write(bytes); });
  if (counts) {
    if (const base::Result<void> done = file.finish(); !done) {
      return tl::unexpected(done.error());
    }
  }
  return counts;
}

}  // namespace

int list_history(const wiring::GlobalOptions& global, const HistoryOptions& options) {
  base::Result<history::Archive> archive = history::Archive::open(database_of(global, options));
  const base::Result<history::Span> span = span_of(options, listed_ms);
  if (!archive || !span) {
    return fail_with(archive ? span.error().message : archive.error().message);
  }
  const auto lives = chosen(*archive, *span, options);
  if (!lives) {
    return fail_with(lives.error().message);
  }
  if (options.json) {
    print_lives_json(*lives, *span);
  } else {
    print_lives(*lives);
  }
  return 0;
}

int export_history(const wiring::GlobalOptions& global, const HistoryOptions& options) {
  base::Result<history::Archive> archive = history::Archive::open(database_of(global, options));
  const base::Result<history::Span> span = span_of(options, exported_ms);
  if (!archive || !span) {
    return fail_with(archive ? span.error().message : archive.error().message);
  }
  const auto lives = chosen(*archive, *span, options);
  if (!lives) {
    return fail_with(lives.error().message);
  }
  if (lives->empty()) {
    return fail_with("the history knows nothing of that; heapwatch history list shows what it has");
  }
  history::IncidentOptions incident{
      .span = *span, .lives = {}, .version = HEAPWATCH_VERSION, .made = web::now_ms()};
  for (const history::Life& life : *lives) {
    incident.lives.push_back(life.id);
  }
  const auto counts = write_incident(*archive, incident, options.file);
  if (!counts) {
    return fail_with(counts.error().message);
  }
  std::cerr << "heapwatch: " << options.file << " holds " << counts_text(*counts)
            << "; heapwatch web " << options.file << " shows them\n";
  return 0;
}

int import_history(const wiring::GlobalOptions& global, const HistoryOptions& options) {
  std::ifstream in(options.file, std::ios::binary);
  if (!in) {
    return fail_with(options.file + ": cannot be read");
  }
  const config::AgentConfig agent = wiring::load_agent(global).config;
  const history::Limits limits{
      .file_max = std::max<std::uint64_t>(agent.history.max_size, 256 * mib),
      .life_max = agent.history.max_size_per_process};
  base::Result<history::Store> store = history::Store::open(database_of(global, options), limits);
  if (!store) {
    return fail_with(store.error().message);
  }
  const auto counts = history::import_incident(in, *store);
  if (!counts) {
    return fail_with(options.file + ": " + counts.error().message);
  }
  std::cerr << "heapwatch: took in " << counts_text(*counts) << '\n';
  return 0;
}

}  // namespace heapwatch::agent::commands
