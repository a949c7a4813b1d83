#include <lockstep/data/batch_reader.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

namespace ls = lockstep;

namespace {

struct Numbers {
  struct Sample {
    std::int64_t inputs;
    std::int64_t targets;
  };
  std::int64_t size() const { return 7; }
  Sample operator[](std::int64_t i) const { return {i, -i}; }
};

}  // namespace

TEST_CASE("batch reader: positions go from epoch to epoch") {
  CHECK(ls::next_position({0, 0}, 3) == ls::DataLoaderPosition{0, 1});
  CHECK(ls::next_position({0, 2}, 3) == ls::DataLoaderPosition{1, 0});
  CHECK(ls::next_position({5, 0}, 1) == ls::DataLoaderPosition{6, 0});
}

TEST_CASE("batch reader: fills everything that belongs to a position") {
  ls::BatchReader reader({.dataset_size = 7, .batch_size = 2, .rank = 1, .world_size = 2}, ls::Sampler(7, false, 0));
  ls::BatchOf<Numbers> batch;
  reader.read(Numbers{}, {3, 0}, batch);
  CHECK(batch.epoch == 3);
  CHECK(batch.step == 0);
  CHECK(batch.indices == std::vector<std::int64_t>{2, 3});
  CHECK(batch.size == 2);
  CHECK(batch.valid == 2);
  CHECK(!batch.last);
  CHECK(batch.inputs[1] == 3);
  CHECK(batch.targets[1] == -3);
  reader.read(Numbers{}, {3, 1}, batch);
  CHECK(batch.indices == std::vector<std::int64_t>{6, 0});
  CHECK(batch.valid == 1);
  CHECK(batch.last);
}

TEST_CASE("batch reader: padding repeats the shuffled order of its own epoch") {
  const ls::DataShard shard{.dataset_size = 7, .batch_size = 4, .rank = 0, .world_size = 1};
  ls::BatchReader reader(shard, ls::Sampler(7, true, 5));
  ls::BatchOf<Numbers> first;
  ls::BatchOf<Numbers> second;
  for (std::int64_t epoch = 0; epoch < 5; ++epoch) {
    reader.read(Numbers{}, {epoch, 0}, first);
    reader.read(Numbers{}, {epoch, 1}, second);
    CHECK(second.valid == 3);
    CHECK(second.indices[3] == first.indices[0]);
  }
}
