// A pointer and a shape: what kernels and users pass around. It owns nothing.
#pragma once

#include <lockstep/core/dtype.hpp>
#include <lockstep/core/shape.hpp>

#include <cstddef>
#include <span>
#include <type_traits>

namespace lockstep {

/// A contiguous row-major tensor that somebody else owns; `T` may be const. The memory is on whatever device it is on.
template <class T>
requires Element<T>
struct TensorView {
  T* data = nullptr;
  Shape shape = {0};

  constexpr TensorView() = default;
  constexpr TensorView(T* elements, const Shape& extents) : data(elements), shape(extents) {}

  /// A read-only view of a writable one.
  template <class U>
  requires(std::is_const_v<T>&& std::is_same_v<U, std::remove_const_t<T>>) constexpr TensorView(
      const TensorView<U>& other)
      : data(other.data), shape(other.shape) {}

  constexpr int rank() const { return shape.rank(); }
  constexpr std::int64_t numel() const { return shape.numel(); }
  constexpr std::int64_t extent(int dimension) const { return shape[dimension]; }
  constexpr std::span<T> span() const { return {data, static_cast<std::size_t>(numel())}; }

  /// The element at a flat, row-major index; not checked.
  constexpr T& operator[](std::int64_t index) const { return data[index]; }

  /// The only element; throws ShapeError when there is not exactly one.
  constexpr T item() const {
    if (numel() != 1) throw ShapeError(concat("item: one element is needed, the shape is ", shape));
    return data[0];
  }

  /// The same elements under another shape of equal element count.
  constexpr TensorView reshaped(const Shape& other) const {
    if (other.numel() != numel()) {
      throw ShapeError(concat("reshape: ", shape, " has ", numel(), " elements, ", other, " has ", other.numel()));
    }
    return {data, other};
  }

  /// Rows [first, last) of the outermost dimension.
  constexpr TensorView rows(std::int64_t first, std::int64_t last) const {
    if (rank() == 0 || first < 0 || last < first || last > shape[0]) {
      throw ShapeError(concat("rows: [", first, ", ", last, ") is not inside the first dimension of ", shape));
    }
    const std::int64_t row = shape[0] == 0 ? 0 : numel() / shape[0];
    return {data + first * row, shape.with(0, last - first)};
  }
};

template <class T>
TensorView(T*, const Shape&) -> TensorView<T>;

}  // namespace lockstep
