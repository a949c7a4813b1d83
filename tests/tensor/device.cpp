// What is and what is not a device.
#include <lockstep/tensor/cpu.hpp>
#include <lockstep/tensor/device.hpp>

#include <doctest/doctest.h>

using namespace lockstep;

namespace {

struct NoMemory {};

struct NoSynchronize : Cpu {
  void synchronize() = delete;
};

struct Own : Cpu {
  static constexpr const char* name = "own";
};

}  // namespace

TEST_CASE("the contract of a device") {
  static_assert(Device<Cpu> && Device<Own>);
  static_assert(!Device<NoMemory> && !Device<NoSynchronize> && !Device<int>);
  static_assert(MemoryOwner<AlignedMemory> && !MemoryOwner<int>);
  CHECK(Device<Own>);
}
