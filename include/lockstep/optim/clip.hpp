// Gradient clipping over flat ranges. The norm is a function of the values alone: squares are summed in double in
// blocks of norm_block elements, blocks in one fixed binary tree, so the bits do not depend on how a range is cut into
// pieces.
#pragma once

#include <lockstep/core/error.hpp>
#include <lockstep/kernels/kernels.hpp>
#include <lockstep/kernels/norm_block.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <span>

namespace lockstep {

/// Adds numbers, given one by one, in a fixed binary tree: numbers 0 and 1, 2 and 3, then pairs of pairs, and so on.
/// Any aligned power of two of them may be added beforehand. Needs 64 numbers of memory however many come.
class TreeSum {
 public:
  void add(double value) {
    const int level = std::countr_one(count_++);  // like a binary counter: each carry is one addition
    for (int i = 0; i < level; ++i) value = partial_[i] + value;
    partial_[level] = value;
  }

  double result() const {
    double sum = 0.0;
    bool first = true;
    for (std::uint64_t left = count_; left != 0; left &= left - 1) {
      const double value = partial_[std::countr_zero(left)];
      sum = first ? value : value + sum;
      first = false;
    }
    return sum;
  }

 private:
  std::uint64_t count_ = 0;
  double partial_[64];  // the sum of 2^level numbers where bit `level` of the count is set
};

/// The sum of squares of a gradient range that arrives in pieces, in order. Pieces may be cut anywhere when the host
/// can read them; else only at multiples of norm_block elements.
template <class T>
class SquareSum {
 public:
  template <class DeviceType>
  void add(DeviceType& device, std::span<const T> piece) {
    if constexpr (DeviceType::host_accessible) {
      if (pending_ > 0) piece = fill_pending(device, piece);
      const std::size_t whole = piece.size() / block * block;
      add_blocks(device, piece.first(whole));
      fill_pending(device, piece.subspan(whole));
    } else {
      add_blocks(device, piece);
    }
  }

  template <class DeviceType>
  double result(DeviceType& device) {
    if (pending_ > 0) add_blocks(device, std::span<const T>(buffer_, pending_));
    pending_ = 0;
    return tree_.result();
  }

 private:
  static constexpr std::size_t block = static_cast<std::size_t>(norm_block);

  template <class DeviceType>
  std::span<const T> fill_pending(DeviceType& device, std::span<const T> piece) {
    const std::size_t taken = std::min(block - pending_, piece.size());
    std::copy_n(piece.data(), taken, buffer_ + pending_);
    pending_ += taken;
    if (pending_ == block) {
      add_blocks(device, std::span<const T>(buffer_, block));
      pending_ = 0;
    }
    return piece.subspan(taken);
  }

  template <class DeviceType>
  void add_blocks(DeviceType& device, std::span<const T> values) {
    double sums[64];
    while (!values.empty()) {
      const std::size_t size = std::min(values.size(), block * std::size(sums));
      Kernels<DeviceType>::square_sums(device, static_cast<std::int64_t>(size), values.data(), sums);
      for (std::size_t i = 0; i * block < size; ++i) tree_.add(sums[i]);
      values = values.subspan(size);
    }
  }

  TreeSum tree_;
  std::size_t pending_ = 0;
  T buffer_[block];
};

/// The Euclidean norm of a flat gradient range.
template <class DeviceType, class T>
double gradient_norm(DeviceType& device, std::span<const T> gradients) {
  SquareSum<T> sum;
  sum.add(device, gradients);
  return std::sqrt(sum.result(device));
}

/// The factor that clipping to `max_norm` multiplies gradients of norm `norm` by: min(1, max_norm / (norm + 1e-6)).
inline double clip_coefficient(double norm, double max_norm) {
  const double coefficient = max_norm / (norm + 1e-6);
  return coefficient > 1.0 ? 1.0 : coefficient;  // NaN stays NaN
}

struct ClipOptions {
  bool error_if_nonfinite = false;  ///< throw NumericalError, leaving the gradients alone, when the norm is inf or NaN
};

/// The checks of clip_grad_norm, and its factor, for callers that compute the norm or apply the factor themselves.
inline double checked_clip_coefficient(double norm, double max_norm, const ClipOptions& options = {}) {
  if (!(max_norm >= 0.0)) throw ArgumentError(concat("clip_grad_norm: max_norm must not be negative, got ", max_norm));
  if (options.error_if_nonfinite && !std::isfinite(norm)) {
    throw NumericalError(
        concat("clip_grad_norm: the norm of the gradients is ", norm,
               ", so they hold an inf or a NaN; lower the learning rate, look for the step it began at, "
               "or clip with error_if_nonfinite = false"));
  }
  return clip_coefficient(norm, max_norm);
}

/// Scales gradients so that their Euclidean norm is at most `max_norm`, as torch.nn.utils.clip_grad_norm_ does.
/// Returns the norm they had. The pieces are one flat range cut anywhere.
template <class DeviceType, class T>
double clip_grad_norm(DeviceType& device, std::span<const std::span<T>> pieces, double max_norm,
                      const ClipOptions& options = {}) {
  SquareSum<T> sum;
  for (const std::span<T>& piece : pieces) sum.add(device, std::span<const T>(piece));
  const double norm = std::sqrt(sum.result(device));
  const double coefficient = checked_clip_coefficient(norm, max_norm, options);
  if (coefficient == 1.0) return norm;
  for (const std::span<T>& piece : pieces) {
    Kernels<DeviceType>::scale(device, static_cast<std::int64_t>(piece.size()), piece.data(),
                               static_cast<T>(coefficient));
  }
  return norm;
}

/// The same over one flat range.
template <class DeviceType, class T>
double clip_grad_norm(DeviceType& device, std::span<T> gradients, double max_norm, const ClipOptions& options = {}) {
  return clip_grad_norm(device, std::span<const std::span<T>>(&gradients, 1), max_norm, options);
}

/// Limits every gradient to [-clip_value, clip_value], as torch.nn.utils.clip_grad_value_ does.
template <class DeviceType, class T>
void clip_grad_value(DeviceType& device, std::span<T> gradients, double clip_value) {
  if (!(clip_value >= 0.0)) {
    throw ArgumentError(concat("clip_grad_value: clip_value must not be negative, got ", clip_value));
  }
  Kernels<DeviceType>::clamp(device, static_cast<std::int64_t>(gradients.size()), gradients.data(),
                             static_cast<T>(clip_value));
}

}  // namespace lockstep
