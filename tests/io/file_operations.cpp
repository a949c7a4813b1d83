#include "temporary_directory.hpp"
#include <lockstep/io/file_operations.hpp>

#include <doctest/doctest.h>

#include <unistd.h>

#include <string>
#include <vector>

namespace ls = lockstep;

TEST_CASE("file operations: parts of paths") {
  CHECK(ls::parent_directory("out/step-1") == "out");
  CHECK(ls::parent_directory("step-1") == ".");
  CHECK(ls::parent_directory("/step-1") == "/");
  CHECK(ls::parent_directory("/a/b") == "/a");
  CHECK(ls::file_name("out/step-1") == "step-1");
  CHECK(ls::file_name("step-1") == "step-1");
  CHECK(ls::file_name("out/") == "");
}

TEST_CASE("file operations: directories are made with their parents, and removed with their contents") {
  const TemporaryDirectory place;
  ls::make_directories(place / "a/b/c");
  ls::make_directories(place / "a/b/c");
  CHECK(ls::is_directory(place / "a/b/c"));
  write_text(place / "a/file", "x");
  write_text(place / "keep", "x");
  REQUIRE(::symlink("../keep", (place / "a/link").c_str()) == 0);
  REQUIRE(::symlink("nowhere", (place / "a/broken").c_str()) == 0);
  CHECK(ls::list_directory(place / "a") == std::vector<std::string>{"b", "broken", "file", "link"});
  ls::remove_tree(place / "a");
  CHECK(!ls::path_exists(place / "a"));
  CHECK(ls::path_exists(place / "keep"));
  ls::remove_tree(place / "a");
}

TEST_CASE("file operations: errors name the path and the cause") {
  const TemporaryDirectory place;
  write_text(place / "file", "x");
  CHECK_THROWS_WITH_AS(ls::make_directories(place / "file/below"), doctest::Contains("Not a directory"), ls::IoError);
  CHECK_THROWS_WITH_AS(ls::list_directory(place / "missing"), doctest::Contains((place / "missing").c_str()),
                       ls::IoError);
  CHECK_THROWS_WITH_AS(ls::rename_path(place / "missing", place / "other"), doctest::Contains("No such file"),
                       ls::IoError);
  CHECK_THROWS_AS(ls::flush_path(place / "missing"), ls::IoError);
}
