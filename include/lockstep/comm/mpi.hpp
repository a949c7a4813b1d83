// Ranks that a launcher of MPI started, on any hosts: the transport is MPI's, the promises are this library's.
// Not part of lockstep.hpp, because it needs <mpi.h>: include <lockstep/mpi.hpp>.
#pragma once

#include <lockstep/comm/call/engine_communicator.hpp>
#include <lockstep/comm/call/split_plan.hpp>
#include <lockstep/comm/communicator.hpp>
#include <lockstep/comm/launch/launch_environment.hpp>
#include <lockstep/comm/mpi/mpi_api.hpp>
#include <lockstep/comm/mpi/mpi_engine.hpp>
#include <lockstep/comm/mpi/mpi_session.hpp>
#include <lockstep/core/deadline.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/core/shared.hpp>
#include <lockstep/tensor/memory.hpp>

#include <sched.h>

#include <cstddef>
#include <utility>

namespace lockstep {

/// A communicator over MPI 3 or later. `Mpi` gives the bits of every other communicator. `MpiNative` leaves reductions
/// of float, double and integers to MPI's own, in MPI's order: for machines whose network combines. Inside a host it is
/// the slower one, since MPI's reductions that do not block are slower than Mpi's.
///
/// MPI is initialised by the first communicator, with MPI_THREAD_SERIALIZED, and finalised at the end of the process;
/// a program that initialises MPI itself (MPI_THREAD_SERIALIZED, or MPI_THREAD_FUNNELED on that thread) finalises it
/// itself, after the end of its communicators. One thread at a time uses any of a process's communicators.
///
/// Every call is agreed upon before data move, so ranks that call different things are told; every wait ends by its
/// deadline; ranks that fail or leave say so. MPI does not report a process that was killed: its peers' waits end by
/// the deadline, unless mpirun ends the job first. After an error the memory of calls that were under way should stay
/// mapped while other communicators of the process are used: MPI cannot take back a send. With MpiNative this holds for
/// reductions too, which MPI cannot take back either. Only the start of MPI, and MPI_Comm_split, which a split ends
/// with when all ranks have come to it, wait without a deadline of this library.
template <MpiOrder order>
class BasicMpi : public detail::EngineCommunicator<detail::MpiEngine<order>> {
  using Engine = detail::MpiEngine<order>;
  using Base = detail::EngineCommunicator<Engine>;

 public:
  /// MPI wants no memory of its own for what is sent, and gives no alignment; heap memory may also outlive MPI.
  using Memory = AlignedMemory;

  /// All ranks of the job. Collective.
  explicit BasicMpi(const MpiOptions& options = {}) : Base(duplicate(world(), options)) {}

  /// The ranks of a communicator of the user's, which is duplicated and may be freed. Collective.
  explicit BasicMpi(MPI_Comm communicator, const MpiOptions& options = {}) : Base(duplicate(communicator, options)) {}

  /// All ranks of the job; throws EnvironmentError when the launcher's variables speak of another one.
  explicit BasicMpi(const LaunchEnvironment& environment, const MpiOptions& options = {})
      : Base(duplicate(world_of(environment), options)) {}

  Memory allocate(std::size_t bytes) {
    detail::check_count("allocate", bytes);
    this->engine().run({.fingerprint = {.collective = detail::Collective::allocate, .count = bytes}});
    return Memory(bytes);
  }

  /// See Communicator.
  BasicMpi split(int color, int key) {
    const detail::SplitPlan plan = detail::exchange_split(*this, color, key);
    MPI_Comm part = MPI_COMM_NULL;
    const int code = MPI_Comm_split(this->engine().communicator(), color, plan.rank, &part);
    if (code != MPI_SUCCESS) this->engine().fail(detail::describe_mpi_failure("MPI_Comm_split", code));
    return BasicMpi(Shared<Engine>::make(part, this->engine().options()));
  }

 private:
  explicit BasicMpi(Shared<Engine> engine) : Base(std::move(engine)) {}

  static MPI_Comm world() {
    static_cast<void>(detail::MpiSession::instance());
    return MPI_COMM_WORLD;
  }

  static MPI_Comm world_of(const LaunchEnvironment& environment) {
    const MPI_Comm all = world();
    int rank = 0, size = 1;
    MPI_Comm_rank(all, &rank);
    MPI_Comm_size(all, &size);
    if (rank == environment.rank && size == environment.world_size) return all;
    throw EnvironmentError(concat("Mpi: the launcher (", environment.launcher, ") calls this process rank ",
                                  environment.rank, " of ", environment.world_size, ", MPI calls it rank ", rank,
                                  " of ", size,
                                  "; start the program with the mpirun of the MPI that it is linked with"));
  }

  static Shared<Engine> duplicate(MPI_Comm original, const MpiOptions& options) {
    static_cast<void>(detail::MpiSession::instance());
    MPI_Comm own = MPI_COMM_NULL;
    MPI_Request request = MPI_REQUEST_NULL;
    const Deadline deadline = Deadline::after(options.connect_deadline);
    int code = MPI_Comm_idup(original, &own, &request);
    for (int done = 0; code == MPI_SUCCESS && done == 0;) {
      code = MPI_Test(&request, &done, MPI_STATUS_IGNORE);
      if (done != 0 || code != MPI_SUCCESS) break;
      if (deadline.passed()) {
        throw CommunicationError("mpi: not all ranks came to make the communicator before the connect deadline");
      }
      ::sched_yield();
    }
    if (code != MPI_SUCCESS)
      throw CommunicationError(concat("mpi: ", detail::describe_mpi_failure("MPI_Comm_idup", code)));
    return Shared<Engine>::make(own, options);
  }
};

using Mpi = BasicMpi<MpiOrder::canonical>;
using MpiNative = BasicMpi<MpiOrder::native>;

static_assert(Communicator<Mpi>);
static_assert(Communicator<MpiNative>);

}  // namespace lockstep
