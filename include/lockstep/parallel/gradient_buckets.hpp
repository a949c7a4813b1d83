// Cuts a flat gradient buffer into the pieces that are exchanged one by one while the backward sweep still runs.
#pragma once

#include <lockstep/core/on_demand.hpp>
#include <lockstep/nn/parameter_layout.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace lockstep {

/// Sizes of gradient buckets. The first one is smaller, so that the exchange starts early.
struct BucketOptions {
  std::int64_t first_bucket_bytes = std::int64_t{256} << 10;
  std::int64_t bucket_bytes = std::int64_t{4} << 20;
};

/// A range of the gradient buffer and of the layout's parameters.
struct GradientBucket {
  std::int64_t begin = 0;  // elements
  std::int64_t end = 0;
  std::size_t first_parameter = 0;
  std::size_t last_parameter = 0;  // one past the end

  std::size_t parameter_count() const { return last_parameter - first_parameter; }
};

/// The buckets of a layout. Gradients become ready roughly from the last parameter to the first, so bucket 0 is the end
/// of the buffer; a bucket is never split inside a parameter.
class GradientBuckets {
 public:
  LOCKSTEP_ON_DEMAND GradientBuckets(const ParameterLayout& layout, std::size_t element_size,
                                     const BucketOptions& options)
      : bucket_of_(layout.trainable_count) {
    if (options.first_bucket_bytes < 1 || options.bucket_bytes < 1) {
      throw ArgumentError(concat("BucketOptions: sizes must be positive, got first_bucket_bytes ",
                                 options.first_bucket_bytes, " and bucket_bytes ", options.bucket_bytes));
    }
    std::int64_t end = layout.trainable_size;
    for (std::size_t i = layout.trainable_count; i-- > 0;) {
      const std::int64_t begin = layout.ranges[i].offset;
      const std::int64_t limit = buckets_.size() > 1 ? options.bucket_bytes : options.first_bucket_bytes;
      const bool full =
          !buckets_.empty() && (buckets_.back().end - begin) * static_cast<std::int64_t>(element_size) > limit;
      if (buckets_.empty() || full) buckets_.push_back({begin, end, i, i + 1});
      buckets_.back().begin = begin;
      buckets_.back().first_parameter = i;
      bucket_of_[i] = buckets_.size() - 1;
      end = begin;
    }
  }

  /// In the order in which they are exchanged, on every rank.
  std::span<const GradientBucket> buckets() const { return buckets_; }

  /// The bucket that holds the trainable parameter at `i` in the layout.
  std::size_t bucket_of(std::size_t i) const { return bucket_of_[i]; }

 private:
  std::vector<GradientBucket> buckets_;
  std::vector<std::size_t> bucket_of_;
};

}  // namespace lockstep
