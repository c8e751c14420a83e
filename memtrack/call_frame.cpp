#include "memtrack/call_frame.h"

#include <dlfcn.h>

#include <cstddef>

#include "memtrack/eh_frame.h"

namespace heapwatch::memtrack {

namespace {

#if defined(__x86_64__)

constexpr std::uint64_t reg_rbp = 6;
constexpr std::uint64_t reg_rsp = 7;

constexpr std::uint8_t op_deref = 0x06;
constexpr std::uint8_t op_breg_rbp = 0x76;
constexpr std::uint8_t op_breg_rsp = 0x77;

/// What the program has said so far about the registers that matter.
struct Row {
  enum class How : std::uint8_t { same, at_cfa, at_rbp, other };

  std::uint64_t cfa_register = reg_rsp;
  std::int64_t cfa_offset = 8;
  bool cfa_deref = false;
  bool cfa_known = true;
  How rbp = How::same;
  std::int64_t rbp_offset = 0;
  bool return_undefined = false;
  bool return_at_cfa_8 = true;

  void set(std::uint64_t reg, How how, std::int64_t offset) {
    if (reg == reg_rbp) {
      rbp = how;
      rbp_offset = offset;
    } else if (reg == reg_return) {
      return_undefined = false;
      return_at_cfa_8 = how == How::at_cfa && offset == -8;
    }
  }

  void restore(std::uint64_t reg, const Row& initial) {
    if (reg == reg_rbp) {
      rbp = initial.rbp;
      rbp_offset = initial.rbp_offset;
    } else if (reg == reg_return) {
      return_undefined = initial.return_undefined;
      return_at_cfa_8 = initial.return_at_cfa_8;
    }
  }
};

class Program {
 public:
  Program(const Cie& cie, std::uintptr_t begin, std::uintptr_t address)
      : cie_(cie), location_(begin), address_(address) {}

  /// Runs until the row for the address is complete; false when the program says something unknown.
  bool run(Cursor in) {
    while (in.left() > 0 && !in.failed()) {
      const auto op = in.read<std::uint8_t>();
      const std::uint8_t low = op & 0x3fU;
      switch (op >> 6) {
        case 1:
          location_ += low * cie_.code_align;
          break;
        case 2:
          row_.set(low, Row::How::at_cfa, factored(in.uleb()));
          break;
        case 3:
          row_.restore(low, initial_);
          break;
        default:
          if (!run_extended(op, in)) {
            return false;
          }
      }
      if (location_ > address_) {
        break;
      }
    }
    return !in.failed();
  }

  void end_initial() { initial_ = row_; }
  [[nodiscard]] const Row& row() const { return row_; }

 private:
  [[nodiscard]] std::int64_t factored(std::uint64_t value) const {
    return static_cast<std::int64_t>(value) * cie_.data_align;
  }

  bool run_extended(std::uint8_t op, Cursor& in) {
    switch (op) {
      case 0x00:
        return true;  // nop
      case 0x01:
        location_ = in.pointer(cie_.pointer_encoding);
        return true;
      case 0x02:
        location_ += in.read<std::uint8_t>() * cie_.code_align;
        return true;
      case 0x03:
        location_ += in.read<std::uint16_t>() * cie_.code_align;
        return true;
      case 0x04:
        location_ += in.read<std::uint32_t>() * cie_.code_align;
        return true;
      case 0x06:
        row_.restore(in.uleb(), initial_);
        return true;
      case 0x0a:
        return remember();
      case 0x0b:
        return recall();
      case 0x2e:
        in.uleb();
        return true;  // GNU_args_size
      case 0x0c:
      case 0x0d:
      case 0x0e:
      case 0x0f:
      case 0x12:
      case 0x13:
        return define_cfa(op, in);
      default:
        return define_register(op, in);
    }
  }

  bool define_cfa(std::uint8_t op, Cursor& in) {
    switch (op) {
      case 0x0c:
        row_.cfa_register = in.uleb();
        row_.cfa_offset = static_cast<std::int64_t>(in.uleb());
        break;
      case 0x0d:
        row_.cfa_register = in.uleb();
        break;
      case 0x0e:
        row_.cfa_offset = static_cast<std::int64_t>(in.uleb());
        break;
      case 0x12:
        row_.cfa_register = in.uleb();
        row_.cfa_offset = in.sleb() * cie_.data_align;
        break;
      case 0x13:
        row_.cfa_offset = in.sleb() * cie_.data_align;
        break;
      default:
        define_cfa_by_expression(in);
        return true;
    }
    row_.cfa_known = true;
    row_.cfa_deref = false;
    return true;
  }

  /// Realigned stacks keep the CFA in a slot: breg(rbp or rsp) offset; deref.
  void define_cfa_by_expression(Cursor& in) {
    const std::uint64_t size = in.uleb();
    Cursor expression = in;
    const auto base = expression.read<std::uint8_t>();
    const std::int64_t offset = expression.sleb();
    const auto last = expression.read<std::uint8_t>();
    const bool whole = static_cast<std::uint64_t>(expression.at() - in.at()) == size;
    row_.cfa_known = whole && last == op_deref && (base == op_breg_rbp || base == op_breg_rsp);
    row_.cfa_register = base == op_breg_rbp ? reg_rbp : reg_rsp;
    row_.cfa_offset = offset;
    row_.cfa_deref = true;
    in.skip(size);
  }

  bool define_register(std::uint8_t op, Cursor& in) {
    const std::uint64_t reg = in.uleb();
    switch (op) {
      case 0x05:
        row_.set(reg, Row::How::at_cfa, factored(in.uleb()));
        return true;
      case 0x07:
        row_.set(reg, Row::How::other, 0);
        row_.return_undefined = row_.return_undefined || reg == reg_return;
        return true;
      case 0x08:
        row_.set(reg, Row::How::same, 0);
        return true;
      case 0x09:
      case 0x14:
        in.uleb();
        row_.set(reg, Row::How::other, 0);
        return true;
      case 0x15:
        in.sleb();
        row_.set(reg, Row::How::other, 0);
        return true;
      case 0x11:
        row_.set(reg, Row::How::at_cfa, in.sleb() * cie_.data_align);
        return true;
      case 0x10:
        define_by_expression(reg, in);
        return true;
      case 0x16:
        in.skip(in.uleb());
        row_.set(reg, Row::How::other, 0);
        return true;
      default:
        return false;
    }
  }

  void define_by_expression(std::uint64_t reg, Cursor& in) {
    const std::uint64_t size = in.uleb();
    Cursor expression = in;
    const bool from_rbp = expression.read<std::uint8_t>() == op_breg_rbp;
    const std::int64_t offset = expression.sleb();
    const bool whole = static_cast<std::uint64_t>(expression.at() - in.at()) == size;
    row_.set(reg, from_rbp && whole ? Row::How::at_rbp : Row::How::other, offset);
    in.skip(size);
  }

  bool remember() {
    if (depth_ == stack_max) {
      return false;
    }
    stack_[depth_++] = row_;
    return true;
  }

  bool recall() {
    if (depth_ == 0) {
      return false;
    }
    row_ = stack_[--depth_];
    return true;
  }

  static constexpr std::size_t stack_max = 8;
  const Cie& cie_;
  std::uintptr_t location_;
  std::uintptr_t address_;
  Row row_;
  Row initial_;
  Row stack_[stack_max];
  std::size_t depth_ = 0;
};

bool fits(std::int64_t offset) {
  return offset > -(1 << 23) && offset < (1 << 23);
}

FrameRule rule_of(const Row& row) {
  FrameRule rule;
  if (row.return_undefined) {
    rule.kind = FrameRule::Kind::outermost;
    return rule;
  }
  const bool known = row.cfa_known && row.return_at_cfa_8 && row.rbp != Row::How::other &&
                     (row.cfa_register == reg_rbp || row.cfa_register == reg_rsp) &&
                     fits(row.cfa_offset) && fits(row.rbp_offset);
  if (!known) {
    return rule;
  }
  rule.kind = FrameRule::Kind::call_frame;
  rule.cfa_from_rbp = row.cfa_register == reg_rbp;
  rule.cfa_deref = row.cfa_deref;
  rule.cfa_offset = static_cast<std::int32_t>(row.cfa_offset);
  rule.rbp_offset = static_cast<std::int32_t>(row.rbp_offset);
  rule.saved_rbp = row.rbp == Row::How::same     ? FrameRule::Saved::same
                   : row.rbp == Row::How::at_cfa ? FrameRule::Saved::at_cfa
                                                 : FrameRule::Saved::at_rbp;
  return rule;
}

#endif

}  // namespace

#if defined(__x86_64__)

FrameRule find_frame_rule(std::uintptr_t address) noexcept {
  dl_find_object object{};
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the function takes addresses as pointers
  if (_dl_find_object(reinterpret_cast<void*>(address), &object) != 0 ||
      object.dlfo_eh_frame == nullptr) {
    return {};
  }
  const std::uint8_t* const fde =
      find_fde(static_cast<const std::uint8_t*>(object.dlfo_eh_frame), address);
  if (fde == nullptr) {
    return {};
  }
  Cursor in = open_record(fde);
  const std::uint8_t* const place = in.at();
  Cie cie;
  if (!read_cie(place - in.read<std::uint32_t>(), cie) || cie.is_signal_frame) {
    return {};
  }
  const std::uintptr_t begin = in.pointer(cie.pointer_encoding);
  const std::uintptr_t size = in.pointer(cie.pointer_encoding & 0x0fU);
  if (address < begin || address - begin >= size) {
    return {};
  }
  if (cie.has_augmentation_data) {
    in.skip(in.uleb());
  }
  Program program(cie, begin, address);
  if (in.failed() || !program.run(cie.program)) {
    return {};
  }
  program.end_initial();
  return program.run(in) ? rule_of(program.row()) : FrameRule{};
}

#else

FrameRule find_frame_rule(std::uintptr_t) noexcept {
  return {};
}

#endif

}  // namespace heapwatch::memtrack
