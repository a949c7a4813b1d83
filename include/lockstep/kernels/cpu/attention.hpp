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
requires(MatrixEngine<Engine, float>&& MatrixEngine<Engine, double>) struct AttentionKernels {
  /// The elements of scratch memory that `attention` and `attention_backward` need.
  template <class T>
  static std::int64_t attention_workspace(Cpu&, const AttentionExtents& e) {
    return Workspace<T>(e, nullptr).size;
  }

  /// `log_sum_exps` gets one value per batch, head and query.
  template <class T>
  static void attention(Cpu&, const AttentionExtents& e, HeadMatrices<const T> q, HeadMatrices<const T> k,
                        HeadMatrices<const T> v, HeadMatrices<T> out, T* log_sum_exps, const Philox& random,
                        T* workspace) {
    const Workspace<T> w(e, workspace);
    for (std::int64_t head = 0; head < e.batch * e.heads; ++head) {
      const std::int64_t b = head / e.heads, h = head % e.heads;
      transpose(e, k.at(b, h), k.row_stride, w.transposed_k, w.ld);
      copy_rows(e, v.at(b, h), v.row_stride, w.rows);
      for (std::int64_t first = 0; first < e.query_time; first += query_block) {
        const std::int64_t last = std::min(first + query_block, e.query_time);
        const std::int64_t keys = visible_keys(e, last);
        scores(e, q.at(b, h) + first * q.row_stride, q.row_stride, last - first, keys, w);
        for (std::int64_t i = first; i < last; ++i) {
          const std::int64_t seen = visible_keys(e, i + 1);
          T* row = w.probabilities + (i - first) * w.ld;
          log_sum_exps[head * e.query_time + i] = softmax_row(seen, row);
          std::fill_n(row + seen, keys - seen, T(0));
          if (e.dropout > 0) drop(e, random, head, i, seen, row);
        }
        Engine::multiply(MatrixProduct<T>{.m = last - first,
                                          .n = e.head_dim,
                                          .k = keys,
                                          .a = w.probabilities,
                                          .lda = w.ld,
                                          .b = w.rows,
                                          .ldb = e.head_dim,
                                          .c = out.at(b, h) + first * out.row_stride,
                                          .ldc = out.row_stride},
                         w.engine);
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
    const Workspace<T> w(e, workspace);
    for (std::int64_t head = 0; head < e.batch * e.heads; ++head) {
      const std::int64_t b = head / e.heads, h = head % e.heads;
      transpose(e, k.at(b, h), k.row_stride, w.transposed_k, w.ld);
      transpose(e, v.at(b, h), v.row_stride, w.transposed_v, w.ld);
      copy_rows(e, k.at(b, h), k.row_stride, w.rows);
      std::fill_n(w.dk, e.key_time * e.head_dim, T(0));
      std::fill_n(w.dv, e.key_time * e.head_dim, T(0));
      for (std::int64_t first = 0; first < e.query_time; first += query_block) {
        const std::int64_t last = std::min(first + query_block, e.query_time);
        const std::int64_t rows = last - first, keys = visible_keys(e, last);
        const T* q_block = q.at(b, h) + first * q.row_stride;
        const T* dout_block = dout.at(b, h) + first * dout.row_stride;
        const T* out_block = out.at(b, h) + first * out.row_stride;
        scores(e, q_block, q.row_stride, rows, keys, w);
        Engine::multiply(MatrixProduct<T>{.m = rows,
                                          .n = keys,
                                          .k = e.head_dim,
                                          .a = dout_block,
                                          .lda = dout.row_stride,
                                          .b = w.transposed_v,
                                          .ldb = w.ld,
                                          .c = w.gradients,
                                          .ldc = w.ld},
                         w.engine);
        for (std::int64_t i = 0; i < rows; ++i) {
          const std::int64_t seen = visible_keys(e, first + i + 1);
          T* p = w.probabilities + i * w.ld;
          T* dp = w.gradients + i * w.ld;
          const T delta = dot_of(e.head_dim, dout_block + i * dout.row_stride, out_block + i * out.row_stride);
          exponentials(seen, p, log_sum_exps[head * e.query_time + first + i]);
          if (e.dropout > 0) drop(e, random, head, first + i, seen, dp);
          score_gradients(seen, p, delta, dp);
          if (e.dropout > 0) drop(e, random, head, first + i, seen, p);
          std::fill_n(p + seen, keys - seen, T(0));
          std::fill_n(dp + seen, keys - seen, T(0));
        }
        if (dv.data != nullptr)
          add_transposed(e, keys, rows, T(1), w.probabilities, dout_block, dout.row_stride, w.dv, w);
        if (dk.data != nullptr) {
          add_transposed(e, keys, rows, static_cast<T>(e.scale), w.gradients, q_block, q.row_stride, w.dk, w);
        }
        if (dq.data != nullptr) {
          Engine::multiply(MatrixProduct<T>{.m = rows,
                                            .n = e.head_dim,
                                            .k = keys,
                                            .a = w.gradients,
                                            .lda = w.ld,
                                            .b = w.rows,
                                            .ldb = e.head_dim,
                                            .c = dq.at(b, h) + first * dq.row_stride,
                                            .ldc = dq.row_stride,
                                            .accumulate = accumulate_dq,
                                            .alpha = static_cast<T>(e.scale)},
                           w.engine);
        }
      }
      if (dk.data != nullptr) write_rows(e, w.dk, dk.at(b, h), dk.row_stride, accumulate_dk);
      if (dv.data != nullptr) write_rows(e, w.dv, dv.at(b, h), dv.row_stride, accumulate_dv);
    }
  }

 private:
  static constexpr std::int64_t query_block = 64;

  /// The scratch memory. One head's keys and values are copied, because the rows of packed operands are so far apart
  /// that caches hold few of them.
  template <class T>
  struct Workspace {
    std::int64_t ld;  // of everything that has a column per key; not a multiple of the page size
    T* probabilities;
    T* gradients;
    T* transposed_k;
    T* transposed_v;
    T* rows;
    T* dk;
    T* dv;
    T* engine;
    std::int64_t size;

    Workspace(const AttentionExtents& e, T* memory) {
      constexpr std::int64_t width = packet_width<T>;
      ld = (e.key_time + width - 1) / width * width + width;
      const std::int64_t block = std::min(query_block, e.query_time), matrix = e.key_time * e.head_dim;
      size = 0;
      const auto take = [&](std::int64_t count) {
        const std::int64_t offset = size;
        size += (count + width - 1) / width * width;
        return memory == nullptr ? nullptr : memory + offset;
      };
      probabilities = take(block * ld);
      gradients = take(block * ld);
      transposed_k = take(e.head_dim * ld);
      transposed_v = take(e.head_dim * ld);
      rows = take(matrix);
      dk = take(matrix);
      dv = take(matrix);
      engine = take(engine_workspace(e));
    }

    static std::int64_t engine_workspace(const AttentionExtents& e) {
      std::int64_t most = 0;
      for (std::int64_t first = 0; first < e.query_time; first += query_block) {
        const std::int64_t last = std::min(first + query_block, e.query_time), keys = visible_keys(e, last);
        const MatrixProduct<T> by_keys{.m = last - first, .n = keys, .k = e.head_dim};
        const MatrixProduct<T> by_values{.m = last - first, .n = e.head_dim, .k = keys};
        const MatrixProduct<T> transposed{.m = keys, .n = e.head_dim, .k = last - first, .transpose_a = true};
        most = std::max({most, Engine::workspace_size(by_keys), Engine::workspace_size(by_values),
                         Engine::workspace_size(transposed)});
      }
      return most;
    }
  };

  /// How many keys the queries before `last` see at most.
  static std::int64_t visible_keys(const AttentionExtents& e, std::int64_t last) {
    return e.causal ? std::min(last, e.key_time) : e.key_time;
  }

  template <class T>
  static void transpose(const AttentionExtents& e, const T* from, std::int64_t stride, T* to, std::int64_t ld) {
    pack_columns<T>(e.head_dim, e.key_time, ld - packet_width<T>, from, stride, to, ld);
  }

  template <class T>
  static void copy_rows(const AttentionExtents& e, const T* from, std::int64_t stride, T* to) {
    for (std::int64_t i = 0; i < e.key_time; ++i) std::copy_n(from + i * stride, e.head_dim, to + i * e.head_dim);
  }

  template <class T>
  static void write_rows(const AttentionExtents& e, const T* from, T* to, std::int64_t stride, bool accumulate) {
    for (std::int64_t i = 0; i < e.key_time; ++i) {
      const T* __restrict source = from + i * e.head_dim;
      T* __restrict target = to + i * stride;
      if (accumulate) {
        for (std::int64_t d = 0; d < e.head_dim; ++d) target[d] += source[d];
      } else {
        std::copy_n(source, e.head_dim, target);
      }
    }
  }

  /// probabilities = scale * q k^T, before the softmax.
  template <class T>
  static void scores(const AttentionExtents& e, const T* q, std::int64_t stride, std::int64_t rows, std::int64_t keys,
                     const Workspace<T>& w) {
    Engine::multiply(MatrixProduct<T>{.m = rows,
                                      .n = keys,
                                      .k = e.head_dim,
                                      .a = q,
                                      .lda = stride,
                                      .b = w.transposed_k,
                                      .ldb = w.ld,
                                      .c = w.probabilities,
                                      .ldc = w.ld,
                                      .alpha = static_cast<T>(e.scale)},
                     w.engine);
  }

  /// to += alpha * matrix^T other, over the rows of a block of queries.
  template <class T>
  static void add_transposed(const AttentionExtents& e, std::int64_t keys, std::int64_t rows, T alpha, const T* matrix,
                             const T* other, std::int64_t stride, T* to, const Workspace<T>& w) {
    Engine::multiply(MatrixProduct<T>{.m = keys,
                                      .n = e.head_dim,
                                      .k = rows,
                                      .a = matrix,
                                      .lda = w.ld,
                                      .transpose_a = true,
                                      .b = other,
                                      .ldb = stride,
                                      .c = to,
                                      .ldc = e.head_dim,
                                      .accumulate = true,
                                      .alpha = alpha},
                     w.engine);
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
};

}  // namespace lockstep::cpu
