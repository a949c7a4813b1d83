#include <lockstep/data/data_loader.hpp>
#include <lockstep/data/tensor_dataset.hpp>

#include <doctest/doctest.h>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <iterator>
#include <set>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace ls = lockstep;

namespace {

struct Numbers {  // sample i is (i, 2 i)
  struct Sample {
    std::int64_t inputs;
    std::int64_t targets;
  };
  std::int64_t count = 0;
  std::int64_t size() const { return count; }
  Sample operator[](std::int64_t i) const { return {i, 2 * i}; }
};

static_assert(std::input_iterator<ls::DataLoader<Numbers>::Iterator>);
static_assert(std::sentinel_for<std::default_sentinel_t, ls::DataLoader<Numbers>::Iterator>);
static_assert(!std::copy_constructible<ls::DataLoader<Numbers>>);

/// Everything that a user can see of a batch.
struct Seen {
  std::int64_t epoch, step, size, valid;
  bool last;
  std::vector<std::int64_t> indices, inputs;
  bool operator==(const Seen&) const = default;
};

template <class Batch>
Seen seen(const Batch& batch) {
  REQUIRE(batch.inputs.extent(0) == batch.size);
  REQUIRE(batch.indices.size() == static_cast<std::size_t>(batch.size));
  for (std::int64_t i = 0; i < batch.size; ++i) REQUIRE(batch.targets[i] == 2 * batch.inputs[i]);
  return {batch.epoch,
          batch.step,
          batch.size,
          batch.valid,
          batch.last,
          batch.indices,
          std::vector<std::int64_t>(batch.inputs.span().begin(), batch.inputs.span().end())};
}

template <class Loader>
std::vector<Seen> epochs(Loader& loader, int count) {
  std::vector<Seen> result;
  for (int epoch = 0; epoch < count; ++epoch) {
    for (auto& batch : loader) result.push_back(seen(batch));
  }
  return result;
}

template <class Function>
std::string message_of(Function function) {
  try {
    function();
  } catch (const ls::Error& error) {
    return error.what();
  }
  return "";
}

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("data loader: one epoch per range-for") {
  const Numbers numbers{5};
  ls::DataLoader loader{numbers, {.batch_size = 2}};
  CHECK(loader.steps_per_epoch() == 3);
  const auto batches = epochs(loader, 2);
  REQUIRE(batches.size() == 6);
  CHECK(batches[0] == Seen{0, 0, 2, 2, false, {0, 1}, {0, 1}});
  CHECK(batches[2] == Seen{0, 2, 2, 1, true, {4, 0}, {4, 0}});
  CHECK(batches[3] == Seen{1, 0, 2, 2, false, {0, 1}, {0, 1}});
  CHECK(loader.position() == ls::DataLoaderPosition{2, 0});
}

TEST_CASE("data loader: read ahead or not, the batches are the same") {
  for (const bool shuffle : {false, true}) {
    for (const std::int64_t size : {1, 7, 64}) {
      ls::DataLoader plain{Numbers{size}, {.batch_size = 3, .shuffle = shuffle, .seed = 4}};
      const auto expected = epochs(plain, 3);
      for (const std::int64_t prefetch : {1, 2, 9}) {
        ls::DataLoader ahead{Numbers{size}, {.batch_size = 3, .shuffle = shuffle, .seed = 4, .prefetch = prefetch}};
        CHECK(epochs(ahead, 3) == expected);
      }
    }
  }
}

TEST_CASE("data loader: every epoch has every sample, in another order") {
  ls::DataLoader loader{Numbers{100}, {.batch_size = 10, .shuffle = true, .prefetch = 2}};
  std::set<std::vector<std::int64_t>> orders;
  for (int epoch = 0; epoch < 4; ++epoch) {
    std::vector<std::int64_t> order;
    for (auto& batch : loader) order.insert(order.end(), batch.indices.begin(), batch.indices.end());
    orders.insert(order);
    std::sort(order.begin(), order.end());
    for (std::int64_t i = 0; i < 100; ++i) CHECK(order[static_cast<std::size_t>(i)] == i);
  }
  CHECK(orders.size() == 4);
}

TEST_CASE("data loader: the position counts what was handed out, not what was read ahead") {
  for (const std::int64_t prefetch : {0, 1, 5}) {
    ls::DataLoader loader{Numbers{8}, {.batch_size = 2, .prefetch = prefetch}};
    CHECK(loader.position() == ls::DataLoaderPosition{0, 0});
    std::int64_t handed_out = 0;
    for (int epoch = 0; epoch < 2; ++epoch) {
      for (auto& batch : loader) {
        ++handed_out;
        CHECK(loader.position() == ls::DataLoaderPosition{handed_out / 4, handed_out % 4});
        CHECK(batch.last == (handed_out % 4 == 0));
      }
    }
  }
}

TEST_CASE("data loader: a run goes on from any saved position as if it had not stopped") {
  ls::DataLoader whole{Numbers{23}, {.batch_size = 4, .shuffle = true, .seed = 8}};
  const auto expected = epochs(whole, 3);
  for (const std::int64_t prefetch : {0, 3}) {
    const ls::DataLoaderOptions options{.batch_size = 4, .shuffle = true, .seed = 8, .prefetch = prefetch};
    for (std::size_t stop = 0; stop < expected.size(); ++stop) {
      ls::DataLoader first{Numbers{23}, options};
      std::vector<Seen> batches;
      while (batches.size() < stop) {
        for (auto& batch : first) {
          batches.push_back(seen(batch));
          if (batches.size() == stop) break;
        }
      }
      ls::DataLoader second{Numbers{23}, options};
      second.seek(first.position());
      while (second.position().epoch < 3) {
        for (auto& batch : second) batches.push_back(seen(batch));
      }
      CHECK(batches == expected);
    }
  }
}

TEST_CASE("data loader: a loop left early goes on behind the batch it left with") {
  ls::DataLoader loader{Numbers{10}, {.batch_size = 2, .prefetch = 2}};
  for (auto& batch : loader) {
    if (batch.step == 1) break;
  }
  CHECK(loader.position() == ls::DataLoaderPosition{0, 2});
  const auto rest = epochs(loader, 1);
  REQUIRE(rest.size() == 3);
  CHECK(rest[0].step == 2);
  CHECK(rest[2].last);
  for (auto& batch : loader) {
    if (batch.last) break;
  }
  CHECK(loader.position() == ls::DataLoaderPosition{2, 0});  // nothing of that epoch was left
}

TEST_CASE("data loader: seek") {
  for (const std::int64_t prefetch : {0, 2}) {
    ls::DataLoader loader{Numbers{10}, {.batch_size = 2, .shuffle = true, .prefetch = prefetch}};
    const auto expected = epochs(loader, 6);
    for (const auto& [epoch, step] : {std::pair{5, 4}, {0, 0}, {0, 0}, {3, 2}, {3, 2}, {0, 5}}) {
      loader.seek(epoch, step);
      CHECK(seen(*loader.begin()) == expected[static_cast<std::size_t>(5 * epoch + step)]);
    }
    loader.seek(1, 5);
    CHECK(loader.position() == ls::DataLoaderPosition{2, 0});
    loader.seek(std::int64_t{1} << 50, 1);
    CHECK((*loader.begin()).epoch == std::int64_t{1} << 50);
    CHECK(contains(message_of([&] { loader.seek(0, 6); }), "there is no step 6 of epoch 0; an epoch has 5 steps"));
    CHECK_THROWS_AS(loader.seek(-1, 0), ls::ArgumentError);
    CHECK_THROWS_AS(loader.seek(0, -1), ls::ArgumentError);
    CHECK(loader.position() == ls::DataLoaderPosition{std::int64_t{1} << 50, 2});  // a refused seek changes nothing

    loader.seek(0, 0);
    std::vector<std::int64_t> steps;
    for (auto& batch : loader) {  // seek inside a loop
      steps.push_back(batch.step);
      if (batch.step == 1 && steps.size() < 4) loader.seek(0, 0);
    }
    CHECK(steps == std::vector<std::int64_t>{0, 1, 0, 1, 2, 3, 4});
  }
}

TEST_CASE("data loader: the ranks' batches make up the epoch") {
  const Numbers numbers{21};
  const ls::DataLoader loader{numbers, {.batch_size = 4, .shuffle = true, .seed = 3, .prefetch = 1}};
  ls::DataLoader one_rank{numbers, {.batch_size = 8, .shuffle = true, .seed = 3}};
  auto rank_0 = loader.sharded(0, 2);
  auto rank_1 = loader.sharded(1, 2);
  CHECK(rank_0.steps_per_epoch() == 3);
  CHECK(rank_1.steps_per_epoch() == 3);
  CHECK(rank_1.total_batch_size() == 8);
  const auto whole = epochs(one_rank, 2);
  const auto first = epochs(rank_0, 2);
  const auto second = epochs(rank_1, 2);
  REQUIRE(first.size() == whole.size());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::vector<std::int64_t> joined = first[i].indices;
    joined.insert(joined.end(), second[i].indices.begin(), second[i].indices.end());
    CHECK(joined == whole[i].indices);
    CHECK(first[i].valid + second[i].valid == whole[i].valid);
  }
}

TEST_CASE("data loader: sharding a temporary keeps its data set, its options and its epoch") {
  ls::DataLoader loader{ls::TensorDataset(ls::Tensor<float>(ls::Shape{12, 2}), ls::Tensor<float>(ls::Shape{12})),
                        {.batch_size = 2, .prefetch = 2}};
  for ([[maybe_unused]] auto& batch : loader) continue;
  auto shard = std::move(loader).sharded(2, 3);
  CHECK(shard.rank() == 2);
  CHECK(shard.world_size() == 3);
  CHECK(shard.position() == ls::DataLoaderPosition{1, 0});
  CHECK((*shard.begin()).indices == std::vector<std::int64_t>{4, 5});
}

TEST_CASE("data loader: uneven ranks, even one that has nothing to do") {
  const Numbers numbers{3};
  const ls::DataLoader loader{numbers, {.batch_size = 2, .prefetch = 1, .even_batches = false}};
  auto busy = loader.sharded(0, 2);
  auto half = loader.sharded(1, 2);
  auto idle = loader.sharded(2, 3);
  CHECK(epochs(busy, 2).size() == 2);
  const auto batches = epochs(half, 2);
  REQUIRE(batches.size() == 2);
  CHECK(batches[0] == Seen{0, 0, 1, 1, true, {2}, {2}});
  CHECK(epochs(idle, 2).empty());
  CHECK(idle.position() == ls::DataLoaderPosition{2, 0});
  idle.seek(7, 0);
  CHECK(idle.position() == ls::DataLoaderPosition{7, 0});
}

TEST_CASE("data loader: a loader can be moved, also while it reads ahead") {
  ls::DataLoader first{Numbers{10}, {.batch_size = 2, .prefetch = 3}};
  for (auto& batch : first) {
    if (batch.step == 1) break;
  }
  ls::DataLoader second = std::move(first);
  CHECK(second.position() == ls::DataLoaderPosition{0, 2});
  CHECK(seen(*second.begin()).indices == std::vector<std::int64_t>{4, 5});
}

TEST_CASE("data loader: refers to an lvalue, owns an rvalue") {
  Numbers numbers{4};
  ls::DataLoader refers{numbers};
  ls::DataLoader owns{Numbers{4}};
  const Numbers& constant = numbers;
  ls::DataLoader refers_to_const{constant};
  static_assert(std::is_same_v<decltype(refers), ls::DataLoader<Numbers&>>);
  static_assert(std::is_same_v<decltype(owns), ls::DataLoader<Numbers>>);
  static_assert(std::is_same_v<decltype(refers_to_const), ls::DataLoader<const Numbers&>>);
  CHECK(&refers.dataset() == &numbers);
  CHECK(&refers_to_const.dataset() == &numbers);
  CHECK(owns.dataset().size() == 4);
}

TEST_CASE("data loader: after the first batches memory is reused") {
  for (const std::int64_t prefetch : {0, 2}) {
    ls::DataLoader loader{Numbers{11}, {.batch_size = 4, .shuffle = true, .prefetch = prefetch, .even_batches = false}};
    std::vector<std::vector<const void*>> epoch_addresses;
    for (int epoch = 0; epoch < 6; ++epoch) {
      auto& addresses = epoch_addresses.emplace_back();
      for (auto& batch : loader) {
        addresses.push_back(batch.inputs.data());
        addresses.push_back(batch.targets.data());
        addresses.push_back(batch.indices.data());
      }
    }
    for (std::size_t epoch = 2; epoch < 6; ++epoch) CHECK(epoch_addresses[epoch] == epoch_addresses[1]);
  }
}

TEST_CASE("data loader: what the data set throws arrives at its batch, and reading can be tried again") {
  struct Flaky {
    struct Sample {
      float inputs, targets;
    };
    std::atomic<bool>* broken;
    std::int64_t size() const { return 10; }
    Sample operator[](std::int64_t i) const {
      if (i == 5 && *broken) throw std::runtime_error("disk on fire");
      return {0, 0};
    }
  };
  for (const std::int64_t prefetch : {0, 4}) {
    std::atomic<bool> broken{true};
    ls::DataLoader loader{Flaky{&broken}, {.batch_size = 2, .prefetch = prefetch}};
    std::int64_t batches = 0;
    const auto run = [&] {
      for ([[maybe_unused]] auto& batch : loader) ++batches;
    };
    CHECK_THROWS_WITH_AS(run(), "disk on fire", std::runtime_error);
    CHECK(batches == 2);
    CHECK(loader.position() == ls::DataLoaderPosition{0, 2});
    CHECK_THROWS_AS(run(), std::runtime_error);
    broken = false;
    run();
    CHECK(batches == 5);
    CHECK(loader.position() == ls::DataLoaderPosition{1, 0});
  }
}

TEST_CASE("data loader: a data set that is stuck is an error with a name") {
  struct Stuck {
    struct Sample {
      float inputs, targets;
    };
    std::atomic<bool>* stuck;
    std::int64_t size() const { return 4; }
    Sample operator[](std::int64_t) const {
      while (*stuck) ::usleep(100);
      return {0, 0};
    }
  };
  std::atomic<bool> stuck{true};
  ls::DataLoader loader{Stuck{&stuck}, {.prefetch = 1, .timeout = std::chrono::milliseconds(50)}};
  const std::string message = message_of([&] { loader.begin(); });
  INFO(message);
  CHECK(contains(message, "the batch of epoch 0, step 0 was not read within 0.05"));
  CHECK(loader.position() == ls::DataLoaderPosition{0, 0});
  stuck = false;
  std::int64_t batches = 0;
  for (int attempt = 0; attempt < 1000 && loader.position().epoch == 0; ++attempt) {
    message_of([&] {
      for ([[maybe_unused]] auto& batch : loader) ++batches;
    });
  }
  CHECK(batches == 4);
}

TEST_CASE("data loader: ragged samples are reported through the background thread too") {
  struct Ragged {
    struct Sample {
      std::vector<float> inputs;
      float targets;
    };
    std::int64_t size() const { return 4; }
    Sample operator[](std::int64_t i) const { return {std::vector<float>(static_cast<std::size_t>(i)), 0}; }
  };
  ls::DataLoader loader{Ragged{}, {.batch_size = 2, .prefetch = 2}};
  CHECK_THROWS_WITH_AS(loader.begin(), doctest::Contains("inputs of sample 1 has [1], of sample 0 [0]"),
                       ls::ShapeError);
}

TEST_CASE("data loader: options that cannot work are refused at construction") {
  const auto message = [](std::int64_t size, ls::DataLoaderOptions options) {
    return message_of([&] { ls::DataLoader loader{Numbers{size}, options}; });
  };
  CHECK(message(1, {}) == "");
  CHECK(contains(message(0, {}), "the data set is empty"));
  CHECK(contains(message(10, {.batch_size = 0}), "batch_size must be at least 1, got 0"));
  CHECK(contains(message(10, {.batch_size = -1}), "got -1"));
  CHECK(contains(message(10, {.prefetch = -1}), "prefetch must lie between 0 and"));
  CHECK(contains(message(10, {.prefetch = INT64_MAX}), "prefetch must lie between 0 and"));
  CHECK(contains(message(10, {.batch_size = 11, .drop_last = true}), "drop_last leaves no batch"));
  const ls::DataLoader loader{Numbers{10}, {.batch_size = 3, .split_batches = true}};
  CHECK(contains(message_of([&] { loader.sharded(0, 2); }), "cannot be split evenly among 2 ranks"));
  CHECK(contains(message_of([&] { loader.sharded(2, 2); }), "rank 2 of 2"));
}
