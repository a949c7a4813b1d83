#include "tcp_test.hpp"
#include <lockstep/comm/tcp/address_file.hpp>

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <string>

using namespace lockstep;
using namespace lockstep::detail;
using namespace lockstep::testing;

namespace {

void write_text(const std::string& path, std::string_view text) {
  const FileDescriptor file = open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  write_all(file, text.data(), text.size(), path);
}

}  // namespace

TEST_CASE("a published address can be read while it holds, by this user only") {
  const TemporaryPath path("address");
  CHECK_FALSE(read_address_file(path.text));
  {
    const PublishedAddress published(path.text, *numeric_address("::1", 4711));
    const auto found = read_address_file(path.text);
    REQUIRE(found);
    CHECK(found->first == "::1");
    CHECK(found->second == 4711);
    struct stat status {};
    REQUIRE(::stat(path.text.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
  }
  CHECK(::access(path.text.c_str(), F_OK) != 0);
}

TEST_CASE("a file left by a run that crashed is replaced, and one by a newer run is left alone") {
  const TemporaryPath path("address");
  write_text(path.text, "127.0.0.1 1\n");
  {
    const PublishedAddress published(path.text, *numeric_address("127.0.0.1", 2));
    CHECK(read_address_file(path.text)->second == 2);
    write_text(path.text, "127.0.0.1 3\n");
  }
  CHECK(read_address_file(path.text)->second == 3);
}

TEST_CASE("anything else in the file is no address") {
  const TemporaryPath path("address");
  for (const char* text : {"", "127.0.0.1", "127.0.0.1 29500", "127.0.0.1 0\n", "127.0.0.1 65536\n", "\n", "a b\n",
                           "127.0.0.1 123456789\n"}) {
    CAPTURE(text);
    write_text(path.text, text);
    CHECK_FALSE(read_address_file(path.text));
  }
  write_text(path.text, std::string(100000, 'x'));
  CHECK_FALSE(read_address_file(path.text));
}

TEST_CASE("a place where nothing can be written is an error that names it") {
  CHECK(contains(error_text<IoError>([] { PublishedAddress("/no/such/folder/address", *numeric_address("::1", 1)); }),
                 "/no/such/folder/address"));
}
