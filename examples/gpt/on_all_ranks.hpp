// Does on every rank what may fail on some, so that one rank tells the reason and none is left waiting.
#pragma once

#include <lockstep/comm/communicator.hpp>
#include <lockstep/core/error.hpp>

#include <cstdint>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace gpt {

/// Thrown on the ranks that stop because another one has failed; that one says why.
struct Stopped : lockstep::Error {
  using Error::Error;
};

/// Calls a function on every rank and returns its result. Where some of them throw, the lowest of these lets its
/// exception pass, and all others throw Stopped. Collective.
template <class Accelerator, class Function>
auto on_all_ranks(Accelerator& accelerator, Function&& function) {
  std::optional<std::invoke_result_t<Function&>> result;
  std::exception_ptr failure;
  try {
    result.emplace(function());
  } catch (...) {
    failure = std::current_exception();
  }
  const auto nobody = static_cast<std::int32_t>(accelerator.world_size());
  const auto mine = static_cast<std::int32_t>(accelerator.rank());
  const std::int32_t first = accelerator.reduce(failure ? mine : nobody, lockstep::Reduction::min);
  if (first == mine) std::rethrow_exception(failure);
  if (first != nobody) throw Stopped(lockstep::concat("rank ", first, " has failed"));
  return std::move(*result);
}

}  // namespace gpt
