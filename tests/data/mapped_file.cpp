#include <lockstep/data/mapped_file.hpp>
#include <lockstep/data/token_window_dataset.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

namespace ls = lockstep;

namespace {

struct TemporaryFile {
  explicit TemporaryFile(const std::string& content) {
    const ls::FileDescriptor file(::mkstemp(path.data()));
    ls::write_all(file, content.data(), content.size(), path);
  }
  ~TemporaryFile() { ::unlink(path.c_str()); }
  std::string path = "/tmp/lockstep-mapped-XXXXXX";
};

}  // namespace

TEST_CASE("mapped file: is an array of elements behind a header") {
  const TemporaryFile file(std::string("HEAD\x01\x00\xFF\xFF", 8));
  const ls::MappedFile<std::uint16_t> all(file.path);
  CHECK(all.size() == 4);
  ls::MappedFile<std::uint16_t> tokens(file.path, 4);
  REQUIRE(tokens.size() == 2);
  CHECK(tokens[0] == 1);
  CHECK(tokens[1] == 65535);
  const ls::MappedFile<std::uint16_t> moved = std::move(tokens);
  CHECK(moved[1] == 65535);
}

TEST_CASE("mapped file: is a corpus") {
  const TemporaryFile file("hello");
  const ls::TokenWindowDataset dataset(ls::MappedFile<std::uint8_t>(file.path), {.context = 2});
  CHECK(dataset.size() == 2);
  ls::Batch<std::int32_t, std::int32_t> batch;
  const std::int64_t indices[] = {1};
  dataset.read(indices, batch);
  CHECK(batch.targets[1] == 'o');
}

TEST_CASE("mapped file: empty, odd, missing and irregular files") {
  const TemporaryFile empty("");
  const ls::MappedFile<std::uint16_t> nothing(empty.path);
  CHECK(nothing.size() == 0);
  const TemporaryFile odd("abc");
  CHECK_THROWS_WITH_AS(ls::MappedFile<std::uint16_t>(odd.path), doctest::Contains("whole elements of 2 bytes"),
                       ls::IoError);
  CHECK_THROWS_AS(ls::MappedFile<std::uint8_t>(odd.path, 4), ls::IoError);
  CHECK_THROWS_WITH_AS(ls::MappedFile<std::uint8_t>("/nonexistent/tokens.bin"),
                       doctest::Contains("/nonexistent/tokens.bin"), ls::IoError);
  CHECK_THROWS_WITH_AS(ls::MappedFile<std::uint8_t>("/tmp"), doctest::Contains("regular"), ls::IoError);
}
