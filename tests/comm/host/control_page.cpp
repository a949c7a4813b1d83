#include <lockstep/comm/host/control_page.hpp>
#include <lockstep/tensor/memory.hpp>

#include <doctest/doctest.h>

#include <cstdint>

using namespace lockstep::detail;

namespace {

std::size_t offset(const std::byte* base, const void* address) {
  return reinterpret_cast<std::uintptr_t>(address) - reinterpret_cast<std::uintptr_t>(base);
}

}  // namespace

TEST_CASE("what ranks write lies on lines of their own, inside the memory, and does not overlap") {
  constexpr int size = 5;
  constexpr std::size_t staging = 65536;
  const lockstep::AlignedMemory memory(ControlPage::bytes(size, staging));
  const ControlPage page(memory.data(), size, staging);
  page.construct(4);
  CHECK(page.group().processors == 4);
  CHECK(page.group().failure.rank.load() == -1);
  std::size_t end = sizeof(GroupControl);
  for (int rank = 0; rank < size; ++rank) {
    const RankControl& control = page.rank(rank);
    CHECK(offset(memory.data(), &control) == end);
    CHECK(offset(memory.data(), &control.counters) % 64 == 0);
    CHECK(offset(memory.data(), &control.bell) % 64 == 0);
    CHECK(offset(memory.data(), &control.slots[1]) % 64 == 0);
    CHECK(control.slots[3].sequence.load() == 0);
    end += sizeof(RankControl);
  }
  for (int rank = 0; rank < size; ++rank) {
    CHECK(offset(memory.data(), page.staging(rank, 0)) == end);
    CHECK(page.staging(rank, 1) == page.staging(rank, 0) + staging / 2);
    CHECK(page.staging(rank, 6) == page.staging(rank, 0));
    end += staging;
  }
  for (int from = 0; from < size; ++from) {
    for (int to = 0; to < size; ++to) {
      CHECK(page.channel_offset(from, to) % 4096 == 0);
      CHECK(page.channel_offset(from, to) >= end);
      CHECK(page.channel(from, to) == memory.data() + page.channel_offset(from, to));
      end = page.channel_offset(from, to) + page.channel_bytes();
    }
  }
  CHECK(end == memory.size());
}

TEST_CASE("slots are reused in turn") {
  const lockstep::AlignedMemory memory(ControlPage::bytes(2, 0));
  const ControlPage page(memory.data(), 2, 0);
  page.construct(1);
  CHECK(&page.slot(1, 0) == &page.slot(1, slot_count));
  CHECK(&page.slot(1, 0) != &page.slot(1, 1));
  CHECK(&page.slot(0, 0) != &page.slot(1, 0));
}
