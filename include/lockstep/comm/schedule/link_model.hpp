// How long messages take, as far as it matters for choosing an algorithm.
#pragma once

#include <cstdint>

namespace lockstep::detail {

/// The time of a step in which a rank sends m messages of b bytes in all and combines c bytes:
/// alpha + (m - 1) overhead + b beta + c gamma. In integers, so that machines of different make choose alike; the model
/// must be the same on all ranks. The defaults suit sockets within a host that sleep while they wait, at about 3 GB/s
/// each way; the benchmark `scale` fits others to measurements.
struct LinkModel {
  std::uint64_t alpha_nanoseconds = 9000;          ///< From the call of one rank to the wake-up of another.
  std::uint64_t overhead_nanoseconds = 2500;       ///< What each further message of a step costs its sender.
  std::uint64_t beta_picoseconds_per_byte = 350;   ///< While both directions are busy.
  std::uint64_t gamma_picoseconds_per_byte = 100;  ///< Combining, per byte of the arriving operand.

  constexpr std::uint64_t alpha() const { return alpha_nanoseconds * 1000; }
  constexpr std::uint64_t overhead() const { return overhead_nanoseconds * 1000; }

  /// Picoseconds of a step.
  constexpr std::uint64_t step(std::uint64_t messages, std::uint64_t bytes) const {
    return messages == 0 ? 0 : alpha() + (messages - 1) * overhead() + bytes * beta_picoseconds_per_byte;
  }
  constexpr std::uint64_t combine(std::uint64_t bytes) const { return bytes * gamma_picoseconds_per_byte; }
};

}  // namespace lockstep::detail
