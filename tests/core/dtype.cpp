// Element types: names, sizes, and which C++ types have one.
#include <lockstep/core/dtype.hpp>

#include <doctest/doctest.h>

#include <set>
#include <string>

using namespace lockstep;

TEST_CASE("every type has a size and a name of its own") {
  std::set<std::string> names;
  for (int i = 0; i <= static_cast<int>(DType::float64); ++i) {
    const auto dtype = static_cast<DType>(i);
    CHECK(size_of(dtype) > 0);
    names.insert(to_string(dtype));
  }
  CHECK(names.size() == 13);
  CHECK(names.count("unknown") == 0);
  CHECK(std::string(to_string(DType::bfloat16)) == "bfloat16");
  CHECK(size_of(DType::bfloat16) == 2);
  CHECK(size_of(DType::boolean) == 1);
}

TEST_CASE("C++ types") {
  static_assert(Element<float> && Element<double> && Element<std::uint8_t> && Element<std::int32_t> &&
                Element<std::int64_t> && Element<const float>);
  static_assert(!Element<bool> && !Element<char*> && !Element<long double>);
  static_assert(Scalar<float> && Scalar<double> && !Scalar<std::int32_t>);
  static_assert(dtype_of<const double> == DType::float64);
  CHECK(size_of(dtype_of<float>) == sizeof(float));
  CHECK(size_of(dtype_of<double>) == sizeof(double));
  CHECK(size_of(dtype_of<std::uint8_t>) == sizeof(std::uint8_t));
  CHECK(size_of(dtype_of<std::int32_t>) == sizeof(std::int32_t));
  CHECK(size_of(dtype_of<std::int64_t>) == sizeof(std::int64_t));
}
