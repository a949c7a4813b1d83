#include <lockstep/accelerator/micro_batches.hpp>
#include <lockstep/data/batch.hpp>

#include <doctest/doctest.h>

#include <vector>

using namespace lockstep;

TEST_CASE("micro-batches are equal consecutive rows, the last one synchronises, padding is counted") {
  Batch<float, std::int32_t> batch;
  batch.inputs = Tensor<float>::from({6, 2}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  batch.targets = Tensor<std::int32_t>::from({6}, {0, 1, 2, 3, 4, 5});
  batch.size = 6;
  batch.valid = 3;
  GradientState state;
  std::vector<std::int64_t> logical, valid;
  std::vector<float> first_inputs;
  std::vector<bool> sync;
  for (auto micro : MicroBatches(batch, 3, 1, state)) {
    CHECK(micro.size == 2);
    CHECK(micro.targets.shape == Shape{2});
    first_inputs.push_back(micro.inputs[0]);
    logical.push_back(state.micro_batch);
    valid.push_back(micro.valid);
    sync.push_back(state.sync_gradients);
    CHECK(state.tree);
  }
  CHECK(first_inputs == std::vector<float>{0, 4, 8});
  CHECK(logical == std::vector<std::int64_t>{3, 4, 5});  // rank 1 of ranks with 3 each
  CHECK(valid == std::vector<std::int64_t>{2, 1, 0});
  CHECK(sync == std::vector<bool>{false, false, true});
  CHECK_FALSE(state.tree);
  for ([[maybe_unused]] auto micro : MicroBatches(batch, 2, 0, state)) {
    CHECK_FALSE(state.sync_gradients);
    break;
  }
  CHECK(state.sync_gradients);  // a loop left early does not leave a window open
  CHECK_THROWS_WITH_AS(MicroBatches(batch, 4, 0, state), doctest::Contains("6 samples"), ShapeError);
}
