#include <lockstep/comm/mpi/mpi_engine.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace ls = lockstep;
using Engine = ls::detail::MpiEngine<ls::MpiOrder::canonical>;

namespace {

MPI_Comm duplicate(MPI_Comm communicator) {
  static_cast<void>(ls::detail::MpiSession::instance());
  MPI_Comm own;
  MPI_Comm_dup(communicator, &own);
  return own;
}

const ls::detail::Call barrier{.fingerprint = {.collective = ls::detail::Collective::barrier}};

}  // namespace

TEST_CASE("calls complete in order, more of them than are kept under way") {
  Engine engine(duplicate(MPI_COMM_WORLD), {});
  std::vector<std::uint64_t> tickets;
  for (int i = 0; i < 100; ++i) tickets.push_back(engine.start(barrier));
  engine.finish(tickets[50]);
  CHECK(engine.finished(tickets[10]));
  while (!engine.finished(tickets[99])) {}
  engine.progress();
  engine.leave(false);
  CHECK_THROWS_AS(engine.run(barrier), ls::CommunicationError);
}

TEST_CASE("asking again and again is a kind of waiting: it ends by the deadline") {
  ls::MpiOptions options;
  options.deadline = std::chrono::milliseconds(300);
  Engine whole(duplicate(MPI_COMM_WORLD), {});
  Engine engine(duplicate(MPI_COMM_WORLD), options);
  if (engine.size() > 1 && engine.rank() == 0) {
    const std::uint64_t ticket = engine.start(barrier);
    std::string text;
    try {
      while (!engine.finished(ticket)) {}
    } catch (const ls::CommunicationError& error) {
      text = error.what();
    }
    CHECK(text.find("rank 0 waited 0.3 s in barrier() #1 for rank 1 (host ") != std::string::npos);
  }
  whole.run(barrier);
  engine.leave(false);
  whole.leave(false);
}
