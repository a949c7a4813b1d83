// The extents of a tensor, outermost first; at most six, held in place.
#pragma once

#include <lockstep/core/error.hpp>

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace lockstep {

/// The extents of a contiguous row-major tensor; rank 0 is a scalar with one element.
class Shape {
 public:
  static constexpr int max_rank = 6;
  /// So many elements that the bytes of any element type can still be counted.
  static constexpr std::int64_t max_numel = std::int64_t{1} << 60;

  constexpr Shape() = default;

  /// Throws ShapeError on more than six extents, on a negative one, and on more than 2^60 elements.
  constexpr Shape(std::initializer_list<std::int64_t> extents)
      : Shape(std::span<const std::int64_t>(extents.begin(), extents.size())) {}

  constexpr explicit Shape(std::span<const std::int64_t> extents) {
    if (extents.size() > max_rank) {
      throw ShapeError(concat("Shape: at most ", max_rank, " extents are supported, got ", extents.size()));
    }
    for (std::int64_t extent : extents) push_back(extent);
  }

  constexpr int rank() const { return rank_; }

  /// The extent of a dimension; a negative index counts from the last one (-1).
  constexpr std::int64_t operator[](int dimension) const { return extents_[index(dimension)]; }

  /// The number of elements.
  constexpr std::int64_t numel() const { return numel_; }

  constexpr const std::int64_t* begin() const { return extents_; }
  constexpr const std::int64_t* end() const { return extents_ + rank_; }

  /// Appends an innermost extent.
  constexpr void push_back(std::int64_t extent) {
    if (rank_ == max_rank) throw ShapeError(concat("Shape: at most ", max_rank, " extents are supported"));
    if (extent < 0) throw ShapeError(concat("Shape: extents must not be negative, got ", extent));
    if (extent > 0 && numel_ > max_numel / extent) {
      throw ShapeError(concat("Shape: more than 2^60 elements (", numel_, " times ", extent, ")"));
    }
    extents_[rank_++] = extent;
    numel_ *= extent;
  }

  /// The same shape with one extent replaced.
  constexpr Shape with(int dimension, std::int64_t extent) const {
    Shape result;
    const auto changed = static_cast<int>(index(dimension));
    for (int i = 0; i < rank_; ++i) result.push_back(i == changed ? extent : extents_[i]);
    return result;
  }

  /// The extents in [first, last), as a shape of their own.
  constexpr Shape slice(int first, int last) const {
    Shape result;
    for (int i = first; i < last; ++i) result.push_back(extents_[i]);
    return result;
  }

  /// The dimension that `dimension` means, negative ones counted from the end; throws ShapeError when there is none.
  constexpr int normalize(int dimension) const { return static_cast<int>(index(dimension)); }

  friend constexpr bool operator==(const Shape& a, const Shape& b) {
    if (a.rank_ != b.rank_) return false;
    for (int i = 0; i < a.rank_; ++i) {
      if (a.extents_[i] != b.extents_[i]) return false;
    }
    return true;
  }

  friend std::string to_string(const Shape& shape) {
    std::string text = "[";
    for (int i = 0; i < shape.rank_; ++i) {
      if (i > 0) text += ", ";
      text += std::to_string(shape.extents_[i]);
    }
    return text + "]";
  }

 private:
  constexpr std::size_t index(int dimension) const {
    const int resolved = dimension < 0 ? dimension + rank_ : dimension;
    if (resolved < 0 || resolved >= rank_) {
      throw ShapeError(concat("Shape: dimension ", dimension, " does not exist in ", to_string(*this)));
    }
    return static_cast<std::size_t>(resolved);
  }

  std::int64_t extents_[max_rank] = {};
  std::int64_t numel_ = 1;
  int rank_ = 0;
};

/// The shape that two operands have after broadcasting: aligned at the last dimension, extents equal or one of them 1.
/// Throws ShapeError with both shapes; `what` names the operation.
constexpr Shape broadcast_shapes(const Shape& a, const Shape& b, const char* what) {
  const int rank = a.rank() > b.rank() ? a.rank() : b.rank();
  Shape result;
  for (int i = 0; i < rank; ++i) {
    const int from_a = i - (rank - a.rank());
    const int from_b = i - (rank - b.rank());
    const std::int64_t extent_a = from_a < 0 ? 1 : a[from_a];
    const std::int64_t extent_b = from_b < 0 ? 1 : b[from_b];
    if (extent_a != extent_b && extent_a != 1 && extent_b != 1) {
      throw ShapeError(concat(what, ": cannot broadcast ", to_string(a), " with ", to_string(b),
                              "; extents must be equal or 1, counted from the last dimension"));
    }
    result.push_back(extent_a == 1 ? extent_b : extent_a);
  }
  return result;
}

}  // namespace lockstep
