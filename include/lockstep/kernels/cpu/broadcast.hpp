// Elementwise functions of two broadcast operands. The innermost loop is one of three plain loops that vectorise (both
// operands advance, or one of them is a constant); an odometer over the other dimensions moves the base pointers.
#pragma once

#include <lockstep/kernels/broadcast_plan.hpp>
#include <lockstep/kernels/destination.hpp>
#include <lockstep/tensor/cpu.hpp>

#include <cstdint>

namespace lockstep::cpu {

struct BroadcastKernels {
  /// out[i] = function(a[...], b[...], full[i]...), where `a` and `b` are read as `plan` says and `full` have the
  /// result's own shape; adds instead when the destination accumulates. The output must not overlap an input.
  template <class T, class Function, class... Full>
  static void broadcast(Cpu&, const BroadcastPlan& plan, Destination<T> out, Function function, const T* a, const T* b,
                        const Full*... full) {
    if (out.accumulate) {
      run<true>(plan, out.data, function, a, b, full...);
    } else {
      run<false>(plan, out.data, function, a, b, full...);
    }
  }

 private:
  template <bool Accumulate, class T, class Function, class... Full>
  static void run(const BroadcastPlan& plan, T* out, Function function, const T* a, const T* b, const Full*... full) {
    const BroadcastPlan::Dimension& inner = plan.dimensions[0];
    const std::int64_t rows = plan.rank > 1 ? plan.dimensions[1].extent : 1;
    const std::int64_t row_a = plan.rank > 1 ? plan.dimensions[1].stride_a : 0;
    const std::int64_t row_b = plan.rank > 1 ? plan.dimensions[1].stride_b : 0;
    for (int i = 0; i < plan.rank; ++i) {
      if (plan.dimensions[i].extent == 0) return;
    }
    std::int64_t position[Shape::max_rank] = {};
    std::int64_t done = 0;  // elements of the result
    for (;;) {
      for (std::int64_t row = 0; row < rows; ++row, done += inner.extent) {
        const T* row_of_a = a + row * row_a;
        const T* row_of_b = b + row * row_b;
        switch (inner.kind) {
          case BroadcastKind::both:
            loop<Accumulate>(
                inner.extent, out + done, [&function](T x, T y, Full... z) { return function(x, y, z...); }, row_of_a,
                row_of_b, (full + done)...);
            break;
          case BroadcastKind::only_a:
            loop<Accumulate>(
                inner.extent, out + done, [&function, y = *row_of_b](T x, Full... z) { return function(x, y, z...); },
                row_of_a, (full + done)...);
            break;
          case BroadcastKind::only_b:
            loop<Accumulate>(
                inner.extent, out + done, [&function, x = *row_of_a](T y, Full... z) { return function(x, y, z...); },
                row_of_b, (full + done)...);
            break;
        }
      }
      int dimension = 2;
      for (; dimension < plan.rank; ++dimension) {
        const BroadcastPlan::Dimension& d = plan.dimensions[dimension];
        a += d.stride_a;
        b += d.stride_b;
        if (++position[dimension] < d.extent) break;
        a -= d.stride_a * d.extent;
        b -= d.stride_b * d.extent;
        position[dimension] = 0;
      }
      if (dimension >= plan.rank) return;
    }
  }

  template <bool Accumulate, class T, class Function, class... Inputs>
  [[gnu::flatten]] static void loop(std::int64_t count, T* __restrict out, const Function& function,
                                    const Inputs* __restrict... in) {
    for (std::int64_t i = 0; i < count; ++i) {
      if constexpr (Accumulate) {
        out[i] += function(in[i]...);
      } else {
        out[i] = function(in[i]...);
      }
    }
  }
};

}  // namespace lockstep::cpu
