// Attention, a block of queries at a time: the scores of a block stay in the second-level cache, and backward computes
// them again from each row's log-sum-exp (Dao et al. 2022), so that no matrix of time x time is ever stored.
#pragma once

#include <lockstep/core/philox.hpp>
#include <lockstep/kernels/attention.hpp>
#include <lockstep/kernels/cpu/dropout.hpp>
#include <lockstep/kernels/cpu/matrix_product.hpp>
#include <lockstep/kernels/cpu/row_reductions.hpp>
#include <lockstep/kernels/scalar_math.hpp>
#include <lockstep/tensor/cpu.hpp>

#include <algorithm>
#include <cstdint>

namespace lockstep::cpu {

template <class Engine>
struct AttentionKernels {
  /// The elements of scratch memory that `attention` and `attention_backward` need.
  template <class T>
  static std::int64_t attention_workspace(Cpu&, const AttentionExtents& e) {
    const std::int64_t rows = std::min(query_block, e.query_time);
    const auto product = [](std::int64_t m, std::int64_t n, std::int64_t k, bool transpose_a, bool transpose_b) {
      return Engine::workspace_size(
          MatrixProduct<T>{.m = m, .n = n, .k = k, .transpose_a = transpose_a, .transpose_b = transpose_b});
    };
    std::int64_t most = 0;
    for (std::int64_t first = 0; first < e.query_time; first += query_block) {
      const std::int64_t keys = visible_keys(e, first, std::min(first + query_block, e.query_time));
      const std::int64_t count = std::min(query_block, e.query_time - first);
      most = std::max({most, product(count, keys, e.head_dim, false, true),
                       product(count, e.head_dim, keys, false, false), product(keys, e.head_dim, count, true, false)});
    }
    return 2 * rows * e.key_time + rows + most;
  }

  /// `log_sum_exps` gets one value per batch, head and query.
  template <class T>
  static void attention(Cpu&, const AttentionExtents& e, HeadMatrices<const T> q, HeadMatrices<const T> k,
                        HeadMatrices<const T> v, HeadMatrices<T> out, T* log_sum_exps, const Philox& random,
                        T* workspace) {
    T* probabilities = workspace;
    T* rest = workspace + std::min(query_block, e.query_time) * e.key_time;
    for (std::int64_t head = 0; head < e.batch * e.heads; ++head) {
      const std::int64_t b = head / e.heads, h = head % e.heads;
      for (std::int64_t first = 0; first < e.query_time; first += query_block) {
        const std::int64_t last = std::min(first + query_block, e.query_time);
        const std::int64_t keys = visible_keys(e, first, last);
        scores(e, q, k, b, h, first, last, keys, probabilities, rest);
        for (std::int64_t i = first; i < last; ++i) {
          const std::int64_t seen = visible_keys(e, i, i + 1);
          T* row = probabilities + (i - first) * keys;
          log_sum_exps[head * e.query_time + i] = softmax_row(seen, row);
          std::fill_n(row + seen, keys - seen, T(0));
          if (e.dropout > 0) drop(e, random, head, i, seen, row);
        }
        Engine::multiply(MatrixProduct<T>{.m = last - first,
                                          .n = e.head_dim,
                                          .k = keys,
                                          .a = probabilities,
                                          .lda = keys,
                                          .b = v.at(b, h),
                                          .ldb = v.row_stride,
                                          .c = out.at(b, h) + first * out.row_stride,
                                          .ldc = out.row_stride},
                         rest);
      }
    }
  }

  /// The gradients, written to dq, dk and dv (null data: not needed), added if the flag says so. With P the
  /// probabilities and D the dropout mask over (1 - p): dv = (P D)^T dout; dP = D (dout v^T); dS = P (dP - rowsum(dout
  /// * out)); dq = scale dS k; dk = scale dS^T q.
  template <class T>
  static void attention_backward(Cpu&, const AttentionExtents& e, HeadMatrices<const T> q, HeadMatrices<const T> k,
                                 HeadMatrices<const T> v, HeadMatrices<const T> out, HeadMatrices<const T> dout,
                                 const T* log_sum_exps, const Philox& random, HeadMatrices<T> dq, bool accumulate_dq,
                                 HeadMatrices<T> dk, bool accumulate_dk, HeadMatrices<T> dv, bool accumulate_dv,
                                 T* workspace) {
    const std::int64_t block = std::min(query_block, e.query_time);
    T* probabilities = workspace;
    T* gradients = probabilities + block * e.key_time;
    T* rest = gradients + block * e.key_time;
    const T scale = static_cast<T>(e.scale);
    for (std::int64_t head = 0; head < e.batch * e.heads; ++head) {
      const std::int64_t b = head / e.heads, h = head % e.heads;
      // The last block of queries sees the most keys: it comes first and assigns, the others add.
      const std::int64_t most_keys = e.query_time == 0 ? 0 : visible_keys(e, e.query_time - 1, e.query_time);
      if (dk.data != nullptr && !accumulate_dk) clear_rows(e, dk, b, h, most_keys);
      if (dv.data != nullptr && !accumulate_dv) clear_rows(e, dv, b, h, most_keys);
      const std::int64_t blocks = (e.query_time + query_block - 1) / query_block;
      for (std::int64_t index = blocks - 1; index >= 0; --index) {
        const std::int64_t first = index * query_block;
        const std::int64_t last = std::min(first + query_block, e.query_time);
        const std::int64_t rows = last - first;
        const std::int64_t keys = visible_keys(e, first, last);
        const bool is_first = index == blocks - 1;
        const T* dout_block = dout.at(b, h) + first * dout.row_stride;
        scores(e, q, k, b, h, first, last, keys, probabilities, rest);
        Engine::multiply(MatrixProduct<T>{.m = rows,
                                          .n = keys,
                                          .k = e.head_dim,
                                          .a = dout_block,
                                          .lda = dout.row_stride,
                                          .b = v.at(b, h),
                                          .ldb = v.row_stride,
                                          .transpose_b = true,
                                          .c = gradients,
                                          .ldc = keys},
                         rest);
        for (std::int64_t i = first; i < last; ++i) {
          const std::int64_t seen = visible_keys(e, i, i + 1);
          T* p = probabilities + (i - first) * keys;
          T* dp = gradients + (i - first) * keys;
          const T delta = dot_of(e.head_dim, dout.at(b, h) + i * dout.row_stride, out.at(b, h) + i * out.row_stride);
          exponentials(seen, p, log_sum_exps[head * e.query_time + i]);
          if (e.dropout > 0) drop(e, random, head, i, seen, dp);
          score_gradients(seen, p, delta, dp);
          if (e.dropout > 0) drop(e, random, head, i, seen, p);
          std::fill_n(p + seen, keys - seen, T(0));
          std::fill_n(dp + seen, keys - seen, T(0));
        }
        if (dv.data != nullptr) {
          Engine::multiply(MatrixProduct<T>{.m = keys,
                                            .n = e.head_dim,
                                            .k = rows,
                                            .a = probabilities,
                                            .lda = keys,
                                            .transpose_a = true,
                                            .b = dout_block,
                                            .ldb = dout.row_stride,
                                            .c = dv.at(b, h),
                                            .ldc = dv.row_stride,
                                            .accumulate = accumulate_dv || !is_first},
                           rest);
        }
        if (dk.data != nullptr) {
          Engine::multiply(MatrixProduct<T>{.m = keys,
                                            .n = e.head_dim,
                                            .k = rows,
                                            .a = gradients,
                                            .lda = keys,
                                            .transpose_a = true,
                                            .b = q.at(b, h) + first * q.row_stride,
                                            .ldb = q.row_stride,
                                            .c = dk.at(b, h),
                                            .ldc = dk.row_stride,
                                            .accumulate = accumulate_dk || !is_first,
                                            .alpha = scale},
                           rest);
        }
        if (dq.data != nullptr) {
          Engine::multiply(MatrixProduct<T>{.m = rows,
                                            .n = e.head_dim,
                                            .k = keys,
                                            .a = gradients,
                                            .lda = keys,
                                            .b = k.at(b, h),
                                            .ldb = k.row_stride,
                                            .c = dq.at(b, h) + first * dq.row_stride,
                                            .ldc = dq.row_stride,
                                            .accumulate = accumulate_dq,
                                            .alpha = scale},
                           rest);
        }
      }
    }
  }

 private:
  static constexpr std::int64_t query_block = 5 * tile_rows;

  /// How many keys the queries [first, last) see at most.
  static std::int64_t visible_keys(const AttentionExtents& e, std::int64_t, std::int64_t last) {
    return e.causal ? std::min(last, e.key_time) : e.key_time;
  }

  template <class T>
  static void scores(const AttentionExtents& e, HeadMatrices<const T> q, HeadMatrices<const T> k, std::int64_t b,
                     std::int64_t h, std::int64_t first, std::int64_t last, std::int64_t keys, T* to, T* workspace) {
    Engine::multiply(MatrixProduct<T>{.m = last - first,
                                      .n = keys,
                                      .k = e.head_dim,
                                      .a = q.at(b, h) + first * q.row_stride,
                                      .lda = q.row_stride,
                                      .b = k.at(b, h),
                                      .ldb = k.row_stride,
                                      .transpose_b = true,
                                      .c = to,
                                      .ldc = keys,
                                      .alpha = static_cast<T>(e.scale)},
                     workspace);
  }

  /// x = softmax(x); returns log(sum(exp(x))).
  template <class T>
  static T softmax_row(std::int64_t count, T* __restrict x) {
    const T highest = max_of(count, x);
    for (std::int64_t j = 0; j < count; ++j) x[j] = math::exp(x[j] - highest);
    const T sum = sum_of(count, x);
    const T factor = T(1) / sum;
    for (std::int64_t j = 0; j < count; ++j) x[j] *= factor;
    return highest + math::log(sum);
  }

  template <class T>
  static void exponentials(std::int64_t count, T* __restrict x, T log_sum_exp) {
    for (std::int64_t j = 0; j < count; ++j) x[j] = math::exp(x[j] - log_sum_exp);
  }

  template <class T>
  static void score_gradients(std::int64_t count, const T* __restrict p, T delta, T* __restrict dp) {
    for (std::int64_t j = 0; j < count; ++j) dp[j] = p[j] * (dp[j] - delta);
  }

  template <class T>
  static void drop(const AttentionExtents& e, const Philox& random, std::int64_t head, std::int64_t query,
                   std::int64_t count, T* x) {
    const auto position = static_cast<std::uint64_t>((head * e.query_time + query) * e.key_time);
    drop_elements(count, x, e.dropout, random, position, Destination<T>{x, false});
  }

  /// Sets the rows that no query sees to zero.
  template <class T>
  static void clear_rows(const AttentionExtents& e, HeadMatrices<T> matrices, std::int64_t b, std::int64_t h,
                         std::int64_t first) {
    for (std::int64_t i = first; i < e.key_time; ++i) {
      std::fill_n(matrices.at(b, h) + i * matrices.row_stride, e.head_dim, T(0));
    }
  }
};

}  // namespace lockstep::cpu
