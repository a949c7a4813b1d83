// The contract of a backend: a device and a communicator that belong together, and how a program that was merely
// started gets them.
#pragma once

#include <lockstep/comm/communicator.hpp>
#include <lockstep/tensor/device.hpp>

#include <concepts>

namespace lockstep {

/// A backend names two types and how to make the second:
///  - `Device`: where tensors live;
///  - `Communicator`: how ranks exchange them;
///  - `connect()`: joins the job that the launcher's environment describes. Collective.
template <class B>
concept Backend = Device<typename B::Device> && Communicator<typename B::Communicator> && requires {
  { B::name } -> std::convertible_to<const char*>;
  { B::connect() } -> std::same_as<typename B::Communicator>;
};

}  // namespace lockstep
