// One process on one device.
#pragma once

#include <lockstep/accelerator/backend.hpp>
#include <lockstep/comm/launch/launch_environment.hpp>
#include <lockstep/comm/single.hpp>
#include <lockstep/tensor/cpu.hpp>

namespace lockstep {

/// The backend without peers.
template <lockstep::Device DeviceType = Cpu>
struct SingleDevice {
  using Device = DeviceType;
  using Communicator = Single;
  static constexpr const char* name = "SingleDevice";

  /// Throws EnvironmentError when a launcher started several ranks: each would train a model of its own.
  static Single connect() {
    const LaunchEnvironment environment = LaunchEnvironment::detect();
    if (environment.world_size > 1) {
      throw EnvironmentError(concat("SingleDevice trains alone, but ", environment.launcher, " started ",
                                    environment.world_size,
                                    " ranks; use a backend that joins them, such as CpuRing, or start one process"));
    }
    return Single();
  }
};

static_assert(Backend<SingleDevice<Cpu>>);

}  // namespace lockstep
