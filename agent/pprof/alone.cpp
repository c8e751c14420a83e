// heapwatch-pprof: all of `heapwatch pprof`, for machines without the agent. `heapwatch` becomes
// it.
#include <cstring>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "agent/pprof/command.h"
#include "agent/process/held_signals.h"
#include "base/printable_stream.h"

int main(int argc, char** argv) {
  try {
    const heapwatch::base::PrintableStream errors(std::cerr);
    heapwatch::agent::process::let_signals_go();
    const int first = argc > 1 && std::strcmp(argv[1], "pprof") == 0 ? 2 : 1;
    const std::vector<std::string> arguments(argv + first, argv + argc);
    return heapwatch::agent::run_pprof_command(arguments);
  } catch (const std::exception& error) {
    std::cerr << "heapwatch: " << error.what() << '\n';
    return 1;
  }
}
