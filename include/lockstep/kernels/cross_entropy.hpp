// What the cross entropy of many rows is made of: the arguments of its kernels on every device.
#pragma once

#include <cstdint>

namespace lockstep {

/// Rows of logits, their target classes, and how each class counts.
template <class T>
struct CrossEntropyProblem {
  std::int64_t rows = 0;
  std::int64_t classes = 0;
  const T* logits = nullptr;
  const std::int32_t* targets = nullptr;
  const T* weight = nullptr;         // one per class, or null for 1
  std::int64_t ignore_index = -100;  // a target that contributes nothing
  T label_smoothing = 0;
};

}  // namespace lockstep
