// Where the ranks of a communicator are: error texts name hosts and processes.
#pragma once

#include <lockstep/comm/mpi/mpi_requests.hpp>
#include <lockstep/core/concat.hpp>
#include <lockstep/core/deadline.hpp>

#include <sched.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace lockstep::detail {

/// A rank's process.
struct MpiIdentity {
  std::int64_t process = 0;
  std::array<char, 56> host{};
  cpu_set_t processors{};  ///< On which it may run: launchers give each rank its own.
};

class MpiIdentities {
 public:
  MpiIdentities(int rank, int size) : rank_(rank), all_(static_cast<std::size_t>(size)) {
    own().process = ::getpid();
    static_cast<void>(::gethostname(own().host.data(), own().host.size() - 1));
    if (::sched_getaffinity(0, sizeof own().processors, &own().processors) != 0) CPU_ZERO(&own().processors);
  }

  /// Tells the others of this rank, and learns of them; false when some have not come by the deadline. The first
  /// messages of a communicator.
  bool exchange(MPI_Comm communicator, const Deadline& deadline) {
    const int size = static_cast<int>(all_.size());
    MpiRequests requests(communicator);
    for (int distance = 1; distance < size; ++distance) {
      const int peer = (rank_ + distance) % size;
      requests.receive(reinterpret_cast<std::byte*>(&at(peer)), sizeof(MpiIdentity), peer, agreement_tag);
      requests.send(reinterpret_cast<const std::byte*>(&own()), sizeof(MpiIdentity), peer, agreement_tag);
    }
    while (!requests.test()) {
      if (deadline.passed()) {
        requests.cancel_receives();
        return false;
      }
      ::sched_yield();
    }
    return true;
  }

  /// As in "rank 1 (host a, pid 123)"; only the number while no more is known.
  std::string describe(int rank) const {
    const MpiIdentity& identity = all_[static_cast<std::size_t>(rank)];
    if (identity.process == 0) return concat("rank ", rank);
    return concat("rank ", rank, " (host ", identity.host.data(), ", pid ", static_cast<long>(identity.process), ")");
  }

  /// Whether the ranks of this host have a processor each.
  bool has_processor_each() const {
    cpu_set_t processors;
    CPU_ZERO(&processors);
    int ranks = 0;
    for (const MpiIdentity& identity : all_) {
      if (identity.host != all_[static_cast<std::size_t>(rank_)].host) continue;
      CPU_OR(&processors, &processors, &identity.processors);
      ++ranks;
    }
    return ranks <= CPU_COUNT(&processors);
  }

 private:
  MpiIdentity& at(int rank) { return all_[static_cast<std::size_t>(rank)]; }
  MpiIdentity& own() { return at(rank_); }

  int rank_;
  std::vector<MpiIdentity> all_;
};

}  // namespace lockstep::detail
