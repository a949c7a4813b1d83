// Memory of a communicator.
#pragma once

#include <lockstep/comm/communicator.hpp>
#include <lockstep/testing/communicator/expect.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace lockstep::testing {

/// Rank and size make sense; memory is aligned, zero-filled, writable and of the size asked for.
template <Communicator C>
void check_allocate(C& communicator) {
  const char* check = "allocate";
  detail::expect(communicator.size() >= 1 && communicator.rank() >= 0 && communicator.rank() < communicator.size(),
                 check, communicator, "rank is not inside the world");
  for (const std::size_t bytes :
       {std::size_t{0}, std::size_t{1}, std::size_t{64}, std::size_t{5000}, std::size_t{3} << 20}) {
    typename C::Memory memory = communicator.allocate(bytes);
    detail::expect(memory.size() == bytes, check, communicator, "asked for ", bytes, " bytes, got ", memory.size());
    detail::expect(std::bit_cast<std::uintptr_t>(memory.data()) % 64 == 0, check, communicator, bytes,
                   " bytes are not on a 64-byte boundary");
    std::byte* data = memory.data();
    detail::expect(std::all_of(data, data + bytes, [](std::byte value) { return value == std::byte{0}; }), check,
                   communicator, bytes, " bytes are not zero-filled");
    std::fill_n(data, bytes, std::byte{0xa5});
    typename C::Memory moved = std::move(memory);
    detail::expect(moved.data() == data && moved.size() == bytes, check, communicator,
                   "memory changed when it was moved");
  }
}

}  // namespace lockstep::testing
