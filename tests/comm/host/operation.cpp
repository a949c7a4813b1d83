#include <lockstep/comm/host/operation.hpp>

#include <doctest/doctest.h>

#include <vector>

using namespace lockstep::detail;

namespace {

Operation make(Collective collective, std::size_t piece, int size) {
  Call call;
  call.fingerprint.collective = collective;
  call.piece = piece;
  return Operation(call, size, 262'144);
}

}  // namespace

TEST_CASE("the path follows from the size alone") {
  CHECK(make(Collective::barrier, 0, 2).path == Path::tiny);
  CHECK(make(Collective::all_reduce, 48, 2).path == Path::tiny);
  CHECK(make(Collective::all_reduce, 49, 2).path == Path::flat);
  CHECK(make(Collective::all_reduce, 2048, 2).path == Path::flat);
  CHECK(make(Collective::all_reduce, 2049, 2).path == Path::direct);
  CHECK(make(Collective::all_reduce, 1024, 8).path == Path::direct);
  CHECK(make(Collective::all_reduce, 48, 250).path == Path::tiny);
  CHECK(make(Collective::reduce_scatter, 16, 3).path == Path::tiny);
  CHECK(make(Collective::reduce_scatter, 17, 3).path == Path::flat);
}

TEST_CASE("the ranks' different counts give one path") {
  const std::vector<std::int64_t> counts{0, 100'000, 3};
  Call call;
  call.fingerprint.collective = Collective::all_gather_ragged;
  call.element = 4;
  call.counts = counts;
  call.piece = 0;
  const Operation operation(call, 3, 262'144);
  CHECK(operation.path == Path::direct);
  CHECK(operation.longest == 400'000);
  CHECK(operation.piece_of(2) == 12);
  CHECK(operation.rounds() == 2);
  CHECK(operation.passing(1, 0) == 262'144);
  CHECK(operation.passing(1, 1) == 400'000 - 262'144);
  CHECK(operation.passing(2, 0) == 12);
  CHECK(operation.passing(2, 1) == 0);
}

TEST_CASE("a staging round holds a chunk of every piece") {
  for (const int size : {2, 3, 250}) {
    const Operation operation = make(Collective::reduce_scatter, 1'000'000, size);
    CHECK(operation.chunk % 64 == 0);
    CHECK(operation.chunk > 0);
    CHECK(operation.chunk * static_cast<std::size_t>(size) <= 262'144);
    CHECK(operation.rounds() * operation.chunk >= 1'000'000);
  }
}

TEST_CASE("only the root of a broadcast has something to read") {
  const Operation operation = make(Collective::broadcast, 10, 3);
  CHECK(operation.has_source(0));
  CHECK(!operation.has_source(1));
  CHECK(make(Collective::all_gather, 10, 3).has_source(1));
}
