// How to write a communicator of your own: an engine of nine functions, which moves the bytes of calls. Read
// call/call.hpp (what a call says) and call/collective_engine.hpp (what an engine does), then
// examples/04_custom_communicator.cpp.
#pragma once

#include <lockstep/comm/call/call.hpp>
#include <lockstep/comm/call/collective_engine.hpp>
#include <lockstep/comm/call/engine_communicator.hpp>
#include <lockstep/comm/communicator.hpp>

namespace lockstep {

using detail::Call;
using detail::Collective;
using detail::CollectiveEngine;
using detail::EngineCommunicator;
using detail::Fingerprint;

/// The engine of a communicator that derives from EngineCommunicator: what wrappers hand their calls on to.
template <class C>
auto& engine_of(C& communicator) {
  return detail::EngineAccess::of(communicator);
}

}  // namespace lockstep
