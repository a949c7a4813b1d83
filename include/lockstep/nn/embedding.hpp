// The look-up table.
#pragma once

#include <lockstep/autograd/ops/embedding.hpp>
#include <lockstep/nn/fields.hpp>

namespace lockstep {

struct EmbeddingOptions {
  Initializer initializer = init::normal();
};

/// Rows of weight [count, dim] by index: ids of shape [...] become [..., dim].
/// The weight can be used elsewhere too, as in `linear(x, embedding.weight)` for an output layer tied to it.
struct Embedding {
  Embedding(std::int64_t count, std::int64_t dim, const EmbeddingOptions& options = {})
      : weight(Shape{count, dim}, options.initializer) {
    if (count < 1 || dim < 1)
      throw ArgumentError(concat("Embedding: extents must be positive, got ", count, " x ", dim));
  }

  Parameter weight;

  template <class TapeType>
  Var<TapeType> operator()(const IndexVar<TapeType>& ids) const {
    return embedding(ids, weight);
  }

  LOCKSTEP_FIELDS(weight)
};

}  // namespace lockstep
