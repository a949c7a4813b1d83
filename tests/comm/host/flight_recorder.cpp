#include <lockstep/comm/host/flight_recorder.hpp>

#include <doctest/doctest.h>

#include <unistd.h>

#include <cstdint>
#include <memory>

using namespace lockstep::detail;

TEST_CASE("ticks run on while time does") {
  const TickMoment first = TickMoment::now();
  ::usleep(2000);
  const TickMoment second = TickMoment::now();
  CHECK(second.ticks > first.ticks);
  CHECK(second.nanoseconds - first.nanoseconds >= 2'000'000);
}

TEST_CASE("the recorder writes round and round, and an end that comes too late harms no other call") {
  const auto log = std::make_unique<FlightLog>();
  FlightRecorder recorder(*log);
  const std::uint64_t first = recorder.begin(7, 0);
  CHECK(log->count.load() == 1);
  CHECK(log->entries[0].fingerprint.load() == 7);
  CHECK(log->entries[0].start.load() > 0);
  CHECK(log->entries[0].finish.load() == 0);
  for (std::uint64_t number = 1; number <= flight_entries; ++number) {
    const std::uint64_t place = recorder.begin(8, number);
    recorder.look_at_clock();
    if (number < flight_entries) recorder.finish(place);
  }
  CHECK(log->count.load() == flight_entries + 1);
  CHECK(log->entries[0].number.load() == flight_entries);
  recorder.finish(first);  // long overwritten
  CHECK(log->entries[0].finish.load() == 0);
  CHECK(log->entries[1].finish.load() >= log->entries[1].start.load());
}
