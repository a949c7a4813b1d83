#include <lockstep/comm/host/flight_reader.hpp>
#include <lockstep/core/file.hpp>
#include <lockstep/core/thread.hpp>
#include <lockstep/tensor/memory.hpp>

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>

namespace ls = lockstep;
using namespace ls::detail;

namespace {

struct Page {
  explicit Page(int size) : memory(ControlPage::bytes(size, 0)), page(memory.data(), size, 0) { page.construct(1); }
  lockstep::AlignedMemory memory;
  ControlPage page;
};

std::uint64_t word_of(std::uint64_t count) {
  return Fingerprint{Collective::broadcast, ls::DType::float32, ls::Reduction::sum, 3, count}.packed();
}

}  // namespace

TEST_CASE("a record is read oldest first, with the times at which things happened") {
  Page page(2);
  FlightRecorder recorder(page.page.rank(1).flight);
  const auto before = ls::Deadline::Clock::now();
  const std::uint64_t place = recorder.begin(word_of(10), 0);
  ::usleep(30'000);
  recorder.look_at_clock();
  recorder.finish(place);
  recorder.begin(word_of(11), 1);
  const auto after = ls::Deadline::Clock::now();
  const auto record = read_flight_record(page.page, 1);
  REQUIRE(record.size() == 2);
  constexpr std::chrono::milliseconds tolerance{5};
  CHECK(record[0].start > before - tolerance);
  CHECK(record[0].finish - record[0].start > std::chrono::milliseconds(25));
  CHECK(record[1].start < after + tolerance);
  CHECK(record[0].finished);
  CHECK(!record[1].finished);
  CHECK(to_string(record[1].call) == "broadcast<float32>(11, root 3)");
  CHECK(record[1].number == 1);
  CHECK(read_flight_record(page.page, 0).empty());
  CHECK_THROWS_AS(read_flight_record(page.page, 2), ls::ArgumentError);
}

TEST_CASE("what is read while the rank writes is whole") {
  Page page(1);
  std::atomic<bool> stop{false};
  const ls::Thread writer([&] {
    FlightRecorder recorder(page.page.rank(0).flight);
    for (std::uint64_t number = 0; !stop; ++number) recorder.finish(recorder.begin(word_of(number), number));
  });
  for (int round = 0; round < 300; ++round) {
    std::uint64_t torn = 0, gaps = 0;
    const auto record = read_flight_record(page.page, 0);
    for (std::size_t i = 0; i < record.size(); ++i) {
      torn += record[i].call.count != record[i].number;
      gaps += i > 0 && record[i].number != record[i - 1].number + 1;
    }
    CHECK(torn == 0);
    CHECK(gaps == 0);
  }
  stop = true;
}

TEST_CASE("a failing rank leaves the records of all ranks in its file") {
  char directory[] = "/tmp/lockstep-flight-XXXXXX";
  REQUIRE(::mkdtemp(directory) != nullptr);
  Page page(2);
  std::strcpy(page.page.rank(1).identity.host, "a");
  page.page.rank(1).identity.process = 77;
  FlightRecorder first(page.page.rank(0).flight), second(page.page.rank(1).flight);
  for (std::uint64_t number = 0; number < 100; ++number) first.finish(first.begin(word_of(1), number));
  second.begin(word_of(2), 0);
  write_flight_records(page.page, 1, "not asked for");
  CHECK(::access(ls::concat(directory, "/rank-1.txt").c_str(), F_OK) != 0);
  ::setenv("LOCKSTEP_FLIGHT_RECORD", directory, 1);
  write_flight_records(page.page, 1, "the disk is full");
  write_flight_records(page.page, 1, "again");
  ::setenv("LOCKSTEP_FLIGHT_RECORD", "/nowhere/at/all", 1);
  write_flight_records(page.page, 1, "into the void");
  ::unsetenv("LOCKSTEP_FLIGHT_RECORD");
  const std::string path = ls::concat(directory, "/rank-1.txt"), text = ls::read_file(path);
  CHECK(text.find("rank 1 (host a, pid 77) of 2 failed: the disk is full\nrank 0, the last 64 calls:\n") == 21);
  CHECK(text.find("broadcast<float32>(1, root 3) #36\n") == std::string::npos);
  CHECK(text.find("broadcast<float32>(1, root 3) #37\n") != std::string::npos);
  CHECK(text.find(" s  not finished     broadcast<float32>(2, root 3) #1\n") != std::string::npos);
  CHECK(text.find("failed: again\n") != std::string::npos);
  ::unlink(path.c_str());
  ::rmdir(directory);
}
