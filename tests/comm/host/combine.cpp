#include <lockstep/comm/host/combine.hpp>

#include <doctest/doctest.h>

#include <vector>

using namespace lockstep::detail;

TEST_CASE("shares cover everything once, start on cache lines and differ by one line at most") {
  for (const std::size_t bytes : {0u, 1u, 64u, 65u, 1000u, 4096u, 1'000'003u}) {
    for (const int size : {1, 2, 3, 7, 64, 250}) {
      CHECK(share_begin(bytes, 0, size) == 0);
      CHECK(share_begin(bytes, size, size) == bytes);
      std::size_t shortest = bytes, longest = 0, unaligned = 0;
      for (int rank = 0; rank < size; ++rank) {
        const std::size_t begin = share_begin(bytes, rank, size), end = share_begin(bytes, rank + 1, size);
        REQUIRE(begin <= end);
        unaligned += begin % 64 != 0 && begin != bytes;
        shortest = std::min(shortest, end - begin);
        longest = std::max(longest, end - begin);
      }
      CHECK(unaligned == 0);
      CHECK(longest - shortest < 128);
    }
  }
}

TEST_CASE("ranks that combine their shares leave the whole result in every buffer") {
  constexpr std::size_t count = 1000;
  std::vector<std::vector<float>> buffers(3, std::vector<float>(count));
  for (std::size_t rank = 0; rank < 3; ++rank) {
    for (std::size_t i = 0; i < count; ++i) buffers[rank][i] = static_cast<float>((rank + 1) * i);
  }
  std::vector<std::byte*> pointers(3);
  for (int rank = 0; rank < 3; ++rank) {
    Call call;
    call.fingerprint.collective = Collective::all_reduce;
    call.output = reinterpret_cast<std::byte*>(buffers[static_cast<std::size_t>(rank)].data());
    call.piece = count * sizeof(float);
    call.element = sizeof(float);
    call.reduce = &reduce_slice<float>;
    combine_range(Operation(call, 3, 0), rank, 3, pointers, 0, call.piece, false, [&](int peer) {
      return reinterpret_cast<std::byte*>(buffers[static_cast<std::size_t>(peer)].data());
    });
  }
  for (const auto& buffer : buffers) {
    for (std::size_t i = 0; i < count; ++i) REQUIRE(buffer[i] == static_cast<float>(6 * i));
  }
}
