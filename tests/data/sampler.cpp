#include <lockstep/data/sampler.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace ls = lockstep;

namespace {

std::vector<std::int64_t> epoch_of(ls::Sampler& sampler, std::int64_t epoch) {
  sampler.set_epoch(epoch);
  std::vector<std::int64_t> order;
  for (std::int64_t i = 0; i < sampler.size(); ++i) order.push_back(sampler[i]);
  return order;
}

}  // namespace

TEST_CASE("sampler: in order without shuffle, in every epoch") {
  ls::Sampler sampler(5, false, 9);
  CHECK(epoch_of(sampler, 0) == std::vector<std::int64_t>{0, 1, 2, 3, 4});
  CHECK(epoch_of(sampler, 7) == std::vector<std::int64_t>{0, 1, 2, 3, 4});
}

TEST_CASE("sampler: a new order in every epoch, the same again when asked again") {
  ls::Sampler sampler(100, true, 9);
  const auto first = epoch_of(sampler, 0);
  const auto second = epoch_of(sampler, 1);
  CHECK(first != second);
  CHECK(epoch_of(sampler, 0) == first);
  CHECK(std::is_permutation(first.begin(), first.end(), second.begin()));
  ls::Sampler other(100, true, 9);
  CHECK(epoch_of(other, 1) == second);
  ls::Sampler fresh(100, true, 9);
  CHECK(fresh[3] == first[3]);
}

TEST_CASE("sampler: positions beyond the end start over") {
  ls::Sampler sampler(5, true, 1);
  sampler.set_epoch(3);
  for (std::int64_t i = 0; i < 23; ++i) CHECK(sampler[i] == sampler[i % 5]);
}
