#include "../launch/fake_torch_store.hpp"
#include "tcp_test.hpp"
#include <lockstep/comm/tcp/meet_job.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

using namespace lockstep;
using namespace lockstep::detail;
using namespace lockstep::testing;

namespace {

TcpOptions through_store(int rank, int size, int store_port) {
  TcpOptions options = tcp_options(rank, size, 0);
  options.store_port = store_port;
  return options;
}

std::string meet_and_count(const TcpOptions& options) {
  return concat("with ", meet_job(options).peers.size() - 1, " others");
}

}  // namespace

TEST_CASE("ranks meet at a port that torchrun's store hands on") {
  const FakeStore store;
  for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {  // a port of its own for each
    const auto results = on_threads(3, [&](int rank) {
      TcpOptions options = through_store(rank, 3, store.port());
      options.epoch = epoch;
      return meet_and_count(options);
    });
    CHECK(results == std::vector<std::string>(3, "with 2 others"));
  }
}

TEST_CASE("a rank 0 that does not publish is missed in time, and named with the store") {
  const FakeStore store;
  TcpOptions options = through_store(1, 2, store.port());
  options.connect_deadline = std::chrono::seconds(1);
  CHECK(contains(
      error_text<CommunicationError>([&] { meet_job(options); }),
      concat("torchrun's store at 127.0.0.1:", store.port(), ": nobody set '/lockstep/test job/epoch 0/port'")));
}

TEST_CASE("without a store, or with nobody to tell, ranks meet as ever") {
  CHECK(meet_and_count(tcp_options(0, 1, 0)) == "with 0 others");
  CHECK(meet_and_count(through_store(0, 1, 1)) == "with 0 others");
  const int port = free_port();
  const auto results = on_threads(2, [&](int rank) { return meet_and_count(tcp_options(rank, 2, port)); });
  CHECK(results == std::vector<std::string>(2, "with 1 others"));
}
