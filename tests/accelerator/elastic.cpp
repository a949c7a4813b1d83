// Training that goes on with another number of ranks.
#include "../io/temporary_directory.hpp"
#include "training.hpp"

using namespace lockstep;
using namespace lockstep::testing;

namespace {

struct Interrupted {};

/// Trains up to `until` steps, from a checkpoint if there is one; leaves one after every third step. `before_step(n)`
/// may throw.
template <class AcceleratorType, class BeforeStep>
std::string train_on(AcceleratorType& accelerator, const std::string& directory, std::int64_t until,
                     BeforeStep before_step) {
  const auto dataset = test_data(64);
  auto [model, optimizer, loader, schedule] = accelerator.prepare(
      TestNet(0.2), AdamW{.learning_rate = 1e-2},
      DataLoader{dataset, {.batch_size = 16, .shuffle = true, .split_batches = true}}, one_cycle(30));
  if (path_exists(directory)) accelerator.load_state(directory);
  while (optimizer.step_count() < until) {
    for (auto& batch : loader) {
      before_step(optimizer.step_count());
      for (auto micro : accelerator.micro_batches(batch)) {
        accelerator.backward(cross_entropy(model(micro.inputs), micro.targets));
      }
      accelerator.clip_grad_norm(model, 1.0);
      optimizer.step();
      schedule.step();
      optimizer.zero_grad();
      if (optimizer.step_count() % 3 == 0) accelerator.save_state(directory);
      if (optimizer.step_count() == until) break;
    }
  }
  return bytes_of(model);
}

constexpr AcceleratorOptions four_leaves{.micro_batches = 4, .seed = 5};

std::string uninterrupted(std::int64_t steps) {
  TemporaryDirectory scratch;
  Accelerator<SingleDevice<Cpu>> accelerator(Single{}, four_leaves);
  return train_on(accelerator, scratch.path + "/alone", steps, [](std::int64_t) {});
}

}  // namespace

TEST_CASE("with micro-batches a run goes on bit for bit with another number of ranks") {
  TemporaryDirectory scratch;
  const std::string directory = scratch.path + "/run";
  std::string last;
  for (const auto& [ranks, until] : {std::pair(4, 3), {2, 6}, {1, 9}, {4, 15}}) {
    launch_threads(ranks, [&, until = until](Threads communicator) {
      const bool first = communicator.rank() == 0;
      Accelerator<CpuThreads> accelerator(std::move(communicator), four_leaves);
      const std::string bytes = train_on(accelerator, directory, until, [](std::int64_t) {});
      if (first) last = bytes;
    });
  }
  CHECK(last == uninterrupted(15));
}

TEST_CASE("after a rank is lost, two of the survivors go on from the checkpoint to the same bits") {
  TemporaryDirectory scratch;
  const std::string directory = scratch.path + "/run";
  std::string last;
  const auto part_of_four = [&](Threads communicator) {
    const int rank = communicator.rank();
    std::optional<Threads> survivors;
    {
      Accelerator<CpuThreads> accelerator(std::move(communicator), four_leaves);
      try {
        train_on(accelerator, directory, 15, [&](std::int64_t step) {
          if (rank == 2 && step == 7) throw Interrupted();
        });
        FAIL("nobody was lost");
      } catch (const CommunicationError&) {
        survivors.emplace(accelerator.communicator().rebuild());
      }
    }
    if (survivors->size() != 3) throw Error("not all survivors came");
    Threads pair = survivors->split(survivors->rank() < 2 ? 0 : 1, 0);
    if (pair.size() != 2) return;
    const bool first = pair.rank() == 0;
    Accelerator<CpuThreads> accelerator(std::move(pair), four_leaves);
    const std::string bytes = train_on(accelerator, directory, 15, [](std::int64_t) {});
    if (first) last = bytes;
  };
  try {
    launch_threads(4, part_of_four);
  } catch (const Interrupted&) {}
  CHECK(last == uninterrupted(15));
}
