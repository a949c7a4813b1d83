// The ops that every tape knows unless told otherwise.
#pragma once

#include <lockstep/autograd/op_list.hpp>
#include <lockstep/autograd/ops/activations.hpp>
#include <lockstep/autograd/ops/argmax.hpp>
#include <lockstep/autograd/ops/attention.hpp>
#include <lockstep/autograd/ops/bce_with_logits.hpp>
#include <lockstep/autograd/ops/binary.hpp>
#include <lockstep/autograd/ops/broadcast_to.hpp>
#include <lockstep/autograd/ops/concat.hpp>
#include <lockstep/autograd/ops/cross_entropy.hpp>
#include <lockstep/autograd/ops/dropout.hpp>
#include <lockstep/autograd/ops/embedding.hpp>
#include <lockstep/autograd/ops/layer_norm.hpp>
#include <lockstep/autograd/ops/linear.hpp>
#include <lockstep/autograd/ops/matmul.hpp>
#include <lockstep/autograd/ops/mse_loss.hpp>
#include <lockstep/autograd/ops/operators.hpp>
#include <lockstep/autograd/ops/permute.hpp>
#include <lockstep/autograd/ops/reduce.hpp>
#include <lockstep/autograd/ops/reshape.hpp>
#include <lockstep/autograd/ops/rms_norm.hpp>
#include <lockstep/autograd/ops/slice.hpp>
#include <lockstep/autograd/ops/softmax.hpp>
#include <lockstep/autograd/ops/unary.hpp>

namespace lockstep {

/// The op list of the library. A list that also has ops of your own: `CoreOps::with<MyOp>`.
struct CoreOps : OpList<  //
                     ops::Unary<functions::Neg>, ops::Unary<functions::Exp>, ops::Unary<functions::Log>,
                     ops::Unary<functions::Sqrt>, ops::Unary<functions::Square>, ops::Unary<functions::Pow>,
                     ops::Unary<functions::AddScalar>, ops::Unary<functions::SubtractFromScalar>,
                     ops::Unary<functions::MultiplyScalar>, ops::Unary<functions::DivideByScalar>,
                     ops::Unary<functions::DivideScalar>, ops::Unary<functions::Relu>, ops::Unary<functions::Tanh>,
                     ops::Unary<functions::Sigmoid>, ops::Unary<functions::Silu>, ops::Unary<functions::Gelu>,
                     ops::Unary<functions::GeluTanh>, ops::Binary<functions::Add>, ops::Binary<functions::Sub>,
                     ops::Binary<functions::Mul>, ops::Binary<functions::Div>, ops::Binary<functions::PowVariable>,
                     ops::BceWithLogits, ops::BroadcastTo, ops::Concat, ops::CrossEntropy, ops::Dropout, ops::Embedding,
                     ops::LayerNorm, ops::Linear, ops::LogSoftmax, ops::Matmul, ops::Max, ops::MseLoss,
                     ops::PackedAttention, ops::Permute, ops::Reshape, ops::RmsNorm, ops::ScaledDotProductAttention,
                     ops::Slice, ops::Softmax, ops::Sum> {
  template <class... More>
  using with = ExtendedOps<CoreOps, More...>;
};

}  // namespace lockstep
