# Writes OUTPUT, a C++ source with the text of every file below FOLDER.
file(GLOB_RECURSE files RELATIVE "${FOLDER}" "${FOLDER}/*")
list(SORT files)
set(entries "")
foreach(file IN LISTS files)
  file(READ "${FOLDER}/${file}" text)
  string(APPEND entries "    {\"${file}\", R\"embedded(${text})embedded\"},\n")
endforeach()
file(WRITE "${OUTPUT}" "// Made by agent/embed.cmake.
#include \"agent/commands/dashboards.h\"

namespace heapwatch::agent::commands {

std::vector<Dashboard> shipped_dashboards() {  // NOLINT(readability-function-size)
  return {
${entries}  };
}

}  // namespace heapwatch::agent::commands
")
