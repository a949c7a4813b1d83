// What can be set about a whole run.
#pragma once

#include <lockstep/core/error.hpp>
#include <lockstep/core/on_demand.hpp>

#include <cstdint>

namespace lockstep {

/// Options of an Accelerator; the same on all ranks.
struct AcceleratorOptions {
  /// Micro-batches that `accumulate` joins to one optimizer step.
  std::int64_t gradient_accumulation_steps = 1;

  /// Whether the last batch of a loader ends a window too; otherwise windows reach over epochs.
  bool sync_with_dataloader = true;

  /// The number of micro-batches that `micro_batches` cuts one step's global batch into, over all ranks together. A
  /// power of two that the number of ranks divides makes the update the same, bit for bit, for any such number of
  /// ranks. Zero: `micro_batches` is not used.
  std::int64_t micro_batches = 0;

  /// Of initial parameters and of random numbers inside the model. Data order has its own seed, in the loader.
  std::uint64_t seed = 0;

  /// Checks every value for NaN and infinity and names the first op that made one; slow.
  bool detect_anomaly = false;
};

/// Throws ArgumentError when an option is out of range or does not go with the number of ranks.
LOCKSTEP_ON_DEMAND void validate(const AcceleratorOptions& options, int world_size) {
  if (options.gradient_accumulation_steps < 1) {
    throw ArgumentError(concat("AcceleratorOptions: gradient_accumulation_steps must be at least 1, got ",
                               options.gradient_accumulation_steps));
  }
  if (options.micro_batches < 0 || (options.micro_batches > 0 && options.micro_batches % world_size != 0)) {
    throw ArgumentError(concat("AcceleratorOptions: micro_batches counts those of all ranks, so the number of ranks (",
                               world_size, ") must divide it, got ", options.micro_batches));
  }
}

}  // namespace lockstep
