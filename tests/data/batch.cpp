#include <lockstep/data/batch.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

namespace ls = lockstep;

namespace {

struct OwnMembers {  // no base class is needed
  std::vector<std::int64_t> indices;
  std::int64_t epoch, step, size, valid;
  bool last;
};
struct WithoutValid {
  std::vector<std::int64_t> indices;
  std::int64_t epoch, step, size;
  bool last;
};
struct NotDefaultConstructible : ls::BatchInfo {
  explicit NotDefaultConstructible(int) {}
};
struct WithReference : ls::BatchInfo {
  const int& reference;
};

static_assert(ls::ReusableBatch<ls::Batch<std::uint8_t, float>>);
static_assert(ls::ReusableBatch<ls::BatchInfo>);
static_assert(ls::ReusableBatch<OwnMembers>);
static_assert(!ls::ReusableBatch<WithoutValid>);
static_assert(!ls::ReusableBatch<NotDefaultConstructible>);
static_assert(!ls::ReusableBatch<WithReference>);
static_assert(!ls::ReusableBatch<int>);

}  // namespace

TEST_CASE("batch: starts empty") {
  const ls::Batch<float, std::int32_t> batch;
  CHECK(batch.size == 0);
  CHECK(batch.inputs.numel() == 0);
  CHECK(batch.indices.empty());
}
