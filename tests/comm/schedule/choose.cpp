#include <lockstep/comm/schedule/choose.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>

using namespace lockstep::detail;

namespace {

CollectivePart part_of(int size, std::uint64_t bytes) {
  CollectivePart part;
  part.size = size;
  part.element = 1;
  part.count = bytes;
  return part;
}

constexpr LinkModel link;

}  // namespace

TEST_CASE("few bytes go straight to few ranks, more ranks exchange in groups") {
  CHECK(choose_all_reduce(part_of(2, 8), link).algorithm == Algorithm::direct);
  CHECK(choose_all_reduce(part_of(4, 8), link).algorithm == Algorithm::direct);
  CHECK(choose_all_reduce(part_of(64, 8), link).algorithm == Algorithm::recursive);
  CHECK(choose_all_reduce(part_of(64, 8), link).parameter == 0);
}

TEST_CASE("large vectors are sliced, and more ranks mean more halvings") {
  int halvings = 0;
  for (int size = 2; size <= 4096; size *= 2) {
    const Choice choice = choose_all_reduce(part_of(size, std::uint64_t{64} << 20), link);
    CHECK(choice.algorithm == Algorithm::sliced);
    CHECK(choice.parameter >= halvings);
    halvings = choice.parameter;
  }
  CHECK(halvings > 6);
  CHECK(choose_all_reduce(part_of(5, std::uint64_t{64} << 20), link).algorithm == Algorithm::sliced);
}

TEST_CASE("short pieces for many ranks go by way of others") {
  CHECK(choose_all_to_all(part_of(64, 4), link).algorithm == Algorithm::dissemination);
  CHECK(choose_all_to_all(part_of(64, 1 << 20), link).algorithm == Algorithm::direct);
  CHECK(choose_all_to_all(part_of(3, 4), link).algorithm == Algorithm::direct);
}

TEST_CASE("longer vectors never take less time") {
  for (const int size : {2, 3, 8, 33, 64, 1000}) {
    std::uint64_t before = 0;
    for (std::uint64_t bytes = 64; bytes <= std::uint64_t{1} << 30; bytes *= 2) {
      const std::uint64_t time = choose_all_reduce(part_of(size, bytes), link).picoseconds;
      CHECK(time >= before);
      before = time;
    }
  }
}

TEST_CASE("slow links without latency avoid bytes, quick ones with latency avoid steps") {
  const LinkModel narrow{.alpha_nanoseconds = 1, .overhead_nanoseconds = 1, .beta_picoseconds_per_byte = 100000};
  CHECK(choose_all_reduce(part_of(64, 65536), narrow).algorithm == Algorithm::sliced);
  CHECK(choose_broadcast(part_of(64, 1 << 20), narrow).algorithm == Algorithm::chain);
  const LinkModel far{.alpha_nanoseconds = 10000000, .overhead_nanoseconds = 1, .beta_picoseconds_per_byte = 1};
  CHECK(choose_all_reduce(part_of(64, 65536), far).algorithm == Algorithm::direct);
  CHECK(choose_broadcast(part_of(64, 1 << 20), far).algorithm == Algorithm::tree);
  CHECK(choose_gather(part_of(64, 8), far).algorithm == Algorithm::direct);
  CHECK(choose_all_gather(part_of(64, 8), far, 512).algorithm == Algorithm::direct);
  const LinkModel busy{.alpha_nanoseconds = 1000, .overhead_nanoseconds = 1000, .beta_picoseconds_per_byte = 1};
  CHECK(choose_gather(part_of(64, 8), busy).algorithm == Algorithm::tree);
  CHECK(choose_all_gather(part_of(64, 8), busy, 512).algorithm == Algorithm::dissemination);
}

TEST_CASE("types that are rounded once never have partial results on the way") {
  for (const int size : {2, 3, 8, 64}) {
    for (std::uint64_t bytes = 2; bytes <= std::uint64_t{1} << 30; bytes *= 8) {
      CollectivePart part = part_of(size, bytes);
      part.one_pass = true;
      const Choice all = choose_all_reduce(part, link), one = choose_reduce(part, link);
      CHECK((all.algorithm == Algorithm::direct || (all.algorithm == Algorithm::sliced && all.parameter == 0)));
      CHECK((one.algorithm == Algorithm::sliced && one.parameter == 0));
      CHECK(choose_reduce_scatter(part, link).parameter == 0);
    }
  }
}

TEST_CASE("times of the largest calls do not overflow") {
  constexpr std::uint64_t most_bytes = ((std::uint64_t{1} << 44) - 1) * 8;
  for (const int size : {2, 3, 64, 4096}) {
    const std::uint64_t pieces = most_bytes / static_cast<std::uint64_t>(size);
    const double transfer = static_cast<double>(most_bytes) * static_cast<double>(link.beta_picoseconds_per_byte);
    for (const Choice& choice :
         {choose_all_reduce(part_of(size, most_bytes), link), choose_broadcast(part_of(size, most_bytes), link),
          choose_reduce(part_of(size, most_bytes), link), choose_reduce_scatter(part_of(size, pieces), link),
          choose_all_gather(part_of(size, pieces), link, most_bytes), choose_gather(part_of(size, pieces), link)}) {
      CHECK(static_cast<double>(choice.picoseconds) > 0.4 * transfer);
      CHECK(static_cast<double>(choice.picoseconds) < 4 * transfer);
    }
  }
}

TEST_CASE("one rank has nothing to choose") {
  CHECK(choose_all_reduce(part_of(1, 100), link).picoseconds == 0);
  CHECK(choose_broadcast(part_of(1, 100), link).picoseconds == 0);
  CHECK(choose_reduce(part_of(1, 100), link).picoseconds == 0);
}
