// An incident file is anything: it is taken as a whole, or nothing of it is, and what was taken can
// be saved and taken again.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <sstream>
#include <string>

#include "history/archive.h"
#include "history/incident.h"

namespace {

using namespace heapwatch::history;

void must(bool holds) {
  if (!holds) {
    std::abort();
  }
}

/// A history in a folder that goes with the program.
class Folder {
 public:
  Folder() {
    std::string name = std::filesystem::temp_directory_path() / "incident.XXXXXX";
    must(::mkdtemp(name.data()) != nullptr);
    path_ = name;
    auto store = Store::open(path_ / "history.db", {});
    must(store.has_value());
    store_ = std::make_unique<Store>(std::move(*store));
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    store_.reset();
    std::filesystem::remove_all(path_);
  }

  void clear() {
    for (const char* table : {"lives", "series", "ticks", "blocks", "events", "profiles"}) {
      must(store_->database().execute(std::string("DELETE FROM ") + table).has_value());
    }
    store_->forget_what_was_read();
  }
  [[nodiscard]] Store& store() { return *store_; }
  [[nodiscard]] std::filesystem::path file() const { return path_ / "history.db"; }

 private:
  std::filesystem::path path_;
  std::unique_ptr<Store> store_;
};

heapwatch::base::Result<IncidentCounts> take(Store& store, const std::string& bytes) {
  std::istringstream in(bytes);
  return import_incident(in, store);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Folder folder;
  folder.clear();
  const auto taken = take(folder.store(), std::string(reinterpret_cast<const char*>(data), size));
  constexpr Span ever{.from = 0, .to = std::int64_t{1} << 53U};
  auto archive = Archive::open(folder.file());
  must(archive.has_value());
  const auto lives = archive->lives(ever);
  must(lives.has_value());
  must(taken || lives->empty());
  if (!taken || lives->empty()) {
    return 0;
  }
  std::string saved;
  const auto counts = export_incident(*archive, {.span = ever, .lives = {}, .version = "1"},
                                      [&saved](std::string_view more) {
                                        saved.append(more);
                                        return heapwatch::base::Result<void>{};
                                      });
  must(counts.has_value());
  folder.clear();
  const auto again = take(folder.store(), saved);
  must(again && again->lives == counts->lives && again->frames == counts->frames &&
       again->profiles == counts->profiles);
  return 0;
}
