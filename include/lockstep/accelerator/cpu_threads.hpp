// Ranks that are threads of one process, on the CPU.
#pragma once

#include <lockstep/accelerator/backend.hpp>
#include <lockstep/comm/threads.hpp>
#include <lockstep/core/on_demand.hpp>
#include <lockstep/tensor/cpu.hpp>

namespace lockstep {

/// The backend whose ranks are threads; each makes its Accelerator from a communicator that launch_threads() hands it.
struct CpuThreads {
  using Device = Cpu;
  using Communicator = Threads;
  static constexpr const char* name = "CpuThreads";

  /// A world of one; more ranks come from launch_threads().
  LOCKSTEP_ON_DEMAND static Threads connect() { return ThreadGroup(1).communicator(0); }
};

static_assert(Backend<CpuThreads>);

}  // namespace lockstep
