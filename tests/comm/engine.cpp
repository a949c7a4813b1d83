#include "call/recording_engine.hpp"
#include <lockstep/comm/engine.hpp>
#include <lockstep/comm/threads.hpp>

#include <doctest/doctest.h>

#include <span>
#include <vector>

namespace ls = lockstep;

TEST_CASE("the parts of a communicator of one's own are public") {
  static_assert(ls::CollectiveEngine<ls::testing::RecordingEngine>);
  static_assert(
      std::is_base_of_v<ls::EngineCommunicator<ls::testing::RecordingEngine>, ls::testing::RecordingCommunicator>);
  ls::testing::RecordingCommunicator communicator;
  communicator.barrier();
  CHECK(ls::engine_of(communicator).calls.back().fingerprint.collective == ls::Collective::barrier);
}

TEST_CASE("a call can be handed on to another communicator's engine") {
  ls::launch_threads(2, [](ls::Threads& communicator) {
    ls::testing::RecordingCommunicator recorder;
    std::vector<float> values{1, 2};
    recorder.all_reduce(std::span<float>(values));
    ls::Call call = recorder.last();
    ls::engine_of(communicator).run(call);
    if (values != std::vector<float>{2, 4}) throw ls::Error("the call was not carried out");
  });
}
