// The host as a device: copies, zeros, and nothing to wait for.
#include <lockstep/tensor/cpu.hpp>

#include <doctest/doctest.h>

#include <array>
#include <string>

using namespace lockstep;

TEST_CASE("copies and zeros") {
  Cpu cpu;
  const Cpu::Memory memory = cpu.allocate(16);
  const std::array<std::byte, 4> bytes{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
  cpu.copy_from_host(memory.data(), bytes.data(), bytes.size());
  cpu.copy(memory.data() + 8, memory.data(), bytes.size());
  std::array<std::byte, 4> back{};
  cpu.copy_to_host(back.data(), memory.data() + 8, back.size());
  cpu.synchronize();
  CHECK(back == bytes);
  cpu.fill_zero(memory.data() + 8, 2);
  CHECK(memory.data()[8] == std::byte{0});
  CHECK(memory.data()[10] == std::byte{3});
  cpu.copy(nullptr, nullptr, 0);
  cpu.fill_zero(nullptr, 0);
  CHECK(std::string(Cpu::name) == "cpu");
}
