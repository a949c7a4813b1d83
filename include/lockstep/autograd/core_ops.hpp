// The ops that every tape knows unless told otherwise.
#pragma once

#include <lockstep/autograd/op_list.hpp>
#include <lockstep/autograd/ops/attention.hpp>
#include <lockstep/autograd/ops/cross_entropy.hpp>
#include <lockstep/autograd/ops/dropout.hpp>
#include <lockstep/autograd/ops/embedding.hpp>
#include <lockstep/autograd/ops/layer_norm.hpp>
#include <lockstep/autograd/ops/linear.hpp>
#include <lockstep/autograd/ops/matmul.hpp>
#include <lockstep/autograd/ops/rms_norm.hpp>
#include <lockstep/autograd/ops/softmax.hpp>
#include <lockstep/autograd/ops/unary.hpp>

namespace lockstep {

/// The op list of the library. A list that also has ops of your own: `CoreOps::with<MyOp>`.
struct CoreOps : OpList<  //
                     ops::Unary<functions::Relu>, ops::CrossEntropy, ops::Dropout, ops::Embedding, ops::LayerNorm,
                     ops::Linear, ops::LogSoftmax, ops::Matmul, ops::PackedAttention, ops::RmsNorm,
                     ops::ScaledDotProductAttention, ops::Softmax> {
  template <class... More>
  using with = ExtendedOps<CoreOps, More...>;
};

}  // namespace lockstep
