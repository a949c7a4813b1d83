// The pool: blocks large enough, never given out twice, used again after they come back.
#include <lockstep/core/philox.hpp>
#include <lockstep/tensor/block_pool.hpp>
#include <lockstep/tensor/cpu.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

using namespace lockstep;

TEST_CASE("the latest block that came back is given out first, to a request of its size") {
  Cpu cpu;
  BlockPool<Cpu> pool(cpu);
  std::byte* a = pool.allocate(1000);
  std::byte* b = pool.allocate(1000);
  CHECK(a != b);
  pool.release(a, 1000);
  pool.release(b, 1000);
  CHECK(pool.allocate(1000) == b);
  CHECK(pool.allocate(1000) == a);
}

TEST_CASE("every size gets a block that holds it") {
  Cpu cpu;
  BlockPool<Cpu> pool(cpu);
  std::vector<std::pair<std::byte*, std::size_t>> blocks;
  for (std::size_t size = 0; size < 3000; size += 37) blocks.emplace_back(pool.allocate(size), size);
  for (std::size_t size :
       {std::size_t{4096}, std::size_t{4097}, std::size_t{65536}, std::size_t{70001}, std::size_t{1000003}}) {
    blocks.emplace_back(pool.allocate(size), size);
  }
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    CHECK(reinterpret_cast<std::uintptr_t>(blocks[i].first) % memory_alignment == 0);
    if (blocks[i].second > 0) std::memset(blocks[i].first, static_cast<int>(i), blocks[i].second);
  }
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (blocks[i].second == 0) continue;
    CHECK(blocks[i].first[0] == std::byte(i));
    CHECK(blocks[i].first[blocks[i].second - 1] == std::byte(i));
  }
}

TEST_CASE("thousands of random requests: no two living blocks overlap") {
  Cpu cpu;
  BlockPool<Cpu> pool(cpu);
  Philox random(9);
  struct Living {
    std::byte* block;
    std::size_t size;
    std::byte mark;
  };
  std::vector<Living> living;
  int damaged = 0;
  for (int i = 0; i < 5000; ++i) {
    if (living.size() < 40 && random.below(2) == 0) {
      const std::size_t size = 1 + random.below(std::uint64_t{1} << (1 + random.below(14)));
      const Living made{pool.allocate(size), size, std::byte(i % 251)};
      std::memset(made.block, static_cast<int>(made.mark), size);
      living.push_back(made);
    } else if (!living.empty()) {
      const std::size_t chosen = random.below(living.size());
      const Living ended = living[chosen];
      for (std::size_t j = 0; j < ended.size; ++j) damaged += ended.block[j] == ended.mark ? 0 : 1;
      pool.release(ended.block, ended.size);
      living[chosen] = living.back();
      living.pop_back();
    }
  }
  CHECK(damaged == 0);
}
