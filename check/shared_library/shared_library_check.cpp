#include "check/shared_library/shared_library_check.h"

#include <utility>

#include "config/section.h"

namespace heapwatch::check::shared_library {

SharedLibraryCheck::SharedLibraryCheck(Library library, Texts texts, const InstanceOptions& options)
    : library_(std::move(library)),
      texts_(std::move(texts)),
      receiver_(texts_.check_id, options, texts_.masks) {}

base::Result<RunReport> SharedLibraryCheck::run(metrics::SampleSink& sink) {
  receiver_.begin(sink);
  const auto outcome =
      library_.run(texts_.check_id, texts_.init_config, texts_.instance, callbacks());
  RunReport report{.warnings = {}, .body_bytes = 0, .dropped = receiver_.end()};
  if (!outcome) {
    return base::fail(outcome.error().kind, config::masked(outcome.error().message, texts_.masks));
  }
  return report;
}

base::Result<LoadedCheck> SharedLibraryLoader::load(const InstanceSource& source,
                                                    const std::string& id) {
  const config::SharedLibrariesConfig& libraries = source.agent.shared_libraries;
  if (!libraries.enabled) {
    return base::fail(base::ErrorKind::not_found, "shared_library_check.enabled is false");
  }
  auto library =
      Library::open(libraries.folder, source.file.check_name,
                    source.agent.allow_untrusted_code ? CodeTrust::anyones : CodeTrust::ours);
  if (!library) {
    return tl::unexpected(library.error());
  }
  const std::string file = source.file.file.string();
  config::Diagnostics said;
  config::Section init_config(source.file.init_config, file, said, "init_config");
  config::Section instance(source.instance, file, said, "instance");
  auto options = read_instance_options(init_config, instance, source.file.check_name, source.agent);
  if (!options) {
    std::string all;
    for (const config::Diagnostic& diagnostic : said.all()) {
      all += (all.empty() ? "" : "; ") + config::to_text(diagnostic);
    }
    return base::fail(base::ErrorKind::invalid, std::move(all));
  }
  std::string version = library->version();
  return LoadedCheck{
      .check = std::make_unique<SharedLibraryCheck>(
          *std::move(library),
          SharedLibraryCheck::Texts{
              .check_id = id,
              .init_config = config::to_yaml(config::without_handles(source.file.init_config)),
              .instance = config::to_yaml(config::without_handles(source.instance)),
              .masks = config::masks_of({&source.file.init_config, &source.instance})},
          *options),
      .version = std::move(version)};
}

}  // namespace heapwatch::check::shared_library
