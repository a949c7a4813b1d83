#include <lockstep/parallel/gradient_buckets.hpp>

#include <doctest/doctest.h>

using namespace lockstep;

namespace {

struct Net {
  Parameter a{Shape{100}}, b{Shape{10}}, frozen{Shape{50}, init::zeros(), false}, c{Shape{1000}}, d{Shape{3}};
  LOCKSTEP_FIELDS(a, b, frozen, c, d)
};

}  // namespace

TEST_CASE("buckets cover the gradient buffer from its end, without gaps, and never split a parameter") {
  const auto layout = ParameterLayout::of(Net{}, sizeof(float));
  for (const std::int64_t first : {1, 100, 5000}) {
    for (const std::int64_t other : {1, 600, 5000}) {
      CAPTURE(first);
      CAPTURE(other);
      const GradientBuckets buckets(layout, sizeof(float), {first, other});
      std::int64_t end = layout.trainable_size;
      std::size_t parameter = layout.trainable_count;
      for (const GradientBucket& bucket : buckets.buckets()) {
        CHECK(bucket.end == end);
        CHECK(bucket.begin < bucket.end);
        CHECK(bucket.last_parameter == parameter);
        for (std::size_t i = bucket.first_parameter; i < bucket.last_parameter; ++i) {
          CHECK(layout.ranges[i].offset >= bucket.begin);
          CHECK(layout.ranges[i].end() <= bucket.end);
          CHECK(&buckets.buckets()[buckets.bucket_of(i)] == &bucket);
        }
        end = bucket.begin;
        parameter = bucket.first_parameter;
      }
      CHECK(end == 0);
      CHECK(parameter == 0);
    }
  }
}

TEST_CASE("the first bucket has its own limit, later ones the other") {
  const auto layout = ParameterLayout::of(Net{}, sizeof(float));
  CHECK(GradientBuckets(layout, sizeof(float), {1, 1}).buckets().size() == 4);        // one parameter each
  CHECK(GradientBuckets(layout, sizeof(float), {1, 1 << 20}).buckets().size() == 2);  // d; the rest
  CHECK(GradientBuckets(layout, sizeof(float), {1 << 20, 1 << 20}).buckets().size() == 1);
  CHECK_THROWS_AS(GradientBuckets(layout, sizeof(float), {0, 1}), ArgumentError);
}
