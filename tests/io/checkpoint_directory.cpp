#include "temporary_directory.hpp"
#include <lockstep/io/checkpoint_directory.hpp>
#include <lockstep/io/checkpoint_writer.hpp>

#include <doctest/doctest.h>

#include <unistd.h>

#include <cstdint>
#include <string>
#include <vector>

namespace ls = lockstep;

namespace {

void save(const std::string& directory, std::int64_t step) {
  const ls::StateEntry entry{"step", ls::DType::int64, {}, &step};
  ls::CheckpointWriter writer(directory, step);
  writer.write("state.safetensors", {&entry, 1});
  writer.commit();
}

std::vector<std::int64_t> steps(const std::string& parent) {
  std::vector<std::int64_t> result;
  for (const ls::CheckpointLocation& checkpoint : ls::list_checkpoints(parent)) result.push_back(checkpoint.step);
  return result;
}

}  // namespace

TEST_CASE("checkpoint directory: the order is that of the steps, not of the names") {
  const TemporaryDirectory place;
  for (const std::int64_t step : {9, 100, 10}) save(place / ls::concat("step-", step), step);
  CHECK(steps(place.path) == std::vector<std::int64_t>{9, 10, 100});
  CHECK(ls::latest_checkpoint(place.path)->path == place / "step-100");
}

TEST_CASE("checkpoint directory: what is incomplete, foreign or unfinished is not listed") {
  const TemporaryDirectory place;
  CHECK(!ls::latest_checkpoint(place.path));
  CHECK(!ls::latest_checkpoint(place / "missing"));
  save(place / "good", 1);
  ls::make_directories(place / "empty");
  ls::make_directories(place / "no-digits");
  write_text(place / "no-digits/notes.txt", "x");
  ls::make_directories(place / "damaged");
  write_text(place / "damaged/manifest.json", "{\"format\":");
  ls::make_directories(place / "foreign");
  write_text(place / "foreign/manifest.json", "{\"name\": \"a web page\"}");
  write_text(place / "file", "x");
  ls::rename_path(place / "good", place / "other");
  save(place / "good", 2);
  ls::rename_path(place / "other", place / "other.tmp-somewhere-1");
  CHECK(steps(place.path) == std::vector<std::int64_t>{2});
}

TEST_CASE("checkpoint directory: rotation keeps the newest and touches nothing else") {
  const TemporaryDirectory place;
  write_text(place / "log.txt", "x");
  ls::make_directories(place / "step-0");
  for (std::int64_t step = 1; step <= 11; ++step) {
    save(place / ls::concat("step-", step), step);
    ls::rotate_checkpoints(place.path, 2);
  }
  CHECK(ls::list_directory(place.path) == std::vector<std::string>{"log.txt", "step-0", "step-10", "step-11"});
  CHECK(ls::rotate_checkpoints(place.path, 2).empty());
  CHECK(ls::rotate_checkpoints(place.path, 1) == std::vector<std::string>{place / "step-10"});
  CHECK_THROWS_AS(ls::rotate_checkpoints(place.path, 0), ls::ArgumentError);
  CHECK(steps(place.path) == std::vector<std::int64_t>{11});
}

TEST_CASE("checkpoint directory: one that a crash left moved aside is found, and not listed twice") {
  const TemporaryDirectory place;
  save(place / "best", 1);
  ls::rename_path(place / "best", place / "best.old-host-1");
  CHECK(ls::find_checkpoint(place / "best") == place / "best.old-host-1");
  CHECK(steps(place.path) == std::vector<std::int64_t>{1});
  CHECK(!ls::find_checkpoint(place / "bes"));
  save(place / "best", 2);
  CHECK(ls::find_checkpoint(place / "best") == place / "best");
  CHECK(steps(place.path) == std::vector<std::int64_t>{2});
}

TEST_CASE("checkpoint directory: names that cannot be a checkpoint's") {
  CHECK(ls::detail::checkpoint_path("out/step-1//") == "out/step-1");
  for (const char* name : {"", "/", ".", "..", "a/..", "///"}) {
    INFO(name);
    CHECK_THROWS_AS(ls::detail::checkpoint_path(name), ls::ArgumentError);
  }
}

TEST_CASE("checkpoint directory: temporaries belong to a process") {
  const std::string own = ls::detail::process_mark();
  const std::string host = own.substr(0, own.rfind('-') + 1);
  CHECK(ls::detail::is_mark_of_dead_process(own));                  // left by an earlier process of this number
  CHECK(!ls::detail::is_mark_of_dead_process(host + "1"));          // alive
  CHECK(ls::detail::is_mark_of_dead_process(host + "2000000000"));  // beyond the largest process number
  CHECK(!ls::detail::is_mark_of_dead_process("elsewhere-2000000000"));
  CHECK(!ls::detail::is_mark_of_dead_process(host + "x"));
  CHECK(!ls::detail::is_mark_of_dead_process(host));
  CHECK(!ls::detail::is_mark_of_dead_process(""));
}

TEST_CASE("checkpoint directory: publishing without an exchange of names") {
  const TemporaryDirectory place;
  save(place / "target", 1);
  save(place / "staging", 2);
  const std::string replaced = ls::detail::publish(place / "staging", place / "target", false);
  CHECK(ls::is_directory(replaced));
  ls::remove_tree(replaced);
  CHECK(steps(place.path) == std::vector<std::int64_t>{2});
  CHECK_THROWS_AS(ls::detail::publish(place / "missing", place / "target", false), ls::IoError);
  CHECK(ls::find_checkpoint(place / "target") == place / "target");  // moved back
}
