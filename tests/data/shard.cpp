#include <lockstep/data/shard.hpp>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

namespace ls = lockstep;

namespace {

using Batches = std::vector<std::vector<std::int64_t>>;

/// The batches of one rank when the order is 0, 1, 2, ...
Batches batches_of(const ls::DataShard& shard) {
  Batches batches;
  for (std::int64_t step = 0; step < shard.steps(); ++step) {
    std::vector<std::int64_t> batch;
    for (std::int64_t place = 0; place < shard.size(step); ++place) {
      batch.push_back(shard.position(step, place) % shard.dataset_size);
    }
    batches.push_back(batch);
  }
  return batches;
}

std::string text_of(const ls::DataShard& shard) {
  return ls::concat("n=", shard.dataset_size, " batch=", shard.batch_size, " rank=", shard.rank, "/", shard.world_size,
                    " split=", shard.split_batches, " drop=", shard.drop_last, " even=", shard.even_batches);
}

std::string message_of(const ls::DataShard& shard) {
  try {
    validate(shard);
  } catch (const ls::ArgumentError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("shard: the batches are those of Accelerate's reference classes") {
  std::ifstream file("tests/vectors/accelerate_sharding.jsonl");
  REQUIRE(file.good());
  int checked = 0;
  for (std::string line; std::getline(file, line);) {
    const auto vector = nlohmann::json::parse(line);
    ls::DataShard shard{.dataset_size = vector["dataset_len"],
                        .batch_size = vector["batch_size"],
                        .world_size = vector["world"],
                        .split_batches = vector["split_batches"],
                        .drop_last = vector["drop_last"]};
    if (!vector["even_batches"].is_null()) shard.even_batches = vector["even_batches"];
    const auto expected = vector["expected"].get<std::vector<Batches>>();
    REQUIRE(expected.size() == static_cast<std::size_t>(shard.world_size));
    for (shard.rank = 0; shard.rank < shard.world_size; ++shard.rank) {
      INFO(text_of(shard));
      CHECK(batches_of(shard) == expected[static_cast<std::size_t>(shard.rank)]);
    }
    INFO(text_of(shard));
    if (vector.contains("total_batch_size")) CHECK(shard.total_batch_size() == vector["total_batch_size"]);
    if (vector.contains("remainder")) CHECK(shard.remainder() == vector["remainder"]);
    ++checked;
  }
  CHECK(checked == 82);
}

TEST_CASE("shard: every sample is valid exactly once and padding stands behind") {
  int configurations = 0;
  for (std::int64_t n = 1; n <= 25; ++n) {
    for (std::int64_t batch_size = 1; batch_size <= 6; ++batch_size) {
      for (int world = 1; world <= 5; ++world) {
        for (int flags = 0; flags < 8; ++flags) {
          ls::DataShard shard{n, batch_size, 0, world, (flags & 1) != 0, (flags & 2) != 0, (flags & 4) != 0};
          if (shard.split_batches && batch_size % world != 0) continue;
          INFO(text_of(shard));
          ++configurations;
          std::vector<int> seen(static_cast<std::size_t>(n), 0);
          std::int64_t most = 0;
          for (shard.rank = 0; shard.rank < world; ++shard.rank) {
            most = std::max(most, shard.steps());
            if (shard.even_batches) REQUIRE(shard.steps() == shard.max_steps());
            for (std::int64_t step = 0; step < shard.steps(); ++step) {
              REQUIRE(shard.size(step) > 0);
              REQUIRE(shard.valid(step) <= shard.size(step));
              if (shard.even_batches) REQUIRE(shard.size(step) == shard.rank_batch_size());
              for (std::int64_t place = 0; place < shard.valid(step); ++place) {
                ++seen[static_cast<std::size_t>(shard.position(step, place))];
              }
            }
          }
          REQUIRE(most == shard.max_steps());
          const std::int64_t kept = shard.drop_last ? n / shard.total_batch_size() * shard.total_batch_size() : n;
          for (std::int64_t i = 0; i < n; ++i) REQUIRE(seen[static_cast<std::size_t>(i)] == (i < kept ? 1 : 0));
        }
      }
    }
  }
  CHECK(configurations > 3000);
}

TEST_CASE("shard: an empty data set has no steps") {
  const ls::DataShard shard{.dataset_size = 0, .batch_size = 4, .rank = 1, .world_size = 2};
  CHECK(shard.steps() == 0);
  CHECK(shard.max_steps() == 0);
  CHECK(message_of(shard).find("empty") != std::string::npos);
}

TEST_CASE("shard: numbers beyond 32 bits") {
  const ls::DataShard shard{.dataset_size = std::int64_t{1} << 40, .batch_size = 3, .rank = 1, .world_size = 2};
  CHECK(shard.steps() == ((std::int64_t{1} << 40) + 5) / 6);
  CHECK(shard.position(shard.steps() - 1, 0) == (shard.steps() - 1) * 6 + 3);
}

TEST_CASE("shard: what does not go together is refused with a way out") {
  CHECK(message_of({.dataset_size = 10, .batch_size = 4, .rank = 1, .world_size = 2}) == "");
  CHECK(message_of({.dataset_size = 10, .batch_size = 0}).find("batch_size must be at least 1, got 0") !=
        std::string::npos);
  CHECK(message_of({.dataset_size = 10, .batch_size = -3}).find("got -3") != std::string::npos);
  CHECK(message_of({.dataset_size = 10, .batch_size = 4, .rank = 2, .world_size = 2}).find("rank 2 of 2") !=
        std::string::npos);
  CHECK(message_of({.dataset_size = 10, .batch_size = 4, .rank = -1, .world_size = 2}) != "");
  CHECK(message_of({.dataset_size = 10, .batch_size = 4, .world_size = 0}) != "");
  CHECK(message_of({.dataset_size = 10, .batch_size = 5, .world_size = 2, .split_batches = true})
            .find("choose a multiple, for example 6") != std::string::npos);
  CHECK(message_of({.dataset_size = 10, .batch_size = INT64_MAX, .world_size = 2}).find("too large") !=
        std::string::npos);
  CHECK(message_of({.dataset_size = 7, .batch_size = 4, .world_size = 2, .drop_last = true})
            .find("drop_last leaves no batch") != std::string::npos);
}
