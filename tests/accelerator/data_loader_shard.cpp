#include <lockstep/accelerator/data_loader_shard.hpp>
#include <lockstep/data/tensor_dataset.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace lockstep;

namespace {

TensorDataset<float, float> data(std::int64_t count) {
  return {Tensor<float>(Shape{count, 1}), Tensor<float>(Shape{count, 1})};
}

auto shard(std::int64_t count, const char* name, GradientState& state, StateRegistry& states, int rank = 0,
           int world_size = 1) {
  DataLoader loader{data(count), {.batch_size = 1}};
  using Loader = decltype(std::move(loader).sharded(rank, world_size));
  return DataLoaderShard<Loader>(std::move(loader).sharded(rank, world_size), name, state, states);
}

}  // namespace

TEST_CASE("the accelerator knows the last batch while it is worked on, also with a loop inside the loop") {
  GradientState state;
  StateRegistry states;
  auto outer = shard(3, "outer", state, states);
  auto inner = shard(2, "inner", state, states);
  CHECK_FALSE(state.end_of_loader());
  std::string trace;
  for ([[maybe_unused]] auto& batch : outer) {
    trace += state.end_of_loader() ? 'L' : '-';
    for ([[maybe_unused]] auto& other : inner) trace += state.end_of_loader() ? 'l' : '.';
    trace += state.end_of_loader() ? 'L' : '-';
  }
  CHECK(trace == "-.l--.l-L.lL");
  CHECK(state.loader == nullptr);
}

TEST_CASE("a loop that is left early leaves nothing behind but its position") {
  GradientState state;
  StateRegistry states;
  auto loader = shard(3, "loader", state, states);
  for (auto& batch : loader) {
    CHECK(batch.step == 0);
    break;
  }
  CHECK(state.loader == nullptr);
  CHECK((loader.position() == DataLoaderPosition{0, 1}));
  std::int64_t seen = 0;
  for (auto& batch : loader) seen += batch.step;
  CHECK(seen == 1 + 2);
  CHECK((loader.position() == DataLoaderPosition{1, 0}));
  loader.seek(4, 2);
  for (auto& batch : loader) CHECK(batch.epoch == 4);
}

TEST_CASE("each rank sees its part, and all see the same number of steps") {
  GradientState state;
  StateRegistry states;
  auto first = shard(5, "first", state, states, 0, 2);
  auto second = shard(5, "second", state, states, 1, 2);
  CHECK(first.steps_per_epoch() == 3);
  CHECK(second.steps_per_epoch() == 3);
  CHECK(first.total_batch_size() == 2);
  std::int64_t valid = 0;
  for (auto& batch : first) valid += batch.valid;
  for (auto& batch : second) valid += batch.valid;
  CHECK(valid == 5);
}
