#include "symbols/disassembler.h"

#include <capstone/capstone.h>
#include <dlfcn.h>
#include <elf.h>

#include <charconv>
#include <cstddef>
#include <memory>
#include <utility>

#include "base/text.h"
#include "symbols/library_function.h"

namespace heapwatch::symbols {

namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

/// The functions of capstone, by their own names.
struct Capstone {
  decltype(&::cs_open) open = nullptr;
  decltype(&::cs_close) close = nullptr;
  decltype(&::cs_option) option = nullptr;
  decltype(&::cs_malloc) malloc = nullptr;
  decltype(&::cs_free) free = nullptr;
  decltype(&::cs_disasm_iter) disasm_iter = nullptr;
};

Result<Capstone> load_capstone() {
  void* const library = dlopen("libcapstone.so.4", RTLD_NOW | RTLD_LOCAL);
  Capstone found;
  if (library == nullptr) {
    return fail(ErrorKind::not_found,
                "instructions need capstone 4, which is not installed (apt-get install "
                "libcapstone4); -list shows source lines");
  }
  if (!find_function(library, "cs_open", found.open) ||
      !find_function(library, "cs_close", found.close) ||
      !find_function(library, "cs_option", found.option) ||
      !find_function(library, "cs_malloc", found.malloc) ||
      !find_function(library, "cs_free", found.free) ||
      !find_function(library, "cs_disasm_iter", found.disasm_iter)) {
    return fail(ErrorKind::not_found, "this capstone is of a version that is not known");
  }
  return found;
}

/// What capstone calls the machine.
struct Machine {
  cs_arch architecture;
  cs_mode mode;
  std::size_t step;  // over what is no instruction
};

Result<Machine> machine_of(std::uint16_t number) {
  switch (number) {
    case EM_X86_64:
      return Machine{CS_ARCH_X86, CS_MODE_64, 1};
    case EM_AARCH64:
      return Machine{CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN, 4};
    default:
      return fail(ErrorKind::invalid, "instructions of machine " + std::to_string(number) +
                                          " are not read; those of x86-64 and arm64 are");
  }
}

/// Where an instruction leads whose operands end in nothing but an address: `0x401136`, `#0x401136`
/// or `x0, #0x401136`.
std::uint64_t target_of(std::string_view operands) {
  const std::size_t space = operands.rfind(' ');
  std::string_view last = space == std::string_view::npos ? operands : operands.substr(space + 1);
  if (last.starts_with('#')) {
    last.remove_prefix(1);
  }
  std::uint64_t target = 0;
  if (!last.starts_with("0x")) {
    return 0;
  }
  const auto read = std::from_chars(last.data() + 2, last.data() + last.size(), target, 16);
  return read.ec == std::errc() && read.ptr == last.data() + last.size() ? target : 0;
}

bool leads_elsewhere(std::string_view mnemonic) {
  return mnemonic.starts_with('j') || mnemonic.starts_with("call") || mnemonic.starts_with('b') ||
         mnemonic.starts_with("cb") || mnemonic.starts_with("tb");
}

std::string not_an_instruction(std::string_view bytes) {
  std::string text = ".byte";
  for (const char byte : bytes) {
    text += text.size() == 5 ? " 0x" : ", 0x";
    base::append_hex(text, static_cast<unsigned char>(byte), 2);
  }
  return text;
}

}  // namespace

Result<std::vector<Instruction>> disassembled(
    const Code& code, const std::function<std::string(std::uint64_t)>& name_of) {
  static const Result<Capstone> loaded = load_capstone();
  if (!loaded) {
    return tl::unexpected(loaded.error());
  }
  const auto machine = machine_of(code.machine);
  if (!machine) {
    return tl::unexpected(machine.error());
  }
  csh handle = 0;
  if (loaded->open(machine->architecture, machine->mode, &handle) != CS_ERR_OK) {
    return fail(ErrorKind::invalid, "capstone does not read instructions of this machine");
  }
  const auto close = [&](csh* opened) { loaded->close(opened); };
  const std::unique_ptr<csh, decltype(close)> closed(&handle, close);
  if (machine->architecture == CS_ARCH_X86) {
    loaded->option(handle, CS_OPT_SYNTAX,
                   code.intel_syntax ? CS_OPT_SYNTAX_INTEL : CS_OPT_SYNTAX_ATT);
  }
  const auto release = [&](cs_insn* read) { loaded->free(read, 1); };
  const std::unique_ptr<cs_insn, decltype(release)> read(loaded->malloc(handle), release);
  std::vector<Instruction> instructions;
  const auto* at = reinterpret_cast<const std::uint8_t*>(code.bytes.data());
  std::size_t left = code.bytes.size();
  std::uint64_t address = code.start;
  while (left != 0) {
    if (loaded->disasm_iter(handle, &at, &left, &address, read.get())) {
      std::string text = read->mnemonic;
      const std::string_view operands = read->op_str;
      text += operands.empty() ? "" : " ";
      text += operands;
      if (const std::uint64_t target = leads_elsewhere(read->mnemonic) ? target_of(operands) : 0;
          target != 0) {
        const std::string name = name_of(target);
        text += name.empty() ? name : " <" + name + ">";
      }
      instructions.push_back({read->address, read->size, std::move(text)});
      continue;
    }
    const std::size_t step = left < machine->step ? left : machine->step;
    instructions.push_back(
        {address, step, not_an_instruction({reinterpret_cast<const char*>(at), step})});
    at += step;
    left -= step;
    address += step;
  }
  return instructions;
}

}  // namespace heapwatch::symbols
