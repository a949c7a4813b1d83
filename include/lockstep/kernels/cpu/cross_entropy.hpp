// Softmax and negative log likelihood in one: the probabilities are never stored, only each row's log-sum-exp.
#pragma once

#include <lockstep/kernels/cpu/row_reductions.hpp>
#include <lockstep/kernels/cross_entropy.hpp>
#include <lockstep/kernels/destination.hpp>
#include <lockstep/kernels/scalar_math.hpp>
#include <lockstep/tensor/cpu.hpp>

#include <algorithm>
#include <cstdint>

namespace lockstep::cpu {

struct CrossEntropyKernels {
  /// For each row with target y, classes C, smoothing e and class weights w:
  ///   loss = (1 - e) * w[y] * (lse - x[y]) + e / C * sum over c of w[c] * (lse - x[c]);   0 for an ignored target.
  /// `log_sum_exps` gets lse of each row; `losses` each row's loss or, if null, nothing; `total` and `denominator` the
  /// sums of the losses and of w[y] over the rows that count.
  template <class T>
  static void cross_entropy(Cpu&, const CrossEntropyProblem<T>& q, T* log_sum_exps, T* losses, T* total,
                            T* denominator) {
    double loss_sum = 0;
    double weight_sum = 0;
    const T smoothing = q.label_smoothing / static_cast<T>(q.classes);
    const T all_weights = total_weight(q);
    for (std::int64_t i = 0; i < q.rows; ++i) {
      T loss = 0;
      const std::int32_t y = q.targets[i];
      log_sum_exps[i] = 0;
      if (y != q.ignore_index) {
        const T* x = q.logits + i * q.classes;
        const T lse = log_sum_exp(q.classes, x);
        const T w = q.weight == nullptr ? T(1) : q.weight[y];
        loss = (T(1) - q.label_smoothing) * w * (lse - x[y]);
        if (smoothing > T(0)) {
          const T weighted = q.weight == nullptr ? sum_of(q.classes, x) : dot_of(q.classes, q.weight, x);
          loss += smoothing * (lse * all_weights - weighted);
        }
        log_sum_exps[i] = lse;
        weight_sum += static_cast<double>(w);
      }
      if (losses != nullptr) losses[i] = loss;
      loss_sum += static_cast<double>(loss);
    }
    *total = static_cast<T>(loss_sum);
    *denominator = static_cast<T>(weight_sum);
  }

  /// dx[c] = s * ((1 - e) * w[y] * (p[c] - [c = y]) + e / C * (W * p[c] - w[c])) with p = exp(x - lse), W the sum of
  /// all w, and s = *scale for all rows, or scale[i] for row i if `scale_per_row`; divided by *denominator unless null.
  template <class T>
  static void cross_entropy_backward(Cpu&, const CrossEntropyProblem<T>& q, const T* log_sum_exps, const T* scale,
                                     bool scale_per_row, const T* denominator, Destination<T> dx) {
    const T smoothing = q.label_smoothing / static_cast<T>(q.classes);
    const T all_weights = total_weight(q);
    for (std::int64_t i = 0; i < q.rows; ++i) {
      const Destination<T> out = dx + i * q.classes;
      const std::int32_t y = q.targets[i];
      if (y == q.ignore_index) {
        if (!out.accumulate) std::fill_n(out.data, q.classes, T(0));
        continue;
      }
      T s = scale_per_row ? scale[i] : *scale;
      if (denominator != nullptr) s /= *denominator;
      const T direct = s * (T(1) - q.label_smoothing) * (q.weight == nullptr ? T(1) : q.weight[y]);
      const T spread = s * smoothing;
      scaled_probabilities(q.classes, q.logits + i * q.classes, log_sum_exps[i], direct + spread * all_weights, out);
      if (smoothing > T(0)) subtract(q.classes, spread, q.weight, out.data);
      out.data[y] -= direct;
    }
  }

 private:
  template <class T>
  static T total_weight(const CrossEntropyProblem<T>& q) {
    return q.weight == nullptr ? static_cast<T>(q.classes) : sum_of(q.classes, q.weight);
  }

  /// log(sum(exp(x))), in blocks whose exponentials stay in the first-level cache.
  template <class T>
  static T log_sum_exp(std::int64_t count, const T* x) {
    constexpr std::int64_t block = 1024;
    alignas(64) T exponentials[block];
    const T highest = max_of(count, x);
    T sum = 0;
    for (std::int64_t first = 0; first < count; first += block) {
      const std::int64_t size = std::min(block, count - first);
      const T* __restrict in = x + first;
      for (std::int64_t j = 0; j < size; ++j) exponentials[j] = math::exp(in[j] - highest);
      sum += sum_of(size, exponentials);
    }
    return highest + math::log(sum);
  }

  template <class T>
  static void scaled_probabilities(std::int64_t count, const T* __restrict x, T lse, T factor, Destination<T> out) {
    T* __restrict dx = out.data;
    if (out.accumulate) {
      for (std::int64_t j = 0; j < count; ++j) dx[j] += factor * math::exp(x[j] - lse);
    } else {
      for (std::int64_t j = 0; j < count; ++j) dx[j] = factor * math::exp(x[j] - lse);
    }
  }

  template <class T>
  static void subtract(std::int64_t count, T factor, const T* __restrict weight, T* __restrict out) {
    if (weight == nullptr) {
      for (std::int64_t j = 0; j < count; ++j) out[j] -= factor;
    } else {
      for (std::int64_t j = 0; j < count; ++j) out[j] -= factor * weight[j];
    }
  }
};

}  // namespace lockstep::cpu
