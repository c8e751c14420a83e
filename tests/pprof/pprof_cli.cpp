// The command line of pprof/ alone, for the tests that compare it with the original.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pprof/driver/driver.h"

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  heapwatch::pprof::Seams seams;
  seams.working_folder = std::filesystem::current_path().string();
  seams.output_is_terminal = isatty(STDOUT_FILENO) == 1;
  seams.environment = [](const char* name) -> std::optional<std::string> {
    const char* const value = std::getenv(name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  if (!args.empty() && args[0] == "grow") {
    return heapwatch::pprof::run_grow(std::span(args).subspan(1), std::cout, std::cerr, seams);
  }
  return heapwatch::pprof::run_pprof(args, std::cout, std::cerr, seams);
}
