// The conformance suite of communicators: what a backend of your own must do to work with everything in this library.
// Call it from every rank, for worlds of 1, 2, 3, 4, 5 and 8 ranks on one host:
//
//     MyCommunicator communicator = ...;
//     lockstep::testing::check_communicator(communicator);
#pragma once

#include <lockstep/comm/communicator.hpp>
#include <lockstep/testing/communicator/arguments.hpp>
#include <lockstep/testing/communicator/asynchronous.hpp>
#include <lockstep/testing/communicator/canonical_order.hpp>
#include <lockstep/testing/communicator/distributions.hpp>
#include <lockstep/testing/communicator/gathers.hpp>
#include <lockstep/testing/communicator/large.hpp>
#include <lockstep/testing/communicator/long_buffers.hpp>
#include <lockstep/testing/communicator/memory.hpp>
#include <lockstep/testing/communicator/messages.hpp>
#include <lockstep/testing/communicator/reductions.hpp>
#include <lockstep/testing/communicator/special_values.hpp>
#include <lockstep/testing/communicator/split.hpp>

namespace lockstep::testing {

/// The whole suite but for `check_canonical_order` and `check_large`. Throws the first failed check as an Error that
/// names it.
template <Communicator C>
void check_communicator(C& communicator) {
  check_allocate(communicator);
  check_all_reduce(communicator);
  check_special_values(communicator);
  check_half_precision(communicator);
  check_reduce(communicator);
  check_reduce_scatter(communicator);
  check_all_gather(communicator);
  check_all_gather_ragged(communicator);
  check_gather(communicator);
  check_broadcast(communicator);
  check_scatter(communicator);
  check_all_to_all(communicator);
  check_long_buffers(communicator);
  check_barrier(communicator);
  check_asynchronous(communicator);
  check_asynchronous_forms(communicator);
  check_messages(communicator);
  check_arguments(communicator);
  check_split_members(communicator);
  check_split_independence(communicator);
  check_split_messages(communicator);
  check_move(communicator);
}

}  // namespace lockstep::testing
