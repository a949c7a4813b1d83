// Scaled dot-product attention. Vaswani et al. 2017.
#pragma once

#include <lockstep/autograd/op.hpp>
#include <lockstep/autograd/ops/gradients_of.hpp>
#include <lockstep/autograd/var.hpp>
#include <lockstep/kernels/attention.hpp>

#include <cmath>

namespace lockstep {

struct ScaledDotProductOptions {
  /// Query i sees the keys j <= i only.
  bool causal = false;
  /// What q k^T is multiplied with; 0 means 1 / sqrt(head_dim).
  double scale = 0;
  /// The probability with which a weight of the softmax is dropped in train mode.
  double dropout = 0;
};

namespace detail {

/// Operands [batch, heads, time, head_dim] as matrices.
template <class T>
HeadMatrices<T> separate_heads(T* data, const Shape& shape) {
  return {data, shape[1] * shape[2] * shape[3], shape[2] * shape[3], shape[3]};
}

}  // namespace detail

namespace ops {

/// out = softmax(scale q k^T) v with q [batch, heads, query_time, head_dim] and k, v [batch, heads, key_time,
/// head_dim].
struct ScaledDotProductAttention {
  static constexpr const char* name = "scaled_dot_product_attention";
  static constexpr int arity = 3;

  ScaledDotProductOptions options;
  void* log_sum_exps = nullptr;
  Philox random = Philox(0);

  Shape shape(const Shape& q, const Shape& k, const Shape& v) const {
    const bool fits = q.rank() == 4 && k.rank() == 4 && k == v && q[0] == k[0] && q[1] == k[1] && q[3] == k[3];
    if (!fits) {
      throw ShapeError(concat(name, ": query ", q, ", key ", k, " and value ", v,
                              " do not go together; needed are [batch, heads, time, head_dim] each, with one time for "
                              "the query and one for key and value"));
    }
    return q;
  }

  template <class Context, class T>
  void forward(Context& context, TensorView<T> y, TensorView<const T> q, TensorView<const T> k, TensorView<const T> v) {
    const AttentionExtents e = extents(q.shape, k.shape);
    T* saved = context.template allocate<T>(e.batch * e.heads * e.query_time);
    log_sum_exps = saved;
    if (e.dropout > 0) random = context.random();
    using Kernels = typename Context::Kernels;
    T* workspace = context.template scratch<T>(Kernels::template attention_workspace<T>(context.device, e));
    Kernels::attention(context.device, e, detail::separate_heads(q.data, q.shape),
                       detail::separate_heads(k.data, k.shape), detail::separate_heads(v.data, v.shape),
                       detail::separate_heads(y.data, y.shape), saved, random, workspace);
  }

  template <class Context, class T>
  void backward(Context& context, const Result<T>& y, Operand<T> q, Operand<T> k, Operand<T> v) const {
    const Shape& queries = q.value.shape;
    const Shape& keys = k.value.shape;
    const AttentionExtents e = extents(queries, keys);
    const auto gradients = detail::gradients_of(context, q, k, v);
    using Kernels = typename Context::Kernels;
    T* workspace = context.template scratch<T>(Kernels::template attention_workspace<T>(context.device, e));
    Kernels::attention_backward(context.device, e, detail::separate_heads(q.value.data, queries),
                                detail::separate_heads(k.value.data, keys), detail::separate_heads(v.value.data, keys),
                                detail::separate_heads(y.value.data, queries),
                                detail::separate_heads(y.gradient.data, queries), static_cast<const T*>(log_sum_exps),
                                random, detail::separate_heads(gradients[0].data, queries), gradients[0].accumulate,
                                detail::separate_heads(gradients[1].data, keys), gradients[1].accumulate,
                                detail::separate_heads(gradients[2].data, keys), gradients[2].accumulate, workspace);
  }

 private:
  AttentionExtents extents(const Shape& q, const Shape& k) const {
    return {q[0], q[1], q[2], k[2], q[3], options.scale, options.causal, options.dropout};
  }
};

/// The same for q, k and v beside each other in each row: qkv [batch, time, 3 * width] with width = heads * head_dim;
/// the result is [batch, time, width]. Nothing is copied or permuted.
struct PackedAttention {
  static constexpr const char* name = "attention";
  static constexpr int arity = 1;

  std::int64_t heads = 1;
  ScaledDotProductOptions options;
  void* log_sum_exps = nullptr;
  Philox random = Philox(0);

  Shape shape(const Shape& qkv) const {
    if (heads < 1 || qkv.rank() != 3 || qkv[2] % (3 * heads) != 0) {
      throw ShapeError(
          concat("attention: the input ", qkv, " must be [batch, time, 3 * heads * head_dim] with ", heads, " heads"));
    }
    return qkv.with(2, qkv[2] / 3);
  }

  template <class Context, class T>
  void forward(Context& context, TensorView<T> y, TensorView<const T> qkv) {
    const AttentionExtents e = extents(qkv.shape);
    T* saved = context.template allocate<T>(e.batch * e.heads * e.query_time);
    log_sum_exps = saved;
    if (e.dropout > 0) random = context.random();
    using Kernels = typename Context::Kernels;
    T* workspace = context.template scratch<T>(Kernels::template attention_workspace<T>(context.device, e));
    Kernels::attention(context.device, e, part(qkv.data, e, 0, 3), part(qkv.data, e, 1, 3), part(qkv.data, e, 2, 3),
                       part(y.data, e, 0, 1), saved, random, workspace);
  }

  template <class Context, class T>
  void backward(Context& context, const Result<T>& y, Operand<T> qkv) const {
    const auto d = context.gradient(qkv);
    if (!d) return;
    const AttentionExtents e = extents(qkv.value.shape);
    const T* x = qkv.value.data;
    using Kernels = typename Context::Kernels;
    T* workspace = context.template scratch<T>(Kernels::template attention_workspace<T>(context.device, e));
    Kernels::attention_backward(context.device, e, part(x, e, 0, 3), part(x, e, 1, 3), part(x, e, 2, 3),
                                part(y.value.data, e, 0, 1), part(y.gradient.data, e, 0, 1),
                                static_cast<const T*>(log_sum_exps), random, part(d.data, e, 0, 3), d.accumulate,
                                part(d.data, e, 1, 3), d.accumulate, part(d.data, e, 2, 3), d.accumulate, workspace);
  }

 private:
  AttentionExtents extents(const Shape& qkv) const {
    return {qkv[0], heads, qkv[1], qkv[1], qkv[2] / (3 * heads), options.scale, options.causal, options.dropout};
  }

  /// The heads of the part at `index` of rows that hold `count` parts.
  template <class T>
  static HeadMatrices<T> part(T* data, const AttentionExtents& e, std::int64_t index, std::int64_t count) {
    const std::int64_t width = e.heads * e.head_dim;
    return {data + index * width, e.query_time * count * width, e.head_dim, count * width};
  }
};

}  // namespace ops

namespace detail {

/// Checks the options and fills in what depends on the operands and the mode.
inline ScaledDotProductOptions resolve(ScaledDotProductOptions options, std::int64_t head_dim, bool training) {
  if (!(options.dropout >= 0 && options.dropout <= 1)) {
    throw ArgumentError(concat("attention: the dropout probability must be in [0, 1], got ", options.dropout));
  }
  if (!training) options.dropout = 0;
  if (options.scale == 0) options.scale = head_dim > 0 ? 1 / std::sqrt(static_cast<double>(head_dim)) : 1;
  return options;
}

}  // namespace detail

/// dropout(softmax(scale q k^T)) v for every batch and head: q [batch, heads, query_time, head_dim], k and v [batch,
/// heads, key_time, head_dim]; the result has q's shape. Memory grows with time, not with its square.
template <Variable V>
V scaled_dot_product_attention(const V& q, const V& k, const V& v, const ScaledDotProductOptions& options = {}) {
  const std::int64_t head_dim = q.rank() > 0 ? q.extent(-1) : 1;
  return q.tape().record(ops::ScaledDotProductAttention{detail::resolve(options, head_dim, q.tape().training())}, q, k,
                         v);
}

/// Self-attention of `heads` heads over qkv [batch, time, 3 * width], whose rows hold query, key and value one after
/// the other, each with its heads one after the other; the result is [batch, time, width].
template <Variable V>
V attention(const V& qkv, std::int64_t heads, const ScaledDotProductOptions& options = {}) {
  const std::int64_t head_dim = qkv.rank() > 0 && heads > 0 ? qkv.extent(-1) / (3 * heads) : 1;
  return qkv.tape().record(ops::PackedAttention{heads, detail::resolve(options, head_dim, qkv.tape().training())}, qkv);
}

}  // namespace lockstep
