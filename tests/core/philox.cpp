// Philox4x32-10 against the known answers that Random123 publishes (its file kat_vectors), and the distributions.
#include <lockstep/core/philox.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <set>
#include <vector>

using namespace lockstep;

TEST_CASE("known answers") {
  CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) == PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
        PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("any position can be read without the ones before it") {
  Philox stream(1234567890123ULL, 77);
  const Philox start = stream;
  for (std::uint64_t i = 0; i < 100; ++i) CHECK(stream.next() == start.at(i));
  CHECK(start.block(5)[2] == start.at(22));
  const std::uint64_t far = (std::uint64_t{1} << 40) + 3;
  CHECK(start.at(far) == start.block(far / 4)[3]);
}

TEST_CASE("streams and seeds differ, copies continue alike") {
  std::set<std::uint32_t> first_words;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    for (std::uint64_t stream = 0; stream < 30; ++stream) first_words.insert(Philox(seed, stream).next());
  }
  CHECK(first_words.size() == 900);
  Philox a(5);
  static_cast<void>(a.next());
  Philox b = a;
  CHECK(a.next() == b.next());
}

TEST_CASE("uniform numbers are in [0, 1) and fill it evenly") {
  CHECK(to_uniform(0) == 0.0F);
  CHECK(to_uniform(0xffffffff) < 1.0F);
  Philox random(3);
  std::vector<int> counts(10);
  double sum = 0;
  constexpr int number = 100000;
  for (int i = 0; i < number; ++i) {
    const double u = i % 2 == 0 ? static_cast<double>(random.uniform()) : random.uniform_double();
    CHECK_FALSE((u < 0 || u >= 1));
    ++counts[static_cast<std::size_t>(u * 10)];
    sum += u;
  }
  CHECK(std::fabs(sum / number - 0.5) < 0.005);
  double chi_square = 0;
  for (int count : counts) chi_square += (count - number / 10.0) * (count - number / 10.0) / (number / 10.0);
  CHECK(chi_square < 30);  // nine degrees of freedom: exceeded by chance once in two thousand
}

TEST_CASE("integers below a bound") {
  Philox random(4);
  std::vector<int> counts(7);
  for (int i = 0; i < 70000; ++i) ++counts[static_cast<std::size_t>(random.below(7))];
  for (int count : counts) CHECK(std::abs(count - 10000) < 500);
  CHECK(random.below(1) == 0);
  const std::uint64_t large = (std::uint64_t{1} << 63) + 1;
  for (int i = 0; i < 100; ++i) CHECK(random.below(large) < large);
}

TEST_CASE("normal numbers have mean 0, variance 1 and the right tails") {
  Philox random(5);
  double sum = 0;
  double squares = 0;
  double fourths = 0;
  int beyond_two = 0;
  constexpr int number = 200000;
  for (int i = 0; i < number; ++i) {
    const double x = random.normal();
    sum += x;
    squares += x * x;
    fourths += x * x * x * x;
    beyond_two += std::fabs(x) > 2 ? 1 : 0;
  }
  CHECK(std::fabs(sum / number) < 0.01);
  CHECK(std::fabs(squares / number - 1) < 0.02);
  CHECK(std::fabs(fourths / number - 3) < 0.15);
  CHECK(std::fabs(beyond_two / static_cast<double>(number) - 0.0455) < 0.003);
}

TEST_CASE("mixing spreads neighbours") {
  std::set<std::uint64_t> values;
  for (std::uint64_t a = 0; a < 50; ++a) {
    for (std::uint64_t b = 0; b < 50; ++b) values.insert(mix_bits(a, b));
  }
  CHECK(values.size() == 2500);
  CHECK(mix_bits(1, 2) != mix_bits(2, 1));
}
