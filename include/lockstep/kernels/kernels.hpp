// The door from ops to a device's kernels. Each device specialises it in its own folder as the union of its kernel
// families; no header outside that folder names them, so adding a device adds files and changes none.
#pragma once

namespace lockstep {

/// The kernels of a device: static member function templates whose first argument is the device object.
/// Specialised beside the kernels (`kernels/cpu/kernels.hpp` for Cpu); including that header makes the device usable.
template <class DeviceType>
struct Kernels {
  static_assert(sizeof(DeviceType) == 0,
                "no kernels for this device: include the header that specialises Kernels for it");
};

}  // namespace lockstep
