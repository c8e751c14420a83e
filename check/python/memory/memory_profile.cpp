#include "check/python/memory/memory_profile.h"

#include <chrono>
#include <map>
#include <tuple>

#include "check/python/memory/import_watch.h"
#include "pprof/encode.h"

namespace heapwatch::check::python::memory {

namespace {

class Builder {
 public:
  explicit Builder(const AllocationTracer& tracer) : tracer_(tracer) {
    profile_.sample_types = {{text("inuse_objects"), text("count")},
                             {text("inuse_space"), text("bytes")}};
    profile_.default_sample_type = text("inuse_space");
    profile_.period_type = {text("space"), text("bytes")};
    profile_.period = 1;  // every block is seen
    profile_.time_nanos = std::chrono::duration_cast<std::chrono::nanoseconds>(
                              std::chrono::system_clock::now().time_since_epoch())
                              .count();
    profile_.samples.set_type_count(profile_.sample_types.size());
  }

  pprof::StringId text(std::string_view value) { return profile_.strings.add(value); }

  void add_frames(CallStacks::Id stack) {
    if (const auto* const site = tracer_.text_site(stack); site != nullptr) {
      profile_.samples.add_frame(location(site->first, site->first, 0, site->second));
      return;
    }
    const auto sites = tracer_.stacks().sites_of(stack);
    if (sites.empty()) {
      profile_.samples.add_frame(location("<unknown>", "<unknown>", 0, 0));
    }
    for (const CallStacks::SiteId id : sites) {
      const Site& site = tracer_.stacks().site(id);
      profile_.samples.add_frame(location(text_of(site.file.get()).value_or("<unknown>"),
                                          text_of(site.function.get()).value_or("<unknown>"),
                                          site.first_line, site.line));
    }
  }

  void add_text_label(std::string_view key, std::string_view value) {
    profile_.samples.add_label({.key = text(key), .text = text(value)});
  }
  void add_number_label(std::string_view key, std::int64_t value) {
    profile_.samples.add_label({.key = text(key), .is_number = true, .number = value});
  }
  void finish_sample(std::int64_t objects, std::int64_t bytes) {
    profile_.samples.add_value(objects);
    profile_.samples.add_value(bytes);
    profile_.samples.finish_sample();
  }

  [[nodiscard]] std::string encode() const { return pprof::encode_proto(profile_); }

 private:
  std::uint32_t location(const std::string& file, const std::string& function, int first_line,
                         int line) {
    const auto [entry, is_new] = locations_.try_emplace(
        {file, function, first_line, line}, static_cast<std::uint32_t>(profile_.locations.size()));
    if (is_new) {
      profile_.locations.push_back({.id = profile_.locations.size() + 1,
                                    .first_line = static_cast<std::uint32_t>(profile_.lines.size()),
                                    .line_count = 1});
      profile_.lines.push_back({.function = function_of(file, function, first_line), .line = line});
    }
    return entry->second;
  }

  std::uint32_t function_of(const std::string& file, const std::string& name, int first_line) {
    const auto [entry, is_new] = functions_.try_emplace(
        {file, name, first_line}, static_cast<std::uint32_t>(profile_.functions.size()));
    if (is_new) {
      profile_.functions.push_back({.id = profile_.functions.size() + 1,
                                    .name = text(name),
                                    .system_name = text(name),
                                    .file = text(file),
                                    .start_line = first_line});
    }
    return entry->second;
  }

  const AllocationTracer& tracer_;
  pprof::Profile profile_;
  std::map<std::tuple<std::string, std::string, int, int>, std::uint32_t> locations_;
  std::map<std::tuple<std::string, std::string, int>, std::uint32_t> functions_;
};

struct Held {
  std::int64_t objects = 0;
  std::int64_t bytes = 0;
};

}  // namespace

std::string memory_profile(const AllocationTracer& tracer, const std::set<CallStacks::Id>& kept,
                           const std::string& check_id) {
  std::map<std::tuple<CallStacks::Id, std::uint32_t, MemoryDomains::Index>, Held> samples;
  for (const Block& block : tracer.held()) {
    if (block.own == 0 && kept.count(block.stack) != 0) {
      Held& held = samples[{block.stack, block.run, block.domain}];
      ++held.objects;
      held.bytes += static_cast<std::int64_t>(block.size);
    }
  }
  Builder builder(tracer);
  for (const auto& [key, held] : samples) {
    const auto& [stack, run, domain] = key;
    builder.add_frames(stack);
    // In the order of their keys, as pprof::Samples has them.
    builder.add_text_label("check", check_id);
    builder.add_text_label("domain", tracer.domain_name(domain));
    if (const std::uint32_t import =
            tracer.text_site(stack) != nullptr ? 0 : tracer.stacks()[stack].import;
        import != 0) {
      builder.add_text_label("import", ImportWatch::instance().name(import));
    }
    if (run != AllocationTracer::between_runs) {
      builder.add_number_label("run", run);
    }
    builder.finish_sample(held.objects, held.bytes);
  }
  return builder.encode();
}

}  // namespace heapwatch::check::python::memory
