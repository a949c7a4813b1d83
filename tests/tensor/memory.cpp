// Aligned, zero-filled memory that frees itself.
#include <lockstep/tensor/memory.hpp>

#include <doctest/doctest.h>

#include <cstdint>

using namespace lockstep;

TEST_CASE("sizes are rounded up to the boundary") {
  static_assert(align_up(0) == 0 && align_up(1) == 64 && align_up(64) == 64 && align_up(65) == 128);
  CHECK(memory_alignment == 64);
}

TEST_CASE("memory is on the boundary and zero") {
  for (std::size_t size : {std::size_t{1}, std::size_t{63}, std::size_t{64}, std::size_t{1000}, std::size_t{1} << 20}) {
    const AlignedMemory memory(size);
    CHECK(memory.size() == size);
    CHECK(reinterpret_cast<std::uintptr_t>(memory.data()) % memory_alignment == 0);
    bool zero = true;
    for (std::size_t i = 0; i < size; ++i) zero = zero && memory.data()[i] == std::byte{0};
    CHECK(zero);
  }
}

TEST_CASE("nothing is no memory; moving hands it on") {
  const AlignedMemory none(0);
  CHECK(none.data() == nullptr);
  AlignedMemory a(100);
  std::byte* address = a.data();
  AlignedMemory b = std::move(a);
  CHECK(a.data() == nullptr);
  CHECK(a.size() == 0);
  CHECK(b.data() == address);
  AlignedMemory c(200);
  c = std::move(b);
  CHECK(c.data() == address);
  CHECK(c.size() == 100);
}

TEST_CASE("more than there is throws") {
  CHECK_THROWS_AS(static_cast<void>(AlignedMemory(std::size_t{1} << 60)), std::bad_alloc);
  CHECK_THROWS_AS(static_cast<void>(AlignedMemory(~std::size_t{0})), std::bad_alloc);
}
