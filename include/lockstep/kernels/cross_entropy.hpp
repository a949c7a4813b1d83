// What the cross entropy of many rows is made of: the arguments of its kernels on every device.
#pragma once

#include <cstdint>

namespace lockstep {

/// Rows of logits, their target classes, and how each class counts.
template <class T>
struct CrossEntropyProblem {
  std::int64_t rows;
  std::int64_t classes;
  const T* logits;
  const std::int32_t* targets;
  const T* weight;            // one per class, or null for 1
  std::int64_t ignore_index;  // a target that contributes nothing
  T label_smoothing;
};

}  // namespace lockstep
