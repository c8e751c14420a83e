#include "agent/manual.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cctype>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/file.h"

namespace heapwatch::agent {

namespace {

/// Which page of the documentation says more.
struct More {
  std::string_view command;
  std::string_view page;
};
constexpr std::array more{
    More{"", "configuration.md"},
    More{"run", "operations.md"},
    More{"check", "go_expvar.md"},
    More{"configcheck", "configuration.md"},
    More{"status", "operations.md"},
    More{"attach", "attach.md"},
    More{"detach", "attach.md"},
    More{"exec", "native-memory.md"},
    More{"memory", "memory.md"},
    More{"leak", "leaks.md"},
    More{"vars", "go_expvar.md"},
    More{"plugin", "plugins.md"},
    More{"dashboards", "operations.md"},
    More{"pprof", "go-memory.md"},
    More{"web", "web.md"},
    More{"history", "web.md"},
};

using Apps = std::vector<const CLI::App*>;
using Options = std::vector<const CLI::Option*>;

/// For people: what --help hides is not there.
Options shown_options(const CLI::App& app) {
  const auto all = app.get_options();
  Options shown;
  std::copy_if(all.begin(), all.end(), std::back_inserter(shown),
               [](const CLI::Option* option) { return !option->get_group().empty(); });
  return shown;
}

Apps commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* /*one*/) { return true; });
}

/// As roff reads it: a dash is a dash, and no line begins with what would be a request.
std::string roff(std::string_view text) {
  std::string made;
  bool at_line_start = true;
  for (const char letter : text) {
    if (at_line_start && (letter == '.' || letter == '\'')) {
      made += "\\&";
    }
    made += letter == '\\' ? "\\e" : letter == '-' ? "\\-" : std::string(1, letter);
    at_line_start = letter == '\n';
  }
  return made;
}

std::string bold(std::string_view text) {
  return "\\fB" + roff(text) + "\\fR";
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::toupper(letter)); });
  return text;
}

/// "Run the agent" as the part of a sentence.
std::string in_a_sentence(std::string text) {
  const bool is_word = text.size() > 1 && std::islower(static_cast<unsigned char>(text[1])) != 0;
  if (is_word) {
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  }
  return text;
}

/// Its first line, without the form of a call behind it: "Print the status: status PID".
std::string first_sentence(const std::string& text) {
  std::string line = text.substr(0, text.find('\n'));
  line.resize(std::min(line.size(), line.find(": ")));
  if (line.ends_with('.')) {
    line.pop_back();
  }
  return line;
}

bool takes_value(const CLI::Option& option) {
  return option.get_items_expected_max() > 0;
}

/// "-r" and "--check-rate".
std::vector<std::string> flags_of(const CLI::Option& option) {
  std::vector<std::string> flags;
  for (const std::string& name : option.get_snames()) {
    flags.push_back("-" + name);
  }
  for (const std::string& name : option.get_lnames()) {
    flags.push_back("--" + name);
  }
  return flags;
}

void write_options(std::ostream& out, const CLI::App& app) {
  for (const CLI::Option* option : shown_options(app)) {
    std::string names;
    for (const std::string& flag : flags_of(*option)) {
      names += (names.empty() ? "" : ", ") + bold(flag);
    }
    if (names.empty()) {
      names = "\\fI" + roff(option->get_name()) + "\\fR";
    } else if (takes_value(*option)) {
      names += " \\fIVALUE\\fR";
    }
    out << ".TP\n" << names << '\n' << roff(option->get_description()) << '\n';
  }
}

std::string synopsis(const std::string& command, const CLI::App& app) {
  std::string line = ".B " + roff(command) + "\n[\\fIOPTIONS\\fR]";
  for (const CLI::Option* option : shown_options(app)) {
    if (flags_of(*option).empty()) {
      const std::string name = "\\fI" + roff(option->get_name()) + "\\fR";
      line += option->get_required() ? " " + name : " [" + name + "]";
    }
  }
  return line + "\n";
}

class Pages {
 public:
  Pages(const CLI::App& app, const Manual& manual) : app_(app), manual_(manual) {}

  [[nodiscard]] std::string of_program() const {
    std::ostringstream out;
    head(out, "heapwatch", first_sentence(app_.get_description()));
    out << ".SH SYNOPSIS\n"
        << ".B heapwatch\n[\\fIOPTIONS\\fR] \\fICOMMAND\\fR ...\n"
        << ".SH DESCRIPTION\n"
        << roff(app_.get_description()) << "\n.SH COMMANDS\n";
    for (const CLI::App* command : commands_of(app_)) {
      out << ".TP\n"
          << bold(command->get_name()) << '\n'
          << roff(command->get_description()) << ": see\n.BR heapwatch\\-"
          << roff(command->get_name()) << " (1)\n";
    }
    out << ".SH OPTIONS\nThey may also come after the command.\n";
    write_options(out, app_);
    out << ".SH FILES\n.TP\n.I /etc/heapwatch/heapwatch.yaml\nThe configuration; it need not be "
           "there.\n"
           ".TP\n.I /etc/heapwatch/conf.d\nWhat the checks watch, a folder or a file for each "
           "check.\n"
           ".SH ENVIRONMENT\nEach option of heapwatch.yaml has a variable: the option\n"
           ".B expvar_port\nis\n.BR DD_EXPVAR_PORT .\n";
    see_also(out, "");
    return out.str();
  }

  [[nodiscard]] std::string of_command(const CLI::App& command) const {
    std::ostringstream out;
    const std::string& name = command.get_name();
    head(out, "heapwatch-" + name, first_sentence(command.get_description()));
    out << ".SH SYNOPSIS\n";
    const Apps inner = commands_of(command);
    for (const CLI::App* one : inner) {
      out << synopsis("heapwatch " + name + " " + one->get_name(), *one);
    }
    if (inner.empty()) {
      out << synopsis("heapwatch " + name, command);
    }
    out << ".SH DESCRIPTION\n" << roff(command.get_description()) << ".\n";
    for (const std::string& alias : command.get_aliases()) {
      out << ".PP\nAlso called\n.BR \"heapwatch " << roff(alias) << "\" .\n";
    }
    if (name == "pprof") {
      out << ".SH OPTIONS\n.nf\n" << roff(manual_.pprof_help) << ".fi\n";
    } else {
      out << ".SH OPTIONS\n";
      write_options(out, command);
      for (const CLI::App* one : inner) {
        out << ".SS " << roff(one->get_name()) << '\n' << roff(one->get_description()) << ".\n";
        write_options(out, *one);
      }
      if (command.get_fallthrough()) {
        out << ".PP\nThe options of\n.BR heapwatch (1)\nmay come here, too.\n";
      }
    }
    see_also(out, name);
    return out.str();
  }

 private:
  void head(std::ostream& out, const std::string& page, const std::string& sentence) const {
    out << ".TH " << upper(page) << " 1 " << manual_.date << " \"heapwatch " << manual_.version
        << "\" \"User Commands\"\n.SH NAME\n"
        << roff(page) << " \\- " << roff(in_a_sentence(sentence)) << '\n';
  }

  void see_also(std::ostream& out, std::string_view command) const {
    out << ".SH SEE ALSO\n";
    if (command.empty()) {
      std::string pages;
      for (const CLI::App* one : commands_of(app_)) {
        pages += (pages.empty() ? "" : ",\n") + std::string(".BR heapwatch\\-") +
                 roff(one->get_name()) + " (1)";
      }
      out << comma_separated(pages) << '\n';
    } else {
      out << ".BR heapwatch (1)\n";
    }
    for (const More& one : more) {
      if (one.command == command) {
        out << ".PP\n.I share/doc/heapwatch/" << one.page << '\n';
      }
    }
  }

  /// A comma belongs to the request before it.
  static std::string comma_separated(std::string pages) {
    for (std::size_t at = pages.find(" (1),"); at != std::string::npos;
         at = pages.find(" (1),", at + 1)) {
      pages.replace(at, 5, " (1) ,");
    }
    return pages;
  }

  const CLI::App& app_;
  const Manual& manual_;
};

/// What a shell offers after a command: its flags, and what comes next by name.
struct Offer {
  std::string command;  // empty: none yet
  std::vector<std::string> words;

  void add(const std::string& word) {
    if (std::find(words.begin(), words.end(), word) == words.end()) {
      words.push_back(word);
    }
  }
  void add_flags(const CLI::App& app) {
    for (const CLI::Option* option : shown_options(app)) {
      for (const std::string& flag : flags_of(*option)) {
        add(flag);
      }
    }
  }
  void add_commands(const CLI::App& app) {
    for (const CLI::App* inner : commands_of(app)) {
      add(inner->get_name());
    }
  }
  /// The flags in a text of help: the first words of its lines.
  void add_flags_in(const std::string& help) {
    std::istringstream lines(help);
    for (std::string line; std::getline(lines, line);) {
      const std::size_t begin = line.find_first_not_of(' ');
      if (begin != std::string::npos && begin > 0 && line[begin] == '-') {
        add(line.substr(begin, line.find_first_of(" =", begin) - begin));
      }
    }
  }
  [[nodiscard]] std::string joined() const {
    std::string text;
    for (const std::string& word : words) {
      text += (text.empty() ? "" : " ") + word;
    }
    return text;
  }
};

Offer offer_after(const CLI::App& command, const CLI::App& app, const Manual& manual) {
  Offer offer{command.get_name(), {}};
  if (command.get_name() == "pprof") {
    offer.words = {"save", "grow"};
    offer.add_flags_in(manual.pprof_help);
    return offer;
  }
  offer.add_commands(command);
  offer.add_flags(command);
  for (const CLI::App* inner : commands_of(command)) {
    offer.add_flags(*inner);
  }
  if (command.get_fallthrough()) {
    offer.add_flags(app);
  }
  return offer;
}

std::vector<Offer> offers(const CLI::App& app, const Manual& manual) {
  std::vector<Offer> all{{}};
  all.front().add_commands(app);
  all.front().add_flags(app);
  for (const CLI::App* command : commands_of(app)) {
    const Offer offer = offer_after(*command, app, manual);
    all.push_back(offer);
    for (const std::string& alias : command->get_aliases()) {
      all.push_back({alias, offer.words});
    }
  }
  return all;
}

std::string alternatives(const std::vector<Offer>& all) {
  std::string names;
  for (const Offer& offer : all) {
    if (!offer.command.empty()) {
      names += (names.empty() ? "" : "|") + offer.command;
    }
  }
  return names;
}

std::string bash_completion(const std::vector<Offer>& all) {
  std::string text =
      "# bash completion for heapwatch: made by its build, from what --help is made of.\n"
      "_heapwatch() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} command= word offered=\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    case $word in\n      " +
      alternatives(all) + ") command=$word; break ;;\n    esac\n  done\n  case $command in\n";
  for (const Offer& offer : all) {
    text += "    '" + offer.command + "') offered='" + offer.joined() + "' ;;\n";
  }
  return text +
         "  esac\n  COMPREPLY=()\n"
         "  mapfile -t COMPREPLY < <(compgen -W \"$offered\" -- \"$current\")\n"
         "}\ncomplete -o default -o bashdefault -F _heapwatch heapwatch\n";
}

std::string zsh_completion(const std::vector<Offer>& all) {
  std::string text =
      "#compdef heapwatch\n"
      "# Made by the build of heapwatch, from what --help is made of.\n"
      "local command= word\nlocal -a offered\n"
      "for word in \"${(@)words[2,CURRENT-1]}\"; do\n  case $word in\n    (" +
      alternatives(all) + ") command=$word; break ;;\n  esac\ndone\ncase $command in\n";
  for (const Offer& offer : all) {
    text += "  ('" + offer.command + "') offered=(" + offer.joined() + ") ;;\n";
  }
  return text +
         "esac\ncompadd -- $offered\n[[ ${words[CURRENT]} == -* || -z $command ]] || _files\n";
}

}  // namespace

base::Result<void> write_manual(const CLI::App& app, const Manual& manual,
                                const std::filesystem::path& folder) {
  const std::filesystem::path pages = folder / "man1";
  std::error_code failure;
  std::filesystem::create_directories(pages, failure);
  if (failure) {
    return base::fail(base::ErrorKind::io,
                      "cannot make the folder " + pages.string() + ": " + failure.message());
  }
  const Pages made(app, manual);
  const std::vector<Offer> offered = offers(app, manual);
  std::vector<std::pair<std::filesystem::path, std::string>> files{
      {pages / "heapwatch.1", made.of_program()},
      {folder / "bash", bash_completion(offered)},
      {folder / "zsh", zsh_completion(offered)}};
  for (const CLI::App* command : commands_of(app)) {
    files.emplace_back(pages / ("heapwatch-" + command->get_name() + ".1"),
                       made.of_command(*command));
  }
  for (const auto& [file, text] : files) {
    if (auto written = base::write_file(file.string(), text); !written) {
      return written;
    }
  }
  return {};
}

}  // namespace heapwatch::agent
