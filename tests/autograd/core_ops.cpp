// The list of the library's ops: no op twice, and one step that uses many of them together.
#include <lockstep/autograd/core_ops.hpp>
#include <lockstep/autograd/gradcheck.hpp>

#include <doctest/doctest.h>

using namespace lockstep;

namespace {

template <class... Ops>
constexpr bool each_is_at_its_place(OpList<Ops...>) {
  std::size_t place = 0;
  return ((OpList<Ops...>::template index_of<Ops>() == place++) && ...);
}

struct Mine {
  [[maybe_unused]] static constexpr const char* name = "mine";
  [[maybe_unused]] static constexpr int arity = 1;
};

}  // namespace

TEST_CASE("no op is named twice, and more can be added") {
  static_assert(each_is_at_its_place(CoreOps::List{}));
  static_assert(!CoreOps::contains<Mine>);
  static_assert(CoreOps::with<Mine>::index_of<Mine>() == CoreOps::size);
  CHECK(CoreOps::contains<ops::Sum>);
}

TEST_CASE("a network of many ops") {
  const auto x = Tensor<double>::from({2, 3}, {0.1, -0.4, 0.7, 1.2, 0.3, -0.9});
  const auto weight = Tensor<double>::from({4, 3}, {0.2, -0.1, 0.5, 0.3, 0.9, -0.6, 0.4, -0.8, 0.1, -0.3, 0.6, 0.2});
  const auto bias = Tensor<double>::from({4}, {0.1, 0.2, -0.3, 0.4});
  gradcheck(
      [](const auto& input, const auto& w, const auto& b) {
        auto h = gelu(matmul(input, transpose(w, 0, 1)) + b);
        h = concat({slice(h, 1, 0, 2), tanh(reshape(h, {2, -1}))}, 1) / 2 - sigmoid(mean(h, {1}, true));
        return max(exp(h) * silu(h), {0}) +
               sum(softmax(h, -1) * h, {0}) * sum(sqrt(square(broadcast_to(b, {3, 4})) + 1));
      },
      x, weight, bias);
}
