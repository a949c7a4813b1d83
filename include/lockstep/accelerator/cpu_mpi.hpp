// Processes that a launcher of MPI started, on the CPU.
#pragma once

#include <lockstep/accelerator/backend.hpp>
#include <lockstep/comm/mpi.hpp>
#include <lockstep/tensor/cpu.hpp>

namespace lockstep {

/// The backend whose ranks meet through MPI; a program started without mpirun is a world of one.
struct CpuMpi {
  using Device = Cpu;
  using Communicator = Mpi;
  static constexpr const char* name = "CpuMpi";

  static Mpi connect() { return Mpi(LaunchEnvironment::detect()); }
};

static_assert(Backend<CpuMpi>);

}  // namespace lockstep
