// The arena: distinct aligned memory, one block after a rewind, the same addresses ever after.
#include <lockstep/tensor/arena.hpp>
#include <lockstep/tensor/cpu.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <vector>

using namespace lockstep;

namespace {

const std::vector<std::size_t> sizes{1, 64, 65, 1000, 100000, 7, 0, 300000, 12};

std::vector<std::byte*> one_step(Arena<Cpu>& arena) {
  std::vector<std::byte*> addresses;
  for (std::size_t size : sizes) {
    std::byte* memory = arena.allocate(size);
    CHECK(reinterpret_cast<std::uintptr_t>(memory) % memory_alignment == 0);
    addresses.push_back(memory);
    if (size > 0) std::memset(memory, static_cast<int>(addresses.size()), size);
  }
  for (std::size_t i = 0; i < sizes.size(); ++i) {  // nobody wrote over anybody
    if (sizes[i] == 0) continue;
    CHECK(addresses[i][0] == std::byte(i + 1));
    CHECK(addresses[i][sizes[i] - 1] == std::byte(i + 1));
  }
  return addresses;
}

}  // namespace

TEST_CASE("what is given out does not overlap; addresses repeat from the second step on") {
  Cpu cpu;
  Arena<Cpu> arena(cpu, 128);
  static_cast<void>(one_step(arena));
  const std::size_t used = arena.in_use();
  CHECK(used >= 401149);
  arena.rewind();
  CHECK(arena.in_use() == 0);
  const auto second = one_step(arena);
  CHECK(arena.in_use() == used);
  const std::size_t capacity = arena.capacity();
  for (int step = 0; step < 3; ++step) {
    arena.rewind();
    CHECK(one_step(arena) == second);
    CHECK(arena.capacity() == capacity);
  }
}

TEST_CASE("a larger step is taken in and becomes one block again") {
  Cpu cpu;
  Arena<Cpu> arena(cpu, 128);
  static_cast<void>(arena.allocate(100));
  arena.rewind();
  std::byte* kept = arena.allocate(64);
  std::memset(kept, 5, 64);
  for (int i = 0; i < 20; ++i) static_cast<void>(arena.allocate(1000));
  CHECK(kept[63] == std::byte{5});
  arena.rewind();
  CHECK(arena.capacity() >= 64 + 20 * 1024);
  std::byte* first = arena.allocate(64);
  for (int i = 0; i < 20; ++i) static_cast<void>(arena.allocate(1000));
  arena.rewind();
  CHECK(arena.allocate(64) == first);
}

TEST_CASE("memory for objects") {
  Cpu cpu;
  Arena<Cpu> arena(cpu);
  double* numbers = arena.allocate<double>(10);
  numbers[9] = 1;
  CHECK(arena.in_use() == 128);
}
