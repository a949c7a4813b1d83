// The gradients of several inputs at once, for kernels that write them all in one pass.
#pragma once

#include <lockstep/autograd/op.hpp>

#include <array>

namespace lockstep::detail {

/// The destinations of the inputs' gradients. If two inputs are the same variable, they share memory that is set to
/// zero here, and all add to it: the kernel may then write in any order.
template <class Context, class T, class... Inputs>
std::array<Destination<T>, 1 + sizeof...(Inputs)> gradients_of(Context& context, Operand<T>& first, Inputs&... rest) {
  std::array<Destination<T>, 1 + sizeof...(Inputs)> result{context.gradient(first), context.gradient(rest)...};
  const std::array<std::int64_t, 1 + sizeof...(Inputs)> counts{first.value.numel(), rest.value.numel()...};
  for (std::size_t i = 0; i < result.size(); ++i) {
    for (std::size_t j = i + 1; j < result.size(); ++j) {
      if (!result[i] || result[i].data != result[j].data || result[i].accumulate) continue;
      Context::Kernels::fill(context.device, counts[i], result[i], T(0));
      result[i].accumulate = true;
    }
  }
  return result;
}

}  // namespace lockstep::detail
