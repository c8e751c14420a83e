#include "pprof/shell/line_editor.h"

#include <histedit.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#include <algorithm>
#include <cstdio>
#include <utility>

namespace heapwatch::pprof::shell {
namespace {

constexpr int history_lines_max = 1000;
constexpr std::size_t shown_max = 60;

/// The longest start that all have in common.
std::string common_start(const std::vector<std::string>& texts) {
  std::string start = texts.empty() ? "" : texts[0];
  for (const std::string& text : texts) {
    const auto differ = std::mismatch(start.begin(), start.end(), text.begin(), text.end());
    start.erase(differ.first, start.end());
  }
  return start;
}

}  // namespace

struct LineEditor::State {
  EditLine* editor = nullptr;
  History* history = nullptr;
  std::string prompt;
  Complete complete;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (history != nullptr) {
      history_end(history);
    }
    if (editor != nullptr) {
      el_end(editor);
    }
  }

  static State& of(EditLine* editor) {
    void* state = nullptr;
    (void)el_get(editor, EL_CLIENTDATA, &state);
    return *static_cast<State*>(state);
  }
  static const char* prompt_of(EditLine* editor) { return of(editor).prompt.c_str(); }

  static unsigned char complete_word(EditLine* editor, int /*key*/) {
    const LineInfo* const line = el_line(editor);
    const std::string_view input(line->buffer,
                                 static_cast<std::size_t>(line->cursor - line->buffer));
    const std::vector<std::string> found = of(editor).complete(input);
    if (found.empty()) {
      return CC_ERROR;
    }
    const std::size_t blank = input.find_last_of(" \t");
    std::string word(blank == std::string_view::npos ? input : input.substr(blank + 1));
    if (blank != std::string_view::npos && word.starts_with('-')) {
      word.erase(0, 1);
    }
    std::string start = common_start(found);
    while (found.size() > 1 && start.ends_with('\\')) {  // half an escape
      start.pop_back();
    }
    if (found.size() == 1) {
      start += ' ';
    }
    if (start.size() > word.size()) {
      el_deletestr(editor, static_cast<int>(word.size()));
      return el_insertstr(editor, start.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
    }
    std::putchar('\n');
    for (std::size_t i = 0; i < std::min(found.size(), shown_max); ++i) {
      std::printf("%s\n", found[i].c_str());
    }
    if (found.size() > shown_max) {
      std::printf("... and more\n");
    }
    std::fflush(stdout);
    return CC_REDISPLAY;
  }
};

base::Result<std::unique_ptr<LineEditor>> LineEditor::create(Complete complete) {
  auto state = std::make_unique<State>();
  state->complete = std::move(complete);
  state->editor = el_init("heapwatch", stdin, stdout, stderr);
  state->history = history_init();
  if (state->editor == nullptr || state->history == nullptr) {
    return base::fail(base::ErrorKind::io, "libedit cannot use this terminal");
  }
  HistEvent event;
  (void)history(state->history, &event, H_SETSIZE, history_lines_max);
  (void)history(state->history, &event, H_SETUNIQUE, 1);
  EditLine* const editor = state->editor;
  (void)el_set(editor, EL_CLIENTDATA, state.get());
  (void)el_set(editor, EL_PROMPT, &State::prompt_of);
  (void)el_set(editor, EL_EDITOR, "emacs");
  (void)el_set(editor, EL_SIGNAL, 1);
  (void)el_set(editor, EL_HIST, &history, state->history);
  {
#ifdef __SANITIZE_ADDRESS__
    const __lsan::ScopedDisabler libedits_own;  // it never frees the names of added functions
#endif
    (void)el_set(editor, EL_ADDFN, "complete-word", "Completes the word", &State::complete_word);
  }
  (void)el_set(editor, EL_BIND, "^I", "complete-word", nullptr);
  (void)el_set(editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  (void)el_source(editor, nullptr);
  return std::unique_ptr<LineEditor>(new LineEditor(std::move(state)));
}

LineEditor::LineEditor(std::unique_ptr<State> state) : state_(std::move(state)) {}
LineEditor::~LineEditor() = default;

std::optional<std::string> LineEditor::read(const std::string& prompt) {
  state_->prompt = prompt;
  int size = 0;
  // Before the prompt: who answers it at once (expect, a paste) finds the keys working, ^D too.
  (void)el_set(state_->editor, EL_PREP_TERM, 1);
  const char* const text = el_gets(state_->editor, &size);
  if (text == nullptr || size <= 0) {
    std::putchar('\n');
    return std::nullopt;
  }
  std::string line(text, static_cast<std::size_t>(size));
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) {
    line.pop_back();
  }
  if (line.find_first_not_of(" \t") != std::string::npos) {
    HistEvent event;
    (void)history(state_->history, &event, H_ENTER, line.c_str());
  }
  return line;
}

}  // namespace heapwatch::pprof::shell
