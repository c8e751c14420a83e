#include "memory/process/reading.h"

#include <algorithm>

namespace heapwatch::memory::process {

std::span<const std::byte> Window::at(std::uint64_t address, std::size_t size) {
  if (address >= begin_ && size <= known_ && address - begin_ <= known_ - size) {
    return {buffer_.get() + (address - begin_), size};
  }
  // What follows closely is part of one walk; elsewhere a new one begins.
  const bool follows = known_ > 0 && address >= begin_ && address - begin_ <= known_ + bytes_min;
  ahead_ = follows ? std::min(ahead_ * 2, bytes_max) : bytes_min;
  const std::size_t wanted = std::max(ahead_, size);
  if (capacity_ < wanted) {
    buffer_ = std::make_unique_for_overwrite<std::byte[]>(wanted);
    capacity_ = wanted;
  }
  begin_ = address;
  known_ = view_->read(address, {buffer_.get(), wanted});
  if (known_ < size) {
    return {};
  }
  return {buffer_.get(), size};
}

const Words::Slot& Words::slot(std::uint64_t page) {
  Slot& slot = cache_[static_cast<std::size_t>(page / page_bytes % slots)];
  if (slot.page != page) {
    if (slot.bytes == nullptr) {
      slot.bytes = std::make_unique_for_overwrite<std::byte[]>(page_bytes);
    }
    slot.known = pages_left_ == 0 ? 0 : view_->read(page, {slot.bytes.get(), page_bytes});
    pages_left_ -= pages_left_ == 0 ? 0 : 1;
    slot.page = page;
  }
  return slot;
}

bool Words::copy(std::uint64_t address, std::span<std::byte> out) {
  if (address + out.size() < address) {
    return false;
  }
  std::size_t done = 0;
  while (done < out.size()) {
    const std::uint64_t at = address + done;
    const std::uint64_t page = at & ~(page_bytes - 1);
    const auto offset = static_cast<std::size_t>(at - page);
    const Slot& found = slot(page);
    const std::size_t part = std::min(out.size() - done, page_bytes - offset);
    if (found.known < offset + part) {
      return false;
    }
    std::memcpy(out.data() + done, found.bytes.get() + offset, part);
    done += part;
  }
  return true;
}

std::optional<std::string> Words::text(std::uint64_t address, std::size_t bytes_max) {
  std::string text;
  for (std::size_t i = 0; i < bytes_max; ++i) {
    const auto c = get<char>(address + i);
    if (!c) {
      return std::nullopt;
    }
    if (*c == '\0') {
      return text;
    }
    text += *c;
  }
  return std::nullopt;
}

std::uint64_t pages_to_read(const ProcessView& view) {
  constexpr std::uint64_t at_least = 65'536;
  constexpr std::uint64_t times = 4;
  return at_least + times * (view.residency().total() / page_bytes);
}

}  // namespace heapwatch::memory::process
