// An engine that moves nothing and remembers what it was asked: rank 1 of 3.
#pragma once

#include <lockstep/comm/call/engine_communicator.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace lockstep::testing {

struct RecordingEngine {
  int rank() const { return 1; }
  int size() const { return 3; }
  std::uint64_t start(const detail::Call& call) { return calls.push_back(call), calls.size(); }
  void finish(std::uint64_t) {}
  bool finished(std::uint64_t) { return true; }
  void run(const detail::Call& call) { finish(start(call)); }
  void progress() {}
  void abandon(const std::string&) {}
  void leave(bool) {}

  std::vector<detail::Call> calls;
};

struct RecordingCommunicator : detail::EngineCommunicator<RecordingEngine> {
  RecordingCommunicator() : EngineCommunicator(Shared<RecordingEngine>::make()) {}
  const detail::Call& last() const { return engine().calls.back(); }
};

}  // namespace lockstep::testing
