// Where a training loop stands between two optimizer steps. One small struct that the accelerator owns and its wrappers
// look at, instead of process-wide state.
#pragma once

#include <cstdint>

namespace lockstep {

/// A loop over a loader that is under way; loops nest, and the innermost one counts.
struct LoaderFrame {
  const LoaderFrame* outer = nullptr;
  bool last_batch = false;
};

/// The accumulation window: which micro-batches are summed into the gradients, and whether the current one ends it.
struct GradientState {
  bool sync_gradients = true;    // the current micro-batch ends the window
  bool tree = false;             // the window's gradients are added in tree order
  std::int64_t micro_step = 0;   // calls of accumulate() in this window
  std::int64_t swept = 0;        // backward sweeps in this window
  std::int64_t micro_batch = 0;  // the logical micro-batch of the next forward pass, over all ranks
  std::int64_t iteration = 0;    // windows that ended
  bool new_micro_batch = true;   // the next forward pass starts a random stream of its own
  double weight = 0;             // sum of this rank's weights in this window
  const LoaderFrame* loader = nullptr;

  bool end_of_loader() const { return loader != nullptr && loader->last_batch; }
};

}  // namespace lockstep
