// A set of dimensions of a tensor, as reductions take it.
#pragma once

#include <lockstep/core/shape.hpp>

#include <initializer_list>

namespace lockstep {

/// Some dimensions of a tensor; negative ones count from the last. Made from one, from a list as in `{0, -1}`, or
/// empty, which means all of them.
class Dimensions {
 public:
  constexpr Dimensions() = default;
  constexpr Dimensions(int dimension) : values_{dimension}, count_(1) {}
  constexpr Dimensions(std::initializer_list<int> dimensions) {
    if (dimensions.size() > Shape::max_rank) {
      throw ShapeError(concat("Dimensions: at most ", Shape::max_rank, " dimensions, got ", dimensions.size()));
    }
    for (int dimension : dimensions) values_[count_++] = dimension;
  }

  constexpr int size() const { return count_; }
  constexpr const int* begin() const { return values_; }
  constexpr const int* end() const { return values_ + count_; }

  /// Bit d is set when dimension d of `shape` is in the set. Throws ShapeError when a dimension does not exist or is
  /// named twice; `what` names the operation.
  constexpr unsigned mask(const Shape& shape, const char* what) const {
    if (count_ == 0) return (1U << shape.rank()) - 1;
    unsigned bits = 0;
    for (int dimension : *this) {
      const unsigned bit = 1U << shape.normalize(dimension);
      if ((bits & bit) != 0) {
        throw ShapeError(concat(what, ": dimension ", dimension, " of ", to_string(shape), " is named twice"));
      }
      bits |= bit;
    }
    return bits;
  }

 private:
  int values_[Shape::max_rank] = {};
  int count_ = 0;
};

}  // namespace lockstep
