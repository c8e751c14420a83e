#include "check/shared_library/shared_library_check.h"

#include <utility>

#include "check/instance_options.h"
#include "config/section.h"

namespace heapwatch::check::shared_library {

namespace {

/// The YAML that a library reads: secrets are in it as what they are, for it has to use them.
std::string text_for_library(config::Value value) {
  const auto reveal = [](auto& self, config::Value& node) -> void {
    node.quoted = node.quoted || !node.secret_handle.empty();
    node.secret_handle.clear();
    for (config::Value& item : node.items) {
      self(self, item);
    }
    for (config::Value::Member& member : node.members) {
      self(self, member.value);
    }
  };
  reveal(reveal, value);
  return config::to_yaml(value);
}

}  // namespace

SharedLibraryCheck::SharedLibraryCheck(Library library, Texts texts, metrics::Tags tags,
                                       MetricPatterns patterns)
    : library_(std::move(library)),
      texts_(std::move(texts)),
      receiver_(texts_.check_id, std::move(tags), std::move(patterns)) {}

base::Result<RunReport> SharedLibraryCheck::run(metrics::SampleSink& sink) {
  receiver_.begin(sink);
  const auto outcome =
      library_.run(texts_.check_id, texts_.init_config, texts_.instance, callbacks());
  RunReport report{.warnings = {}, .body_bytes = 0, .dropped = receiver_.end()};
  if (!outcome) {
    return tl::unexpected(outcome.error());
  }
  return report;
}

base::Result<LoadedLibrary> load(const InstanceSource& source, config::Diagnostics& diagnostics) {
  auto library = Library::open(source.agent.shared_libraries.folder, source.file.check_name);
  if (!library) {
    return tl::unexpected(library.error());
  }
  const std::string file = source.file.file.string();
  config::Section init_config(source.file.init_config, file, diagnostics, "init_config");
  config::Section instance(source.instance, file, diagnostics, "instance");
  auto options = read_instance_options(init_config, instance, source.file.check_name, source.agent);
  if (!options) {
    return base::fail(base::ErrorKind::invalid, "the options of the instance are wrong");
  }
  LoadedLibrary loaded{
      .check = nullptr, .version = library->version(), .interval = options->interval};
  loaded.check = std::make_unique<SharedLibraryCheck>(
      *std::move(library),
      SharedLibraryCheck::Texts{.check_id = config::check_id(source.file, source.instance),
                                .init_config = text_for_library(source.file.init_config),
                                .instance = text_for_library(source.instance)},
      std::move(options->tags), std::move(options->metric_patterns));
  return loaded;
}

}  // namespace heapwatch::check::shared_library
