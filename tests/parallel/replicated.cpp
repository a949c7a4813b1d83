#include <lockstep/autograd/core_ops.hpp>
#include <lockstep/autograd/tape.hpp>
#include <lockstep/comm/threads.hpp>
#include <lockstep/core/shared.hpp>
#include <lockstep/kernels/cpu/kernels.hpp>
#include <lockstep/nn/linear.hpp>
#include <lockstep/parallel/replicated.hpp>
#include <lockstep/tensor/tensor.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <vector>

using namespace lockstep;

namespace {

struct Net {
  Linear first{3, 3}, second{3, 3};
  LOCKSTEP_FIELDS(first, second)
};

using TestTape = Tape<Cpu, Fp32, CoreOps>;
using TestReplica = Replica<float, Cpu, Threads>;

}  // namespace

TEST_CASE("all ranks start with the parameters of rank 0, frozen ones too") {
  launch_threads(3, [](Threads communicator) {
    ParameterTable<float> table;
    Cpu cpu;
    Net net;
    freeze(net.first);
    TestReplica replica(net, table, cpu, communicator, {}, static_cast<std::uint64_t>(communicator.rank()));
    float sum = 0;
    for (const float value : replica.store().values()) sum += value * value;
    float largest = sum;
    communicator.all_reduce(std::span<float>(&largest, 1), Reduction::max);
    CHECK(sum > 0);
    CHECK(largest == sum);
  });
}

TEST_CASE("gradients are summed over ranks and scaled, also those of parameters that some rank did not reach") {
  launch_threads(2, [](Threads communicator) {
    ParameterTable<float> table;
    Cpu cpu;
    TestTape tape(table, cpu);
    Net net;
    std::vector<Shared<TestReplica>> replicas;
    replicas.push_back(Shared<TestReplica>::make(net, table, cpu, communicator, BucketOptions{1, 1}, std::uint64_t{0}));
    const auto input = Tensor<float>::full({1, 3}, 1.0F);
    for (int step = 0; step < 3; ++step) {
      replicas[0]->zero_grad();
      ReplicatedSweep<TestReplica> sweep(std::span<const Shared<TestReplica>>{replicas});
      // Rank 1 does not use the second layer.
      auto y = net.first(tape.constant(input));
      if (communicator.rank() == 0) y = net.second(y);
      tape.backward(linear(y, tape.constant(input)), 1.0F, sweep);
      sweep.finish([] { return 0.5F; });
      auto& store = replicas[0]->store();
      for (std::size_t i = 0; i < store.layout().ranges.size(); ++i) {
        if (store.layout().ranges[i].name == "second.bias") {
          for (const float g : store.gradient(i).span()) CHECK(g == 0.5F);  // 1 from rank 0, 0 from rank 1, halved
        }
      }
      float norm = 0;
      for (const float g : store.gradients()) norm += g * g;
      float largest = norm;
      communicator.all_reduce(std::span<float>(&largest, 1), Reduction::max);
      CHECK(norm > 0);
      CHECK(norm == largest);
    }
  });
}

TEST_CASE("a model that is not used in a step takes no part in its exchange") {
  launch_threads(2, [](Threads communicator) {
    ParameterTable<float> table;
    Cpu cpu;
    TestTape tape(table, cpu);
    Linear used(2, 1), idle(2, 1);
    std::vector<Shared<TestReplica>> replicas;
    replicas.push_back(Shared<TestReplica>::make(used, table, cpu, communicator, BucketOptions{}, std::uint64_t{0}));
    replicas.push_back(Shared<TestReplica>::make(idle, table, cpu, communicator, BucketOptions{}, std::uint64_t{0}));
    ReplicatedSweep<TestReplica> sweep(std::span<const Shared<TestReplica>>{replicas});
    const auto input = Tensor<float>::full({1, 2}, 1.0F);
    tape.backward(used(tape.constant(input)), 1.0F, sweep);
    sweep.finish([] { return 1.0F; });
    CHECK(replicas[0]->used());
    CHECK_FALSE(replicas[1]->used());
    CHECK(replicas[0]->store().slot(0).has_gradient);
    CHECK_FALSE(replicas[1]->store().slot(0).has_gradient);
  });
}
