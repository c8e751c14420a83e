#include "agent/web/outside.h"

#include <array>
#include <fstream>
#include <utility>

#include "agent/web/current.h"
#include "agent/web/site.h"
#include "base/log.h"
#include "check/memory_verdicts.h"
#include "history/incident.h"

namespace heapwatch::agent::web {

namespace {

/// Of what an incident file becomes: more than may be in one.
constexpr history::Limits unpacked_limits{.file_max = std::uint64_t{4} << 30U,
                                          .life_max = std::uint64_t{4} << 30U};
/// Who looks for a while wants to see what changed in it: a profile a minute, as looks are usual.
constexpr int looks_per_profile = 30;
constexpr std::string_view database_begins = "SQLite format 3";

std::vector<net::Route> with_site(std::vector<net::Route> api) {
  std::vector<net::Route> routes = site_routes();
  std::move(api.begin(), api.end(), std::back_inserter(routes));
  return routes;
}

history::Recorder::Options recorder_options(const std::filesystem::path& folder,
                                            std::chrono::milliseconds every) {
  history::Recorder::Options options;
  options.path = folder / "history.db";
  options.every = every;
  options.log = [](const std::string& sentence) { base::log(base::LogLevel::warn, sentence); };
  options.clock = now_ms;
  return options;
}

}  // namespace

base::Result<std::unique_ptr<OutsideHistory>> OutsideHistory::start(Options options) {
  base::Result<TemporaryFolder> folder = TemporaryFolder::make();
  if (!folder) {
    return tl::unexpected(folder.error());
  }
  return std::unique_ptr<OutsideHistory>(
      new OutsideHistory(std::move(*folder), std::move(options)));
}

OutsideHistory::OutsideHistory(TemporaryFolder folder, Options options)
    : folder_(std::move(folder)),
      options_(std::move(options)),
      recorder_(recorder_options(folder_.path(), options_.every)),
      feed_({.recorder = recorder_,
             .sightings = check::memory_sightings(),
             .verdicts = check::memory_verdicts,
             .clock = now_ms,
             .boot = this_boot()}),
      watches_({.every = options_.every,
                .look = {.profile_interval = looks_per_profile * options_.every},
                .after_round = [this] { after_round(); }}),
      api_({.history = recorder_.path(),
            .verdicts = current_verdicts,
            .check_verdicts = [] { return std::vector<CheckVerdict>{}; },
            .clock = now_ms,
            .trouble = [this] { return recorder_.status().trouble; },
            .watches = &watches_,
            .version = options_.version}) {
  check::memory_sightings().want_profiles(true);
  watches_.begin();
}

OutsideHistory::~OutsideHistory() {
  check::memory_sightings().want_profiles(false);
  watches_.stop();
}

base::Result<void> OutsideHistory::watch(int pid, std::optional<net::HttpRequest> page) {
  return watches_.watch(pid, std::move(page)).map([](const Watches::Watched&) {});
}

void OutsideHistory::after_round() {
  feed_.take();
  if (!options_.processes) {
    return;
  }
  for (const int pid : options_.processes()) {
    (void)watches_.watch(pid, options_.page ? options_.page(pid) : std::nullopt);
  }
}

std::vector<net::Route> OutsideHistory::routes() {
  return with_site(api_.routes());
}

base::Result<bool> is_database(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::array<char, database_begins.size()> begin{};
  in.read(begin.data(), begin.size());
  if (!in && in.gcount() == 0) {
    return base::fail(base::ErrorKind::not_found, file.string() + ": cannot be read, or is empty");
  }
  return std::string_view(begin.data(), static_cast<std::size_t>(in.gcount())) == database_begins;
}

base::Result<void> unpack_incident(const std::filesystem::path& file,
                                   const std::filesystem::path& history) {
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    return base::fail(base::ErrorKind::not_found, file.string() + ": cannot be read");
  }
  base::Result<history::Store> store = history::Store::open(history, unpacked_limits);
  if (!store) {
    return tl::unexpected(store.error());
  }
  const auto counts = history::import_incident(in, *store);
  if (!counts) {
    return base::fail(counts.error().kind, file.string() + ": " + counts.error().message);
  }
  return {};
}

base::Result<std::unique_ptr<FileHistory>> FileHistory::open(const std::filesystem::path& file,
                                                             const std::string& version) {
  const base::Result<bool> is_history = is_database(file);
  if (!is_history) {
    return tl::unexpected(is_history.error());
  }
  std::optional<TemporaryFolder> folder;
  std::filesystem::path history = file;
  if (!*is_history) {
    base::Result<TemporaryFolder> made = TemporaryFolder::make();
    if (!made) {
      return tl::unexpected(made.error());
    }
    folder.emplace(std::move(*made));
    history = folder->path() / "history.db";
    if (base::Result<void> unpacked = unpack_incident(file, history); !unpacked) {
      return tl::unexpected(unpacked.error());
    }
  }
  // Whether it is one of today.
  if (const auto archive = history::Archive::open(history); !archive) {
    return tl::unexpected(archive.error());
  }
  return std::unique_ptr<FileHistory>(new FileHistory(std::move(folder), history, version));
}

FileHistory::FileHistory(std::optional<TemporaryFolder> folder,
                         const std::filesystem::path& history, const std::string& version)
    : folder_(std::move(folder)),
      api_({.history = history,
            .verdicts = [] { return std::vector<Verdict>{}; },
            .check_verdicts = [] { return std::vector<CheckVerdict>{}; },
            .clock = now_ms,
            .trouble = [] { return std::string(); },
            .version = version,
            .is_live = false}) {}

std::vector<net::Route> FileHistory::routes() {
  return with_site(api_.routes());
}

}  // namespace heapwatch::agent::web
