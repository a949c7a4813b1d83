#include "../io/temporary_directory.hpp"
#include "training.hpp"
#include <lockstep/accelerator/state_registry.hpp>

using namespace lockstep;
using namespace lockstep::testing;

namespace {

/// Trains up to `until` steps, from a checkpoint if there is one, and leaves a checkpoint.
template <class AcceleratorType>
std::string train_with_checkpoint(AcceleratorType& accelerator, const std::string& directory, std::int64_t until) {
  const auto dataset = test_data(40);
  auto [model, optimizer, loader, schedule] = accelerator.prepare(
      TestNet(0.2), AdamW{.learning_rate = 1e-2},
      DataLoader{dataset, {.batch_size = 4, .shuffle = true, .drop_last = true, .prefetch = 2}}, one_cycle(30));
  if (path_exists(directory)) accelerator.load_state(directory);
  while (optimizer.step_count() < until) {
    for (auto& batch : loader) {
      accelerator.backward(cross_entropy(model(batch.inputs), batch.targets));
      optimizer.step();
      schedule.step();
      optimizer.zero_grad();
      if (optimizer.step_count() == until) break;
    }
  }
  accelerator.save_state(directory);
  return bytes_of(model);
}

}  // namespace

TEST_CASE("a resumed run equals the uninterrupted one bit for bit, at 1 and 2 ranks") {
  for (const int ranks : {1, 2}) {
    CAPTURE(ranks);
    TemporaryDirectory scratch;
    const auto run = [&](const std::string& name, std::int64_t until) {
      std::vector<std::string> results(static_cast<std::size_t>(ranks));
      launch_threads(ranks, [&](Threads communicator) {
        const auto rank = static_cast<std::size_t>(communicator.rank());
        Accelerator<CpuThreads> accelerator(std::move(communicator));
        results[rank] = train_with_checkpoint(accelerator, scratch.path + name, until);
      });
      return results;
    };
    const auto expected = run("/whole", 17);
    run("/parts", 3);   // ends inside an epoch
    run("/parts", 11);  // inside a later one
    CHECK((run("/parts", 17) == expected));
  }
}

TEST_CASE("checkpoints know models by name, whatever the order in which they were prepared") {
  TemporaryDirectory scratch;
  const std::string path = scratch.path + "/checkpoint";
  float generator = 0, critic = 0;
  {
    Accelerator<SingleDevice<Cpu>> accelerator(Single{}, {.seed = 1});
    auto [a, b] = accelerator.prepare(named("generator", Linear{1, 1}), named("critic", Linear{1, 1}));
    generator = a.parameter("weight")[0] = 2;
    critic = b.parameter("weight")[0] = 3;
    accelerator.save_state(path);
  }
  Accelerator<SingleDevice<Cpu>> accelerator(Single{}, {.seed = 2});
  auto [b, a] = accelerator.prepare(named("critic", Linear{1, 1}), named("generator", Linear{1, 1}));
  accelerator.load_state(path);
  CHECK(a.parameter("weight")[0] == generator);
  CHECK(b.parameter("weight")[0] == critic);
}

TEST_CASE("a checkpoint that does not fit is refused with every difference, and nothing is changed") {
  TemporaryDirectory scratch;
  const std::string path = scratch.path + "/checkpoint";
  {
    Accelerator<SingleDevice<Cpu>> accelerator(Single{});
    auto model = accelerator.prepare(Linear{3, 2});
    accelerator.save_state(path);
  }
  Accelerator<SingleDevice<Cpu>> accelerator(Single{});
  auto [model, optimizer] = accelerator.prepare(Linear{4, 2}, AdamW{});
  const std::string before = bytes_of(model);
  CHECK_THROWS_WITH_AS(accelerator.load_state(path), doctest::Contains("[2, 4]"), CheckpointError);
  CHECK(bytes_of(model) == before);
  CHECK_THROWS_WITH_AS(accelerator.load_state(scratch.path + "/nothing"), doctest::Contains("does not exist"),
                       CheckpointError);
}

TEST_CASE("a position is refused where it would mean something else: another batch size, another data set") {
  TemporaryDirectory scratch;
  const std::string path = scratch.path + "/checkpoint";
  const auto save_or_load = [&](bool save, std::int64_t samples, std::int64_t batch_size) {
    Accelerator<SingleDevice<Cpu>> accelerator(Single{});
    const auto dataset = test_data(samples);
    auto loader = accelerator.prepare(DataLoader{dataset, {.batch_size = batch_size}});
    if (save) {
      loader.seek(1, 2);
      accelerator.save_state(path);
    } else {
      accelerator.load_state(path);
    }
    return loader.position();
  };
  save_or_load(true, 40, 4);
  CHECK((save_or_load(false, 40, 4) == DataLoaderPosition{1, 2}));
  CHECK_THROWS_WITH_AS(save_or_load(false, 40, 8),
                       doctest::Contains("loader.total_batch_size is 4 in the checkpoint and 8 here"), CheckpointError);
  CHECK_THROWS_WITH_AS(save_or_load(false, 44, 4), doctest::Contains("loader.samples"), CheckpointError);
}

TEST_CASE("a directory that cannot be written is named on every rank, and training can go on") {
  launch_threads(2, [](Threads communicator) {
    Accelerator<CpuThreads> accelerator(std::move(communicator));
    auto model = accelerator.prepare(Linear{1, 1});
    if (accelerator.is_main_process()) {
      CHECK_THROWS_WITH_AS(accelerator.save_state("/proc/lockstep/checkpoint"), doctest::Contains("/proc/lockstep"),
                           IoError);
    } else {
      CHECK_THROWS_WITH_AS(accelerator.save_state("/proc/lockstep/checkpoint"), doctest::Contains("rank 0"), Error);
    }
    CHECK(accelerator.reduce(1) == 2);
  });
}

TEST_CASE("an object that is gone is not part of a checkpoint") {
  StateRegistry registry;
  auto kept = registry.add({"kept", {}, {}, {}});
  {
    auto gone = registry.add({"gone", {}, {}, {}});
    CHECK(registry.contains("gone"));
    CHECK_THROWS_AS(static_cast<void>(registry.add({"gone", {}, {}, {}})), ArgumentError);
  }
  CHECK_FALSE(registry.contains("gone"));
  CHECK(registry.contains("kept"));
}
