// A tensor that owns its memory: what data sets hold, batches carry and results are returned in.
#pragma once

#include <lockstep/tensor/cpu.hpp>
#include <lockstep/tensor/tensor_view.hpp>

#include <algorithm>
#include <initializer_list>
#include <span>
#include <utility>

namespace lockstep {

/// Owns a contiguous row-major tensor on a device; move-only (`clone` copies). New tensors are zero.
template <Element T, Device DeviceType = Cpu>
class Tensor {
 public:
  using value_type = T;

  Tensor() : shape_({0}) {}
  explicit Tensor(const Shape& shape, DeviceType device = {}) : device_(device), shape_(shape) {
    memory_ = device_.allocate(bytes());
  }

  /// A tensor filled with one value.
  static Tensor full(const Shape& shape, T value) requires DeviceType::host_accessible {
    Tensor result(shape);
    std::fill(result.data(), result.data() + shape.numel(), value);
    return result;
  }

  /// A tensor with the given elements in row-major order; throws ShapeError when their number is not the shape's.
  static Tensor from(const Shape& shape, std::span<const T> values) {
    if (static_cast<std::int64_t>(values.size()) != shape.numel()) {
      throw ShapeError(concat("Tensor::from: ", shape, " needs ", shape.numel(), " values, got ", values.size()));
    }
    Tensor result(shape);
    result.device_.copy_from_host(result.memory_.data(), reinterpret_cast<const std::byte*>(values.data()),
                                  values.size_bytes());
    return result;
  }
  static Tensor from(const Shape& shape, std::initializer_list<T> values) {
    return from(shape, std::span<const T>(values.begin(), values.size()));
  }

  Tensor clone() const {
    Tensor result(shape_, device_);
    result.device_.copy(result.memory_.data(), memory_.data(), bytes());
    return result;
  }

  /// Changes the shape; keeps the memory when it is large enough, and then the elements are what they were.
  /// Without memory for it, the tensor stays what it is.
  void resize(const Shape& shape) {
    if (bytes_of(shape) > memory_.size()) memory_ = device_.allocate(bytes_of(shape));
    shape_ = shape;
  }

  T* data() { return reinterpret_cast<T*>(memory_.data()); }
  const T* data() const { return reinterpret_cast<const T*>(memory_.data()); }
  const Shape& shape() const { return shape_; }
  int rank() const { return shape_.rank(); }
  std::int64_t numel() const { return shape_.numel(); }
  std::int64_t extent(int dimension) const { return shape_[dimension]; }

  TensorView<T> view() { return {data(), shape_}; }
  TensorView<const T> view() const { return {data(), shape_}; }
  operator TensorView<T>() { return view(); }
  operator TensorView<const T>() const { return view(); }
  std::span<T> span() { return view().span(); }
  std::span<const T> span() const { return view().span(); }

  T& operator[](std::int64_t index) requires DeviceType::host_accessible { return data()[index]; }
  const T& operator[](std::int64_t index) const requires DeviceType::host_accessible { return data()[index]; }

  /// The only element; throws ShapeError when there is not exactly one.
  T item() const requires DeviceType::host_accessible { return view().item(); }

 private:
  static std::size_t bytes_of(const Shape& shape) { return static_cast<std::size_t>(shape.numel()) * sizeof(T); }
  std::size_t bytes() const { return bytes_of(shape_); }

  [[no_unique_address]] DeviceType device_;
  typename DeviceType::Memory memory_;
  Shape shape_;
};

}  // namespace lockstep
