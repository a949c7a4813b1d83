// Processes of one host on the CPU.
#pragma once

#include <lockstep/accelerator/backend.hpp>
#include <lockstep/comm/ring.hpp>
#include <lockstep/core/on_demand.hpp>
#include <lockstep/tensor/cpu.hpp>

namespace lockstep {

/// The backend whose ranks are processes, started by any launcher; a program started alone is a world of one.
struct CpuRing {
  using Device = Cpu;
  using Communicator = Ring;
  static constexpr const char* name = "CpuRing";

  LOCKSTEP_ON_DEMAND static Ring connect() { return Ring(LaunchEnvironment::detect()); }
};

static_assert(Backend<CpuRing>);

}  // namespace lockstep
