#include <lockstep/comm/call/wide_sum.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

namespace detail = lockstep::detail;

namespace {

constexpr int rank_counts[] = {2, 3, 4, 8};

/// The canonical order as the documentation states it.
template <class T>
T tree(const std::vector<std::vector<T>>& inputs, std::size_t element, std::size_t first, std::size_t count) {
  if (count == 1) return inputs[first][element];
  std::size_t half = 1;
  while (half * 2 < count) half *= 2;
  return static_cast<T>(tree(inputs, element, first, half) + tree(inputs, element, first + half, count - half));
}

using Kernel = void (*)(const std::byte* const*, int, std::byte* const*, int, std::size_t, float);

[[maybe_unused]] void baseline(const std::byte* const* inputs, int ranks, std::byte* const* outputs, int output_count,
                               std::size_t bytes, float scale) {
  detail::add_few<float, 16>(inputs, ranks, outputs, output_count, bytes, scale);
}

std::vector<Kernel> kernels_of_this_machine() {
  std::vector<Kernel> kernels{&baseline};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) kernels.push_back(&detail::add_few_avx2<float>);
  if (__builtin_cpu_supports("avx512f")) kernels.push_back(&detail::add_few_avx512<float>);
#endif
  return kernels;
}

}  // namespace

TEST_CASE("every width of vectors gives the bits of the canonical order, at any address, into any number of outputs") {
  constexpr std::size_t count = 160;
  for (const int ranks : rank_counts) {
    const auto size = static_cast<std::size_t>(ranks);
    std::vector<std::vector<float>> inputs(size, std::vector<float>(count));
    for (std::size_t rank = 0; rank < size; ++rank) {
      for (std::size_t i = 0; i < count; ++i) {
        inputs[rank][i] = std::sin(static_cast<float>(rank * 977 + i)) * static_cast<float>(1 + rank % 5);
      }
    }
    for (const Kernel kernel : kernels_of_this_machine()) {
      for (const std::size_t shift : {std::size_t{0}, std::size_t{1}, std::size_t{7}}) {
        for (int output_count = 1; output_count <= ranks; ++output_count) {
          std::vector<std::vector<float>> memory(size, std::vector<float>(shift + count + 1, -7.0f));
          std::vector<std::byte*> pointers;
          for (std::size_t rank = 0; rank < size; ++rank) {
            std::memcpy(memory[rank].data() + shift, inputs[rank].data(), count * sizeof(float));
            pointers.push_back(reinterpret_cast<std::byte*>(memory[rank].data() + shift));
          }
          kernel(pointers.data(), ranks, pointers.data(), output_count, count * sizeof(float), 0.5f);
          std::size_t different = 0;
          for (std::size_t rank = 0; rank < size; ++rank) {
            for (std::size_t i = 0; i < count; ++i) {
              const float expected =
                  static_cast<int>(rank) < output_count ? tree(inputs, i, 0, size) * 0.5f : inputs[rank][i];
              different += memory[rank][shift + i] != expected;
            }
            different += memory[rank][shift + count] != -7.0f;  // nothing beyond the end
            for (std::size_t i = 0; i < shift; ++i) different += memory[rank][i] != -7.0f;
          }
          CHECK(different == 0);
        }
      }
    }
  }
}

TEST_CASE_TEMPLATE("whole lines are summed, the rest is left to the caller", T, float, double, std::int8_t,
                   std::uint8_t, std::int16_t, std::int32_t, std::int64_t, std::uint64_t) {
  const std::size_t lanes = 64 / sizeof(T), count = 3 * lanes + 1;
  for (const int ranks : rank_counts) {
    const auto size = static_cast<std::size_t>(ranks);
    std::vector<std::vector<T>> inputs(size, std::vector<T>(count));
    std::vector<const std::byte*> pointers;
    for (std::size_t rank = 0; rank < size; ++rank) {
      for (std::size_t i = 0; i < count; ++i) inputs[rank][i] = static_cast<T>(rank * 3 + i % 5);
      pointers.push_back(reinterpret_cast<const std::byte*>(inputs[rank].data()));
    }
    std::vector<T> result(count, T{99});
    std::byte* out = reinterpret_cast<std::byte*>(result.data());
    CHECK(detail::wide_sum<T>(pointers.data(), ranks, &out, 1, count, T{1}) == 3 * lanes);
    for (std::size_t i = 0; i + 1 < count; ++i) CHECK(result[i] == tree(inputs, i, 0, size));
    CHECK(result[count - 1] == T{99});
    CHECK(detail::wide_sum<T>(pointers.data(), ranks, &out, 1, lanes - 1, T{1}) == 0);
  }
}

TEST_CASE("integers wrap around") {
  const std::vector<std::int32_t> a(16, std::numeric_limits<std::int32_t>::max()), b(16, 1);
  const std::byte* inputs[] = {reinterpret_cast<const std::byte*>(a.data()),
                               reinterpret_cast<const std::byte*>(b.data())};
  std::vector<std::int32_t> result(16);
  std::byte* out = reinterpret_cast<std::byte*>(result.data());
  CHECK(detail::wide_sum<std::int32_t>(inputs, 2, &out, 1, 16, 1) == 16);
  for (const std::int32_t value : result) CHECK(value == std::numeric_limits<std::int32_t>::min());
}
