// Where the heads of an attention lie in memory: one description for packed and separate operands, and every device.
#pragma once

#include <cstdint>

namespace lockstep {

/// A set of matrices [batch, heads] of rows, each row contiguous, anywhere in memory.
template <class T>
struct HeadMatrices {
  T* data = nullptr;
  std::int64_t batch_stride = 0, head_stride = 0, row_stride = 0;

  T* at(std::int64_t batch, std::int64_t head) const { return data + batch * batch_stride + head * head_stride; }
};

/// The extents and options of an attention: out = dropout(softmax(scale * q k^T)) v for every batch and head. If
/// causal, query i sees the keys j <= i.
struct AttentionExtents {
  std::int64_t batch, heads, query_time, key_time, head_dim;
  double scale;
  bool causal;
  double dropout;  // the probability of dropping; element ((batch, head), query, key) is the position in the stream
};

}  // namespace lockstep
