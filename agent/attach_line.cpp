// The command line of `heapwatch attach` and `heapwatch detach`.
#include <map>
#include <string>

#include "agent/command_line.h"

namespace heapwatch::agent {

void describe_attach(CommandLine& line) {
  CLI::App* const command = line.app.add_subcommand(
      "attach",
      "Make the native allocations of a running process visible, and let go of it at the end: "
      "attach PID");
  commands::AttachOptions& options = line.attach;
  command->add_option("target", options.target, "A pid, a name or a part of a command line");
  command->add_option("--for", line.attach_length, "How long (default: until Ctrl-C)")
      ->check(duration_text(options.length_s));
  command
      ->add_option("--listen", options.listen,
                   "Serve the live page, /debug/vars and /debug/pprof/heap of it at HOST:PORT or "
                   "unix:PATH")
      ->check(not_empty);
  command
      ->add_option(
          "--url", options.url,
          "The address of its Go debug pages: Go's own heap is told at the end, too, and is "
          "in the report")
      ->check(not_empty);
  command->add_option("--web-config", options.web_config, web_config_help)
      ->check(CLI::ExistingFile);
  command->add_option("--report", options.report, "Write its heap profile to this file at the end")
      ->check(not_empty);
  command->add_option("--flame", options.flame, "Write a flame graph of it, a page, to this file")
      ->check(not_empty);
  command
      ->add_option("--sample-interval", options.sample_interval,
                   "One sample per so many bytes allocated, on average (default 524288)")
      ->check(CLI::Range(0, 32 * 1024 * 1024));
  command
      ->add_option(
          "--python", options.python,
          "Its CPython: auto (watched where there is one that is known), only (and nothing "
          "else) or off")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, preload::Python>{{"auto", preload::Python::automatic},
                                                 {"only", preload::Python::only},
                                                 {"off", preload::Python::off}}));
  command->add_flag("--dry-run", options.dry_run,
                    "Say whether the process can be attached to, and what would be done; touches "
                    "nothing");
  command->add_flag("--list", options.list, "List the processes that are attached to");
  // Their signals stay held: they wait for them, or must not be ended in the midst.
  command->final_callback(
      [&line] { line.act = [&line] { return commands::attach_to_process(line.attach); }; });
  CLI::App* const detach =
      line.app.add_subcommand("detach", "Let go of a process that an attach has left: detach PID");
  detach->add_option("target", line.detach_target, "A pid, a name or a part of a command line")
      ->required();
  detach->final_callback([&line] {
    line.act = [&line] { return commands::detach_from_process(line.detach_target); };
  });
}

}  // namespace heapwatch::agent
