#include <lockstep/lockstep.hpp>
#include <lockstep/mpi.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

namespace ls = lockstep;

namespace {

/// The parameters after some steps of a small model.
template <class Accelerator>
std::vector<float> train(Accelerator& accelerator) {
  std::vector<float> inputs(96 * 3), targets(96);
  for (std::size_t i = 0; i < inputs.size(); ++i) inputs[i] = static_cast<float>(i * 37 % 101) * 0.02f - 1.0f;
  for (std::size_t i = 0; i < targets.size(); ++i) targets[i] = inputs[3 * i] * 2.0f - inputs[3 * i + 1];
  auto [model, optimizer, loader] = accelerator.prepare(
      ls::Linear(3, 1), ls::Sgd{.learning_rate = 0.1},
      ls::DataLoader{ls::TensorDataset(ls::Tensor<float>::from({96, 3}, std::span<const float>(inputs)),
                                       ls::Tensor<float>::from({96, 1}, std::span<const float>(targets))),
                     {.batch_size = 4}});
  for (auto& batch : loader) {
    auto loss = ls::mse_loss(model(batch.inputs), batch.targets);
    accelerator.backward(loss);
    optimizer.step();
    optimizer.zero_grad();
  }
  const auto weight = model.parameter("weight");
  return {weight[0], weight[1], weight[2], model.parameter("bias")[0]};
}

}  // namespace

TEST_CASE("CpuMpi is the world of mpirun") {
  ls::Mpi communicator = ls::CpuMpi::connect();
  int size = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  CHECK(communicator.size() == size);
}

TEST_CASE("training over MPI gives the bits of training over threads") {
  std::vector<float> expected;
  ls::Accelerator<ls::CpuMpi> accelerator;
  ls::launch_threads(accelerator.world_size(), [&](ls::Threads threads) {
    const bool first = threads.rank() == 0;
    ls::Accelerator<ls::CpuThreads> other(std::move(threads));
    const std::vector<float> parameters = train(other);
    if (first) expected = parameters;
  });
  const std::vector<float> got = train(accelerator);
  REQUIRE(got.size() == expected.size());
  CHECK(std::memcmp(got.data(), expected.data(), got.size() * sizeof(float)) == 0);
}
