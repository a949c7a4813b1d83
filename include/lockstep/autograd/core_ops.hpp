// The ops that every tape knows unless told otherwise.
#pragma once

#include <lockstep/autograd/op_list.hpp>
#include <lockstep/autograd/ops/unary.hpp>

namespace lockstep {

/// The op list of the library. A list that also has ops of your own: `CoreOps::with<MyOp>`.
struct CoreOps : OpList<  //
                     ops::Unary<functions::Relu>> {
  template <class... More>
  using with = ExtendedOps<CoreOps, More...>;
};

}  // namespace lockstep
